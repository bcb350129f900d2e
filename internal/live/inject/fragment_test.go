package inject_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"goipvs/internal/live/inject"
	"goipvs/packet"
)

// datagram makes a UDP datagram, with IPv4 options or an IPv6 hop-by-hop header
// of extra octets, and n octets of payload.
func datagram(f packet.Family, extra, n int) []byte {
	if f == packet.IPv6 {
		b := make([]byte, packet.SizeIPv6+extra+packet.SizeUDP+n)
		b[0], b[6], b[7], b[23], b[39] = 0x60, packet.ProtoUDP, 64, 1, 2
		if extra > 0 {
			b[6], b[40], b[41] = 0, packet.ProtoUDP, byte(extra/8-1)
			b[42], b[43] = 1, byte(extra-4) // PadN
		}
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-packet.SizeIPv6))
		fill(b[packet.SizeIPv6+extra+packet.SizeUDP:])
		return b
	}
	b := make([]byte, packet.SizeIPv4+extra+packet.SizeUDP+n)
	b[0], b[8], b[9] = 0x40|byte((packet.SizeIPv4+extra)/4), 64, packet.ProtoUDP
	copy(b[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
	if extra >= 8 {
		copy(b[20:], []byte{7, 3, 4, 0x94, 4, 0, 0, 0}) // record route, which isn't copied; router alert, which is
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	packet.SetIPv4Checksum(b, 0)
	fill(b[packet.SizeIPv4+extra+packet.SizeUDP:])
	return b
}

func fill(b []byte) {
	for i := range b {
		b[i] = byte(i ^ i>>8)
	}
}

func fragments(t interface{ Fatal(...any) }, b []byte, mtu int, df bool) (all [][]byte) {
	keep := func(f []byte) error {
		if len(f) > mtu {
			t.Fatal("fragment of", len(f), "octets, MTU", mtu)
		}
		all = append(all, bytes.Clone(f))
		return nil
	}
	var err error
	if b[0]>>4 == 6 {
		err = inject.Fragments6(b, mtu, 0x12345678, keep)
	} else {
		err = inject.Fragments(b, mtu, df, 0x1234, keep)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Put together again, fragments are the datagram.
func TestFragmentsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom([]packet.Family{packet.IPv4, packet.IPv6}).Draw(t, "family")
		extra := 8 * rapid.IntRange(0, 4).Draw(t, "extra/8")
		n := rapid.IntRange(0, 5000).Draw(t, "payload")
		mtu := rapid.IntRange(128, 1500).Draw(t, "mtu")
		b := datagram(f, extra, n)
		head := packet.SizeIPv4 + extra
		if f == packet.IPv6 {
			head = packet.SizeIPv6 + extra
		}
		var got []byte
		all := fragments(t, b, mtu, true)
		for i, x := range all {
			body, off, more := x[head:], 0, false
			if f == packet.IPv6 {
				w := binary.BigEndian.Uint16(body[2:])
				off, more, body = int(w&^7), w&1 != 0, body[8:]
			} else {
				w := packet.Fragmentation(x, 0)
				off, more = int(w&packet.FragMask)*8, w&packet.FlagMF != 0
				if packet.Fold(packet.Sum(x[:head], 0)) != 0 {
					t.Fatal("header checksum of fragment", i)
				}
				if id := binary.BigEndian.Uint16(x[4:]); id != 0x1234 {
					t.Fatalf("id %#x", id)
				}
			}
			if off != len(got) || more != (i < len(all)-1) || more && len(body)%8 != 0 {
				t.Fatal("fragment", i, "at", off, "not", len(got), "more", more, "length", len(body))
			}
			got = append(got, body...)
		}
		if !bytes.Equal(got, b[head:]) {
			t.Fatal("the octets differ")
		}
	})
}

func TestFragmentsOptions(t *testing.T) {
	all := fragments(t, datagram(packet.IPv4, 8, 100), 68, false)
	if got := all[0][20:28]; !bytes.Equal(got, []byte{7, 3, 4, 0x94, 4, 0, 0, 0}) {
		t.Errorf("first: %v", got)
	}
	if got := all[1][20:28]; !bytes.Equal(got, []byte{1, 1, 1, 0x94, 4, 0, 0, 0}) {
		t.Errorf("second: %v", got)
	}
}

func TestFragmentsDF(t *testing.T) {
	b := datagram(packet.IPv4, 0, 100)
	b[6] = packet.FlagDF >> 8
	for _, keep := range []bool{false, true} {
		for _, f := range fragments(t, b, 68, keep) {
			if got := packet.Fragmentation(f, 0)&packet.FlagDF != 0; got != keep {
				t.Errorf("DF %v, want %v", got, keep)
			}
		}
	}
}

func TestFragments6Header(t *testing.T) {
	all := fragments(t, datagram(packet.IPv6, 16, 100), 128, false)
	for i, f := range all {
		if f[6] != 0 || f[40] != packet.ExtFragment || f[56] != packet.ProtoUDP || binary.BigEndian.Uint32(f[60:]) != 0x12345678 {
			t.Errorf("fragment %d: % x", i, f[:64])
		}
		if n := int(binary.BigEndian.Uint16(f[4:])); n != len(f)-packet.SizeIPv6 {
			t.Errorf("fragment %d: payload length %d of %d", i, n, len(f)-packet.SizeIPv6)
		}
	}
}
