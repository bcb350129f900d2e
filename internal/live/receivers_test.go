package live

import (
	"testing"
	"time"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

// withMSS is a segment with options: two that say nothing, and a maximum segment
// size.
func withMSS(h packettest.IP, flags byte, mss uint16) []byte {
	b := h.TCP(1024, 80, flags, []byte{1, 1, 2, 4, byte(mss >> 8), byte(mss), 0, 0})
	at := len(b) - 28
	b[at+12] = 7 << 4
	return b
}

func TestReceivers(t *testing.T) {
	v4 := packettest.IP{Src: "192.0.2.1", Dst: "203.0.113.10"}
	v6 := packettest.IP{Src: "2001:db8::1", Dst: "2001:db8:f::10"}
	answer4 := packettest.IP{Src: "203.0.113.10", Dst: "192.0.2.1"}.TCP(80, 1024, packettest.ACK, nil)
	answer6 := packettest.IP{Src: "2001:db8:f::10", Dst: "2001:db8::1"}.TCP(80, 1024, packettest.ACK, nil)
	router4, router6 := packettest.IP{Src: "198.51.100.1", Dst: "203.0.113.10"}, packettest.IP{Src: "2001:db8:9::1", Dst: "2001:db8:f::10"}
	for _, c := range []struct {
		name    string
		packets [][]byte
		of      string
		want    int
	}{
		{"nothing", nil, "192.0.2.1", 1500},
		{"a usual SYN", [][]byte{withMSS(v4, packettest.SYN, 1460)}, "192.0.2.1", 1500},
		{"a small one", [][]byte{withMSS(v4, packettest.SYN, 1360)}, "192.0.2.1", 1400},
		{"a small one, 6", [][]byte{withMSS(v6, packettest.SYN, 1340)}, "2001:db8::1", 1400},
		{"no SYN", [][]byte{withMSS(v4, packettest.ACK, 1360)}, "192.0.2.1", 1500},
		{"somebody else's", [][]byte{withMSS(v4, packettest.SYN, 1360)}, "192.0.2.2", 1500},
		{"the least of two", [][]byte{withMSS(v4, packettest.SYN, 1260), withMSS(v4, packettest.SYN, 1360)}, "192.0.2.1", 1300},
		{"next to none", [][]byte{withMSS(v4, packettest.SYN, 1)}, "192.0.2.1", leastMTU},
		{"fragmentation needed", [][]byte{router4.ICMP(3, 4, 1280, answer4)}, "192.0.2.1", 1280},
		{"less than any path", [][]byte{router4.ICMP(3, 4, 68, answer4)}, "192.0.2.1", leastMTU},
		{"another error", [][]byte{router4.ICMP(3, 1, 1280, answer4)}, "192.0.2.1", 1500},
		{"packet too big", [][]byte{router6.ICMP(2, 0, 1280, answer6)}, "2001:db8::1", 1280},
		{"cut off", [][]byte{router4.ICMP(3, 4, 1280, answer4[:19]), v4.Wrap(packet.ProtoTCP, []byte{1, 2, 3})}, "192.0.2.1", 1500},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceivers()
			now := time.Unix(0, 0)
			r.now = func() time.Time { return now }
			for _, b := range c.packets {
				r.learn(packettest.Arrived(b, true), 1500)
			}
			if got := r.limit(packettest.Addr(c.of), 1500); got != c.want {
				t.Errorf("MTU %d, want %d", got, c.want)
			}
			now = now.Add(rememberReceiver + 1)
			if got := r.limit(packettest.Addr(c.of), 1500); got != 1500 {
				t.Errorf("later: %d", got)
			}
		})
	}
}

// No packet is too odd to learn from.
func FuzzReceivers(f *testing.F) {
	v4 := packettest.IP{Src: "192.0.2.1", Dst: "203.0.113.10"}
	f.Add(withMSS(v4, packettest.SYN, 1360))
	f.Add(v4.ICMP(3, 4, 1280, v4.UDP(1, 2, nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < packet.SizeIPv4 || b[0]>>4 == 6 && len(b) < packet.SizeIPv6 {
			return
		}
		p := packettest.Arrived(b, true)
		r := newReceivers()
		r.learn(p, 1500)
		for a := range r.mtus {
			if got := r.limit(a, 1500); got < leastMTU {
				t.Errorf("MTU %d", got)
			}
		}
	})
}
