package filter

import (
	"encoding/binary"

	"goipvs/packet"
)

// Frame is what a filter looks at. The zero value of Ethernet is a datagram
// without a link header.
type Frame struct {
	Ethernet []byte // the whole frame, from its destination address on; nil: none
	Type     uint16 // Ethernet type of Payload
	Payload  []byte // from the network header on
	Len      int    // of the frame on the wire
}

// Of returns a frame. link says what b is: "ethernet", "raw" (an IP datagram),
// "sll" or "sll2" (Linux cooked).
func Of(link string, b []byte) Frame {
	f := Frame{Payload: b, Len: len(b)}
	switch {
	case link == "ethernet" && len(b) >= 14:
		f.Ethernet, f.Type, f.Payload = b, binary.BigEndian.Uint16(b[12:]), b[14:]
	case link == "sll" && len(b) >= 16:
		f.Type, f.Payload = binary.BigEndian.Uint16(b[14:]), b[16:]
	case link == "sll2" && len(b) >= 20:
		f.Type, f.Payload = binary.BigEndian.Uint16(b), b[20:]
	case link == "raw" && len(b) > 0 && b[0]>>4 == 4:
		f.Type = typeIPv4
	case link == "raw" && len(b) > 0 && b[0]>>4 == 6:
		f.Type = typeIPv6
	}
	return f
}

// Ethernet types.
const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeRARP = 0x8035
	typeIPv6 = 0x86dd
)

// short is what a filter meets that reads beyond a frame's end: it then doesn't
// match, whatever else it says.
type short struct{}

// u reads n octets, 1, 2 or 4, of b at an offset.
func u(b []byte, at, n int) uint32 {
	if at < 0 || at+n > len(b) {
		panic(short{})
	}
	switch n {
	case 1:
		return uint32(b[at])
	case 2:
		return uint32(binary.BigEndian.Uint16(b[at:]))
	}
	return binary.BigEndian.Uint32(b[at:])
}

// ip4 and ip6 report the network protocol.
func (f *Frame) ip4() bool { return f.Type == typeIPv4 }
func (f *Frame) ip6() bool { return f.Type == typeIPv6 }

// carries reports whether the datagram's payload is of a protocol; of IPv6 that
// of the first header, or of the one behind a fragment header.
func (f *Frame) carries(proto uint32, v4, v6 bool) bool {
	switch {
	case f.ip4() && v4:
		return u(f.Payload, 9, 1) == proto
	case f.ip6() && v6:
		next := u(f.Payload, 6, 1)
		return next == proto || next == packet.ExtFragment && u(f.Payload, 40, 1) == proto
	}
	return false
}

// transport returns where an IPv4 datagram's transport header is; false in later
// fragments.
func (f *Frame) transport() (int, bool) {
	if u(f.Payload, 6, 2)&packet.FragMask != 0 {
		return 0, false
	}
	return int(u(f.Payload, 0, 1)&15) * 4, true
}
