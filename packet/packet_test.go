package packet_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

func TestDecrementTTL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := ip4
		h.ID, h.TOS = rapid.Uint16().Draw(t, "id"), rapid.Byte().Draw(t, "tos")
		h.TTL = rapid.ByteRange(2, 255).Draw(t, "ttl")
		b := h.UDP(1, 2, nil)
		wrong := rapid.SampledFrom([]uint16{0, 1, 0xfffe}).Draw(t, "wrong by")
		binary.BigEndian.PutUint16(b[10:], binary.BigEndian.Uint16(b[10:])+wrong)
		before := plainSum(b[:20])

		p := packettest.Arrived(b, true)
		p.DecrementTTL()
		if got := p.TTL(); got != h.TTL-1 {
			t.Fatalf("%d became %d", h.TTL, got)
		}
		after := plainSum(p.Data()[:20])
		// The two notations of zero are the same.
		if after%0xffff != before%0xffff {
			t.Fatalf("checksum wrong by %#04x before and by %#04x after", before, after)
		}
	})
}

// Each identification gives another checksum: all carries are met.
func TestDecrementTTLEveryChecksum(t *testing.T) {
	b := ip4.UDP(1, 2, nil)
	for id := range 1 << 16 {
		binary.BigEndian.PutUint16(b[4:], uint16(id))
		b[8] = 64
		packet.SetIPv4Checksum(b, 0)
		var p packet.Packet
		p.Set(packet.IPv4, b, 0)
		p.DecrementTTL()
		if s := plainSum(b[:20]); s != 0 {
			t.Fatalf("id %#04x: checksum %#04x is wrong by %#04x", id, b[10:12], s)
		}
	}
}

func TestDecrementTTLv6(t *testing.T) {
	p := packettest.Arrived(ip6.UDP(1, 2, nil), true)
	want := packettest.Change(p.Data(), 7, 63)
	p.DecrementTTL()
	if d := packettest.Diff(want, p.Data()); d != "" {
		t.Error(d)
	}
}

func TestHeadroom(t *testing.T) {
	data := []byte("datagram")
	for _, room := range []int{0, 5, packet.Headroom} {
		var p packet.Packet
		p.Set(packet.IPv4, append(make([]byte, room), data...), room)
		if !bytes.Equal(p.Data(), data) || p.Len() != len(data) {
			t.Fatalf("headroom %d: datagram is %q", room, p.Data())
		}
		// More than there is, twice.
		for range 2 {
			copy(p.Push(40), bytes.Repeat([]byte{'+'}, 40))
			if p.Len() != 40+len(data) || !bytes.HasSuffix(p.Data(), data) || p.Data()[39] != '+' {
				t.Fatalf("headroom %d: after Push it is %q", room, p.Data())
			}
			p.Pull(40)
			if !bytes.Equal(p.Data(), data) {
				t.Fatalf("headroom %d: after Pull it is %q", room, p.Data())
			}
		}
		p.Push(100)
		p.Trim(3)
		if p.Len() != 3 {
			t.Errorf("headroom %d: after Trim it has %d octets", room, p.Len())
		}
		p.Replace([]byte("another"))
		if string(p.Data()) != "another" {
			t.Errorf("headroom %d: after Replace it is %q", room, p.Data())
		}
	}
}

// The largest encapsulation takes no copy where a source left Headroom.
func TestHeadroomIsEnough(t *testing.T) {
	buf := make([]byte, packet.Headroom+20)
	var p packet.Packet
	if n := testing.AllocsPerRun(10, func() {
		p.Set(packet.IPv6, buf, packet.Headroom)
		p.Push(packet.SizeUDP + 4 + 8)
		p.Push(packet.SizeIPv6)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSetForgets(t *testing.T) {
	p := packettest.Arrived(ip4.UDP(1, 2, nil), true)
	p.Mark, p.Ours, p.Tracked, p.FragMax = 7, true, true, 9
	p.Set(packet.IPv6, []byte("x"), 0)
	if p.Mark != 0 || p.Ours || p.Tracked || p.FragMax != 0 || p.Route != nil || p.InIf != 0 || p.Family != packet.IPv6 {
		t.Errorf("still known: %+v", p)
	}
}

func TestFragments(t *testing.T) {
	for _, c := range []struct {
		name string
		word uint16
		want bool
	}{
		{"whole", 0, false},
		{"don't fragment", packet.FlagDF, false},
		{"first", packet.FlagMF, true},
		{"middle", packet.FlagMF | 185, true},
		{"last", 185, true},
	} {
		h := ip4
		h.Frag = c.word
		p := packettest.Arrived(h.UDP(1, 2, nil), true)
		if got := p.IsFragment(); got != c.want {
			t.Errorf("%s: IsFragment = %v", c.name, got)
		}
		if got := packet.Fragmentation(p.Data(), 0); got != c.word {
			t.Errorf("%s: Fragmentation = %#04x", c.name, got)
		}
	}
}

func TestFromLoopback(t *testing.T) {
	for _, c := range []struct {
		name     string
		inIf     int
		loopback bool
		want     bool
	}{
		{"arrived", 1, false, false},
		{"made here", 0, false, true},
		{"by lo", 3, true, true},
	} {
		p := packet.Packet{InIf: c.inIf, Loopback: c.loopback}
		if got := p.FromLoopback(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// The sum is right, and never written as zero.
func TestCompleteChecksum(t *testing.T) {
	zero := false
	for n := range 1 << 16 {
		b := ip6.ICMP(1, 4, 0, []byte{byte(n >> 8), byte(n)})
		p := packettest.Arrived(b, false)
		src, dst := packettest.Addr(client6), packettest.Addr(vip6)
		binary.BigEndian.PutUint16(p.Data()[42:], ^packet.Fold(packet.PseudoSum(packet.IPv6, src, dst, packet.ProtoICMPv6, 10)))
		p.Partial, p.Check = packet.SizeIPv6, 2
		p.CompleteChecksum()
		sum := binary.BigEndian.Uint16(p.Data()[42:])
		if packet.TransportChecksum(packet.IPv6, src, dst, packet.ProtoICMPv6, p.Data()[40:]) != 0 || sum == 0 || p.Partial != 0 {
			t.Fatalf("checksum %#04x of\n%s", sum, packettest.Text(p.Data()))
		}
		zero = zero || sum == 0xffff
		p.CompleteChecksum() // nothing left to do
	}
	if !zero {
		t.Error("no sum came out as zero")
	}
}
