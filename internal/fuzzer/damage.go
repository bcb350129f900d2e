package fuzzer

import (
	"encoding/binary"

	"goipvs/packet"
)

// damages are what may be wrong with a datagram. A local process sends through
// a raw socket, whose kernel repairs the IP header: there only what comes after
// it is damaged.
var damages = []choice[func(*traffic, []byte, *packet.Header) []byte]{
	{10, (*traffic).wrongChecksum, 0},
	{5, (*traffic).noChecksum, 0},
	{5, (*traffic).cutTransport, 0},
	{4, (*traffic).wrongTransportLength, 0},
	{3, (*traffic).flipOctet, 0},
}

var damagesOnWire = []choice[func(*traffic, []byte, *packet.Header) []byte]{
	{4, (*traffic).wrongHeaderChecksum, 0},
	{4, (*traffic).wrongLength, 0},
	{3, (*traffic).padded, 0},
	{3, (*traffic).cutShort, 0},
	{2, (*traffic).wrongFirstOctet, 0},
	{2, (*traffic).wrongProtocol, 0},
	{1, (*traffic).reservedFlag, 0},
}

func (t *traffic) damage(iface string, b []byte) []byte {
	var h packet.Header
	if !parse(b, &h) {
		return b
	}
	table := damages
	if iface != local && t.in(40) {
		table = damagesOnWire
	}
	return choose(t.dice, t.feat, table)(t, b, &h)
}

// setLength makes an IP header agree with the datagram's length.
func setLength(b []byte) []byte {
	if b[0]>>4 == 6 {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-packet.SizeIPv6))
		return b
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if n := int(b[0]&15) * 4; n >= packet.SizeIPv4 && n <= len(b) {
		packet.SetIPv4Checksum(b, 0)
	}
	return b
}

// sumAt is where the transport's checksum is, behind its header's start.
var sumAt = map[uint8]int{
	packet.ProtoTCP: 16, packet.ProtoUDP: 6, packet.ProtoSCTP: 8, packet.ProtoICMP: 2, packet.ProtoICMPv6: 2,
}

func (t *traffic) wrongChecksum(b []byte, h *packet.Header) []byte {
	if at, ok := sumAt[h.Protocol]; ok && len(b) >= h.Len+at+2 {
		b[h.Len+at] ^= byte(t.between(1, 255))
	}
	return b
}

func (t *traffic) noChecksum(b []byte, h *packet.Header) []byte {
	if at, ok := sumAt[h.Protocol]; ok && len(b) >= h.Len+at+2 {
		b[h.Len+at], b[h.Len+at+1] = 0, 0
	}
	return b
}

// cutTransport ends a datagram within its transport header.
func (t *traffic) cutTransport(b []byte, h *packet.Header) []byte {
	return setLength(b[:min(h.Len+t.IntN(24), len(b))])
}

func (t *traffic) wrongTransportLength(b []byte, h *packet.Header) []byte {
	switch {
	case h.Protocol == packet.ProtoTCP && len(b) > h.Len+12:
		b[h.Len+12] = byte(t.Uint32())
	case h.Protocol == packet.ProtoUDP && len(b) > h.Len+6:
		binary.BigEndian.PutUint16(b[h.Len+4:], uint16(t.IntN(100)))
	case h.Protocol == packet.ProtoSCTP && len(b) > h.Len+16:
		binary.BigEndian.PutUint16(b[h.Len+14:], uint16(t.IntN(100)))
	}
	return b
}

// flipOctet changes an octet behind the IP header.
func (t *traffic) flipOctet(b []byte, h *packet.Header) []byte {
	if len(b) > h.Len {
		b[h.Len+t.IntN(len(b)-h.Len)] ^= byte(t.between(1, 255))
	}
	return b
}

func (t *traffic) wrongHeaderChecksum(b []byte, h *packet.Header) []byte {
	if h.Family == packet.IPv4 {
		b[10+t.IntN(2)] ^= byte(t.between(1, 255))
	}
	return b
}

// wrongLength lets the IP header say another length.
func (t *traffic) wrongLength(b []byte, h *packet.Header) []byte {
	n := uint16(max(0, len(b)+pick(t.dice, []int{-20, -9, -1, 1, 8, 100})))
	if h.Family == packet.IPv6 {
		binary.BigEndian.PutUint16(b[4:], max(n, packet.SizeIPv6)-packet.SizeIPv6)
		return b
	}
	binary.BigEndian.PutUint16(b[2:], n)
	packet.SetIPv4Checksum(b, 0)
	return b
}

// padded adds octets to the frame behind the datagram.
func (t *traffic) padded(b []byte, _ *packet.Header) []byte {
	if len(b) > 1000 {
		return b
	}
	return append(b, t.octets(t.between(1, 30))...)
}

// cutShort loses the end of the frame.
func (t *traffic) cutShort(b []byte, _ *packet.Header) []byte { return b[:t.between(1, len(b)-1)] }

func (t *traffic) wrongFirstOctet(b []byte, h *packet.Header) []byte {
	b[0] = pick(t.dice, []uint8{0x44, 0x46, 0x4f, 0x55, 0x65, 0x40, 0x05, 0x60, 0x45})
	if h.Family == packet.IPv4 && b[0]>>4 == 4 {
		if n := int(b[0]&15) * 4; n >= packet.SizeIPv4 && n <= len(b) {
			packet.SetIPv4Checksum(b, 0)
		}
	}
	return b
}

func (t *traffic) wrongProtocol(b []byte, h *packet.Header) []byte {
	p := pick(t.dice, []uint8{0, 2, 4, 6, 17, 41, 47, 50, 51, 59, 132, 253, 255})
	if h.Family == packet.IPv6 {
		b[6] = p
		return b
	}
	b[9] = p
	packet.SetIPv4Checksum(b, 0)
	return b
}

func (t *traffic) reservedFlag(b []byte, h *packet.Header) []byte {
	if h.Family == packet.IPv4 {
		b[6] |= 0x80
		packet.SetIPv4Checksum(b, 0)
	}
	return b
}
