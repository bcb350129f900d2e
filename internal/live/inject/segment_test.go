package inject_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/live/inject"
	"goipvs/packet"
)

// superPacket makes a super-packet of TCP of n octets, with TCP options, whose
// checksum is yet to be completed.
func superPacket(src, dst string, n int, flags byte) *inject.Datagram {
	from, f := packet.AddrFrom(netip.MustParseAddr(src))
	to := addr(dst)
	at := packet.SizeIPv4
	if f == packet.IPv6 {
		at = packet.SizeIPv6
	}
	b := make([]byte, at+32+n)
	if f == packet.IPv6 {
		b[0], b[6], b[7] = 0x60, packet.ProtoTCP, 63
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-at))
		copy(b[8:], from[:])
		copy(b[24:], to[:])
	} else {
		b[0], b[5], b[6], b[8], b[9] = 0x45, 7, packet.FlagDF>>8, 63, packet.ProtoTCP
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		copy(b[12:], from[:4])
		copy(b[16:], to[:4])
		packet.SetIPv4Checksum(b, 0)
	}
	tcp := b[at:]
	binary.BigEndian.PutUint16(tcp[0:], 4000)
	binary.BigEndian.PutUint16(tcp[2:], 80)
	binary.BigEndian.PutUint32(tcp[4:], 0xfffffff0) // it wraps
	tcp[12], tcp[13] = 8<<4, flags
	copy(tcp[20:], []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}) // timestamps
	fill(tcp[32:])
	binary.BigEndian.PutUint16(tcp[16:], ^packet.Fold(packet.PseudoSum(f, from, to, packet.ProtoTCP, len(tcp))))
	return &inject.Datagram{Family: f, Data: b, To: to, MTU: 1500, Ours: true, Partial: at, Check: 16}
}

// in puts a datagram into others: the outermost header comes first.
func in(d *inject.Datagram, outer ...[]byte) *inject.Datagram {
	b := d.Data
	for i := len(outer) - 1; i >= 0; i-- {
		b = append(bytes.Clone(outer[i]), b...)
		d.Partial += len(outer[i])
	}
	d.Data = b
	d.Family = packet.IPv4
	if b[0]>>4 == 6 {
		d.Family = packet.IPv6
	}
	return d
}

func outer4(proto byte) []byte {
	return []byte{0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 63, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
}

func outer6(proto byte) []byte {
	b := make([]byte, packet.SizeIPv6)
	src, dst := addr("2001:db8::1"), addr("2001:db8::2")
	b[0], b[6], b[7] = 0x60, proto, 63
	copy(b[8:], src[:])
	copy(b[24:], dst[:])
	return b
}

// supers are super-packets of all kinds.
func supers() map[string]func(n int) *inject.Datagram {
	v4 := func(n int) *inject.Datagram { return superPacket("192.0.2.1", "10.0.0.2", n, 0x99) } // CWR, ACK, PSH, FIN
	v6 := func(n int) *inject.Datagram { return superPacket("2001:db8:1::1", "2001:db8::2", n, 0x10) }
	return map[string]func(int) *inject.Datagram{
		"IPv4": v4, "IPv6": v6,
		"IPIP":         func(n int) *inject.Datagram { return in(v4(n), outer4(packet.ProtoIPIP)) },
		"IPv6 in IPv4": func(n int) *inject.Datagram { return in(v6(n), outer4(packet.ProtoIPv6)) },
		"IPv4 in IPv6": func(n int) *inject.Datagram { return in(v4(n), outer6(packet.ProtoIPIP)) },
		"GRE":          func(n int) *inject.Datagram { return in(v4(n), outer4(packet.ProtoGRE), []byte{0, 0, 8, 0}) },
		"GRE with checksum": func(n int) *inject.Datagram {
			return in(v6(n), outer4(packet.ProtoGRE), []byte{0x80, 0, 0x86, 0xdd, 9, 9, 0, 0})
		},
		"GUE": func(n int) *inject.Datagram {
			return in(v4(n), outer4(packet.ProtoUDP), []byte{1, 2, 3, 4, 0, 0, 0, 0}, []byte{0, packet.ProtoIPIP, 0, 0})
		},
		"GUE with checksum": func(n int) *inject.Datagram {
			return in(v4(n), outer6(packet.ProtoUDP), []byte{1, 2, 3, 4, 0, 0, 9, 9}, []byte{0, packet.ProtoIPIP, 0, 0})
		},
	}
}

// segment is what a test looks at in a segment.
type segment struct {
	seq     uint32
	flags   byte
	ids     string
	payload int
}

// read checks a segment's lengths and checksums and returns what it is.
func read(t *testing.T, b []byte) (s segment, payload []byte) {
	t.Helper()
	f := packet.Family(b[0] >> 4)
	for at := 0; ; {
		var h packet.Header
		if !packet.ParseHeader(f, b, at, &h) {
			t.Fatalf("no header at %d of % x", at, b)
		}
		rest := b[h.Len:]
		if f == packet.IPv4 {
			s.ids += fmt.Sprintf("%x ", b[at+4:at+6])
			if packet.Fold(packet.Sum(b[at:h.Len], 0)) != 0 || int(binary.BigEndian.Uint16(b[at+2:])) != len(b)-at {
				t.Errorf("IP header at %d: % x", at, b[at:h.Len])
			}
		} else if int(binary.BigEndian.Uint16(b[at+4:])) != len(b)-at-packet.SizeIPv6 {
			t.Errorf("IP header at %d: % x", at, b[at:h.Len])
		}
		inside := h.Protocol
		switch h.Protocol {
		case packet.ProtoTCP:
			if sum := packet.TransportChecksum(f, h.Src, h.Dst, packet.ProtoTCP, rest); sum != 0 {
				t.Errorf("checksum wrong by %#04x", sum)
			}
			s.seq, s.flags, s.payload = binary.BigEndian.Uint32(rest[4:]), rest[13], len(rest)-32
			return s, rest[32:]
		case packet.ProtoUDP:
			if int(binary.BigEndian.Uint16(rest[4:])) != len(rest) {
				t.Errorf("UDP header % x", rest[:8])
			}
			if rest[6]|rest[7] != 0 && packet.TransportChecksum(f, h.Src, h.Dst, packet.ProtoUDP, rest) != 0 {
				t.Error("UDP checksum")
			}
			at, inside = h.Len+12, rest[9]
		case packet.ProtoGRE:
			at, inside = h.Len+4, packet.ProtoIPIP
			if rest[2] == 0x86 {
				inside = packet.ProtoIPv6
			}
			if rest[0] != 0 {
				at += 4
				if packet.Fold(packet.Sum(rest, 0)) != 0 {
					t.Error("GRE checksum")
				}
			}
		default:
			at = h.Len
		}
		f = map[uint8]packet.Family{packet.ProtoIPIP: packet.IPv4, packet.ProtoIPv6: packet.IPv6}[inside]
		if f == 0 || t.Failed() {
			t.Fatalf("at %d: % x", at, b[:min(len(b), 120)])
		}
	}
}

// Segments of any super-packet add up to it, are right in themselves, and are
// the same by either socket.
func TestSegments(t *testing.T) {
	for name, mk := range supers() {
		t.Run(name, func(t *testing.T) {
			n := newNet(t)
			capture := n.server.Capture(t, "eth0")
			for f, to := range map[packet.Family]string{packet.IPv4: "10.0.0.2", packet.IPv6: "2001:db8::2"} {
				n.known(t, to, f)
			}
			const size, octets = 1000, 5500
			var got [2][]segment
			for direct := range got {
				d := mk(octets)
				d.To = map[packet.Family]packet.Addr{packet.IPv4: addr("10.0.0.2"), packet.IPv6: addr("2001:db8::2")}[d.Family]
				d.Hop, d.Link, d.Super, d.MTU = d.To, n.outIf, true, size+len(d.Data)-octets
				whole := d.Data[len(d.Data)-octets:]
				n.direct[d.Family/packet.IPv6].Store(direct == 1)
				if err := n.send(d); err != nil {
					t.Fatal(err)
				}
				var all []byte
				to := d.To[:4*(1+3*(d.Family/packet.IPv6))]
				for len(all) < octets {
					b := capture.Packet(t, func(b []byte) bool {
						at := map[packet.Family]int{packet.IPv4: 16, packet.IPv6: 24}[packet.Family(b[0]>>4)]
						return at != 0 && bytes.HasPrefix(b[at:], to) && bytes.Contains(b, []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2})
					})
					if b == nil {
						t.Fatalf("%d octets of %d came", len(all), octets)
					}
					s, payload := read(t, bytes.Clone(b))
					got[direct], all = append(got[direct], s), append(all, payload...)
				}
				if !bytes.Equal(all, whole) {
					t.Error("the octets differ")
				}
			}
			if d := cmp.Diff(got[0], got[1], cmp.AllowUnexported(segment{})); d != "" {
				t.Errorf("by raw and by packet socket (-raw +packet):\n%s", d)
			}
			if n := len(got[0]); n != 6 || got[0][1].seq != 0xfffffff0+1000-1<<32 || got[0][5].payload != 500 {
				t.Errorf("segments %+v", got[0])
			}
		})
	}
}
