package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

// heard are the reasons of events.
type heard []packet.Reason

func (h *heard) Event(_ *packet.Packet, e packet.Event) { *h = append(*h, e.Reason()) }

// arp returns a message of ARP as a frame carries it.
func arp(op byte, sender [6]byte, from, to [4]byte) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, op}
	b = append(append(b, sender[:]...), from[:]...)
	return append(append(b, 0, 0, 0, 0, 0, 0), to[:]...)
}

func TestParseARP(t *testing.T) {
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	ask := arp(1, mac, [4]byte{192, 0, 2, 100}, [4]byte{192, 0, 2, 10})
	want := ARP{Sender: packet.Addr{192, 0, 2, 100}, SenderMAC: mac, Target: packet.Addr{192, 0, 2, 10}}
	if got, ok := ParseARP(ask); !ok || got != want {
		t.Errorf("a question: %+v, %v", got, ok)
	}
	want.Reply = true
	if got, ok := ParseARP(append(arp(2, mac, [4]byte{192, 0, 2, 100}, [4]byte{192, 0, 2, 10}), 0, 0, 0)); !ok || got != want {
		t.Errorf("an answer, padded: %+v, %v", got, ok)
	}
	for name, b := range map[string][]byte{
		"cut off": ask[:27], "none": nil, "other operation": arp(3, mac, [4]byte{}, [4]byte{}), "other hardware": append([]byte{0, 6}, ask[2:]...),
	} {
		if got, ok := ParseARP(b); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// FuzzARP: whatever ARP says, nothing panics.
func FuzzARP(f *testing.F) {
	f.Add(arp(1, [6]byte{2}, [4]byte{192, 0, 2, 1}, [4]byte{192, 0, 2, 2}))
	f.Fuzz(func(_ *testing.T, b []byte) { ParseARP(b) })
}

// Another station that says that it has an address of this host is pointed out;
// the host itself, and others, may.
func TestARPClaim(t *testing.T) {
	own, other := [4]byte{203, 0, 113, 10}, [4]byte{192, 0, 2, 9}
	stranger := [6]byte{2, 0, 0, 0, 9, 9}
	for _, c := range []struct {
		name   string
		sender [6]byte
		from   [4]byte
		want   packet.Reason
	}{
		{"another station with this host's address", stranger, own, ReasonARPClaim},
		{"another station with its own address", stranger, other, ReasonARP},
		{"this host", mac0, own, ReasonARP},
	} {
		w := newWorld(t)
		var got heard
		w.h.listener = &got
		frame := append(append(append(everyone[:], c.sender[:]...), 8, 6), arp(1, c.sender, c.from, other)...)
		w.do(w.h.Receive("eth0", frame, w.now))
		if d := cmp.Diff(heard{ReasonReceived, c.want}, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, d)
		}
	}
}
