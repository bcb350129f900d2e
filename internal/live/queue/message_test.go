package queue

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// attr is an attribute of a message.
type attr struct {
	typ   uint16
	value []byte
}

// message makes a message about a queue, as the kernel writes it.
func message(typ, queue uint16, attrs ...attr) []byte {
	b := appendHeader(nil, typ, 0, queue)
	for _, a := range attrs {
		b = append(appendAttr(b, a.typ, len(a.value)), a.value...)
		b = append(b, make([]byte, align(len(b))-len(b))...)
	}
	return sealed(b)
}

func word(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// whole has every attribute of interest, and some that are of none.
func whole() []byte {
	return message(msgPacket, 7,
		attr{attrPacketHeader, []byte{0, 0, 1, 2, 0x86, 0xdd, HookForward}},
		attr{attrInDev, word(3)},
		attr{4, word(99)}, // its physical device
		attr{attrOutDev, word(4)},
		attr{attrMark, word(0x40000001)},
		attr{attrHWAddr, []byte{0, 6, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0}},
		attr{8, make([]byte, 16)}, // a timestamp
		attr{attrFullLen, word(70000)},
		attr{attrInfo, word(3)},
		attr{attrPayload, []byte("octets")},
	)
}

func TestParse(t *testing.T) {
	header := attr{attrPacketHeader, []byte{0, 0, 1, 2, 8, 0, HookLocalIn}}
	payload := attr{attrPayload, []byte("octets")}
	for _, c := range []struct {
		name    string
		message []byte
		want    *Packet // without Buf and Off; nil: it is no packet
	}{
		{"everything", whole(), &Packet{
			ID: 0x102, Protocol: 0x86dd, Hook: HookForward, InIf: 3, OutIf: 4, Mark: 0x40000001,
			HWAddr: [6]byte{2, 0, 0, 0, 0, 9}, Info: CsumNotReady | GSO, Full: 70000, queue: 7,
		}},
		{"little", message(msgPacket, 8, header, payload), &Packet{ID: 0x102, Protocol: 0x800, Hook: HookLocalIn, Full: 6, queue: 8}},
		{"a flag of the attribute's type", message(msgPacket, 8, header, payload, attr{attrMark | unix.NLA_F_NET_BYTEORDER, word(5)}),
			&Packet{ID: 0x102, Protocol: 0x800, Hook: HookLocalIn, Full: 6, Mark: 5, queue: 8}},
		{"no payload", message(msgPacket, 8, header), nil},
		{"no header", message(msgPacket, 8, payload), nil},
		{"short header", message(msgPacket, 8, attr{attrPacketHeader, []byte{0, 0, 1, 2, 8, 0}}, payload), nil},
		{"short attributes", message(msgPacket, 8, header, payload, attr{attrMark, []byte{1}}, attr{attrHWAddr, []byte{0, 6, 0, 0, 1}}),
			&Packet{ID: 0x102, Protocol: 0x800, Hook: HookLocalIn, Full: 6, queue: 8}},
		{"another message", message(msgVerdict, 8, header, payload), nil},
		{"an attribute that is too long", append(message(msgPacket, 8, header, payload), 9, 0, 3, 0, 1, 2, 3, 4), nil},
		{"nothing", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Packet
			b := append(make([]byte, packet.Headroom), c.message...)
			if ok := p.parse(b, packet.Headroom); ok != (c.want != nil) {
				t.Fatalf("parse: %v", ok)
			} else if !ok {
				return
			}
			if string(p.Data()) != "octets" {
				t.Errorf("packet %q", p.Data())
			}
			p.Buf, p.Off = nil, 0
			if d := cmp.Diff(*c.want, p, cmp.AllowUnexported(Packet{})); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestParseError(t *testing.T) {
	m := message(unix.NLMSG_ERROR, 0)
	binary.NativeEndian.PutUint32(m[16:], ^uint32(unix.ENOENT)+1)
	if e, ok := parseError(m); e != unix.ENOENT || !ok {
		t.Errorf("%v, %v", e, ok)
	}
	if _, ok := parseError(whole()); ok {
		t.Error("a packet taken for an error")
	}
}

// Whatever comes, parsing ends, and what it says lies within the message.
func FuzzParse(f *testing.F) {
	f.Add(whole())
	f.Add(message(msgPacket, 8, attr{attrPayload, nil}))
	f.Add(append(message(msgPacket, 8), 3, 0, 10, 0))
	f.Add(message(unix.NLMSG_ERROR, 0))
	f.Fuzz(func(t *testing.T, m []byte) {
		b := append(make([]byte, packet.Headroom), m...)
		var p Packet
		if p.parse(b, packet.Headroom) {
			if p.Off < packet.Headroom+sizeHeader || p.Off > len(p.Buf) || len(p.Buf) > len(b) {
				t.Errorf("packet at %d of %d octets, message of %d", p.Off, len(p.Buf), len(b))
			}
			if !p.Truncated() && p.Full > len(p.Data()) {
				t.Error("not truncated, but longer than it is")
			}
		}
		parseError(m)
	})
}
