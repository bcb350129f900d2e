package packet_test

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

// plainSum is the checksum by RFC 1071 §1, word by word.
func plainSum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		w := uint32(b[i]) << 8
		if i+1 < len(b) {
			w |= uint32(b[i+1])
		}
		sum += w
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func TestSum(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want uint16
	}{
		{"RFC 1071 §3", []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 0x220d},
		{"nothing", nil, 0xffff},
		{"odd end", []byte{0x12, 0x34, 0x56}, ^uint16(0x6834)},
		{"one octet", []byte{0xab}, ^uint16(0xab00)},
		{"carries all the way", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x01}, 0xfffe},
		// A header from RFC 1071's days: the sum over a right header is zero.
		{"right header", []byte{
			0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61,
			0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := packet.Fold(packet.Sum(c.b, 0)); got != c.want {
				t.Errorf("got %#04x, want %#04x", got, c.want)
			}
		})
	}
}

func TestSumIsPlainSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "octets")
		if got, want := packet.Fold(packet.Sum(b, 0)), plainSum(b); got != want {
			t.Fatalf("got %#04x, want %#04x", got, want)
		}
		// In two parts, the first of an even length.
		cut := rapid.IntRange(0, len(b)/2).Draw(t, "cut") * 2
		if got, want := packet.Fold(packet.Sum(b[cut:], packet.Sum(b[:cut], 0))), plainSum(b); got != want {
			t.Fatalf("cut at %d: got %#04x, want %#04x", cut, got, want)
		}
	})
}

func TestUpdateAddrRFC1624(t *testing.T) {
	// §4: with equation 2 this would come out as 0xffff.
	a := packettest.Addr("192.0.2.1")
	if got := packet.UpdateAddr(packet.IPv4, 0xdd2f, &a, &a, 0x5555, 0x3285); got != 0x0000 {
		t.Errorf("got %#04x, want 0", got)
	}
}

// An adjusted checksum is the one reckoned anew, for right ones; what was wrong
// stays as wrong.
func TestUpdateAddrIsRecomputation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom([]packet.Family{packet.IPv4, packet.IPv6}).Draw(t, "family")
		addr := rapid.Custom(func(t *rapid.T) (a packet.Addr) {
			n := 16
			if f == packet.IPv4 {
				n = 4
			}
			copy(a[:], rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "address"))
			return a
		})
		peer, old, repl := addr.Draw(t, "peer"), addr.Draw(t, "old"), addr.Draw(t, "new")
		b := rapid.SliceOfN(rapid.Byte(), 8, 100).Draw(t, "segment")
		oldPort := binary.BigEndian.Uint16(b[2:])
		newPort := rapid.Uint16().Draw(t, "port")
		wrong := rapid.SampledFrom([]uint16{0, 1, 0x1234}).Draw(t, "wrong by")

		binary.BigEndian.PutUint16(b[6:], 0)
		before := packet.TransportChecksum(f, peer, old, packet.ProtoTCP, b) + wrong
		got := packet.UpdateAddr(f, before, &old, &repl, oldPort, newPort)

		binary.BigEndian.PutUint16(b[2:], newPort)
		if wrong == 0 {
			binary.BigEndian.PutUint16(b[6:], got)
			if left := packet.TransportChecksum(f, peer, repl, packet.ProtoTCP, b); left != 0 {
				t.Fatalf("%#04x became %#04x, which is wrong by %#04x", before, got, left)
			}
			return
		}
		binary.BigEndian.PutUint16(b[6:], got)
		after := packet.TransportChecksum(f, peer, repl, packet.ProtoTCP, b)
		binary.BigEndian.PutUint16(b[2:], oldPort)
		binary.BigEndian.PutUint16(b[6:], before)
		if was := packet.TransportChecksum(f, peer, old, packet.ProtoTCP, b); was != after {
			t.Fatalf("wrong by %#04x before and by %#04x after", was, after)
		}
	})
}

func TestTransportChecksum(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"v4 TCP", packettest.IP{Src: "198.51.100.1", Dst: "203.0.113.10"}.TCP(1024, 80, packettest.SYN, nil)},
		{"v4 UDP odd", packettest.IP{Src: "198.51.100.1", Dst: "203.0.113.10"}.UDP(1024, 53, packettest.Payload(7))},
		{"v6 TCP", packettest.IP{Src: "2001:db8:c::1", Dst: "2001:db8:f::10"}.TCP(1024, 80, packettest.ACK, packettest.Payload(33))},
		{"v6 UDP", packettest.IP{Src: "2001:db8:c::1", Dst: "2001:db8:f::10"}.UDP(1024, 53, packettest.Payload(8))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h packet.Header
			if !packet.ParseHeader(packet.Family(c.b[0]>>4), c.b, 0, &h) {
				t.Fatal("no header")
			}
			// The pseudo header written out, RFC 9293 §3.1 and RFC 8200 §8.1.
			var pseudo []byte
			if h.Family == packet.IPv4 {
				pseudo = append(append(pseudo, h.Src[:4]...), h.Dst[:4]...)
				pseudo = append(pseudo, 0, h.Protocol)
				pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(c.b)-h.Len))
			} else {
				pseudo = append(append(pseudo, h.Src[:]...), h.Dst[:]...)
				pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(c.b)-h.Len))
				pseudo = append(pseudo, 0, 0, 0, h.Protocol)
			}
			if got := plainSum(append(pseudo, c.b[h.Len:]...)); got != 0 {
				t.Errorf("by the standard it is wrong by %#04x", got)
			}
			if got := packet.TransportChecksum(h.Family, h.Src, h.Dst, h.Protocol, c.b[h.Len:]); got != 0 {
				t.Errorf("TransportChecksum = %#04x", got)
			}
		})
	}
}

func TestSetIPv4Checksum(t *testing.T) {
	for _, options := range [][]byte{nil, {1, 1, 1, 0}} {
		b := append([]byte{0xaa, 0xbb}, packettest.IP{Src: "198.51.100.1", Dst: "203.0.113.10", Options: options}.Wrap(99, nil)...)
		b[12], b[13] = 0xde, 0xad
		packet.SetIPv4Checksum(b, 2)
		if got := plainSum(b[2:]); got != 0 {
			t.Errorf("%d octets of options: wrong by %#04x", len(options), got)
		}
	}
}
