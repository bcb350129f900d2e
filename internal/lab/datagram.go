package lab

import (
	"encoding/binary"
	"net/netip"

	"goipvs/packet"
)

// TCP flags.
const (
	flagSYN = 0x02
	flagPSH = 0x08
	flagACK = 0x10
)

// transport makes a datagram of a TCP segment, UDP datagram or SCTP packet; it
// sets ports, and UDP's length, and the checksum. It keeps b.
func transport(from, to netip.AddrPort, proto uint8, b []byte) []byte {
	src, f := packet.AddrFrom(from.Addr())
	dst, _ := packet.AddrFrom(to.Addr())
	binary.BigEndian.PutUint16(b[0:], from.Port())
	binary.BigEndian.PutUint16(b[2:], to.Port())
	sum := map[uint8]int{packet.ProtoTCP: 16, packet.ProtoUDP: 6}[proto]
	if proto == packet.ProtoUDP {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	}
	if proto == packet.ProtoSCTP {
		packet.SetSCTPChecksum(b)
	} else {
		binary.BigEndian.PutUint16(b[sum:], 0)
		binary.BigEndian.PutUint16(b[sum:], packet.TransportChecksum(f, src, dst, proto, b))
	}
	if f == packet.IPv6 {
		h := make([]byte, packet.SizeIPv6, packet.SizeIPv6+len(b))
		h[0] = 6 << 4
		binary.BigEndian.PutUint16(h[4:], uint16(len(b)))
		h[6], h[7] = proto, 64
		copy(h[8:], src[:])
		copy(h[24:], dst[:])
		return append(h, b...)
	}
	h := make([]byte, packet.SizeIPv4, packet.SizeIPv4+len(b))
	h[0], h[8], h[9] = 4<<4|packet.SizeIPv4/4, 64, proto
	binary.BigEndian.PutUint16(h[2:], uint16(packet.SizeIPv4+len(b)))
	binary.BigEndian.PutUint16(h[6:], packet.FlagDF)
	copy(h[12:], src[:4])
	copy(h[16:], dst[:4])
	packet.SetIPv4Checksum(h, 0)
	return append(h, b...)
}

// heard is a datagram that a host got: what its headers say.
type heard struct {
	from, to netip.AddrPort
	payload  []byte // from the transport header on
}

// hear reads a datagram of a protocol whose transport header, and what has to
// be behind it, is at least so many octets long.
func hear(f packet.Family, b []byte, proto uint8, least int) (heard, bool) {
	var h packet.Header
	if !packet.ParseHeader(f, b, 0, &h) || h.Protocol != proto || len(b) < h.Len+least {
		return heard{}, false
	}
	sport, dport, _ := h.Ports(b)
	return heard{
		netip.AddrPortFrom(h.Src.Netip(f), sport), netip.AddrPortFrom(h.Dst.Netip(f), dport), b[h.Len:],
	}, true
}

// tcpSegment is a TCP segment without options.
type tcpSegment struct {
	from, to netip.AddrPort
	seq, ack uint32
	flags    byte
	text     string
}

func (s tcpSegment) encode() []byte {
	b := make([]byte, packet.SizeTCP, packet.SizeTCP+len(s.text))
	binary.BigEndian.PutUint32(b[4:], s.seq)
	binary.BigEndian.PutUint32(b[8:], s.ack)
	b[12], b[13] = packet.SizeTCP/4<<4, s.flags
	binary.BigEndian.PutUint16(b[14:], 64240)
	return transport(s.from, s.to, packet.ProtoTCP, append(b, s.text...))
}

// hearTCP reads a segment.
func hearTCP(f packet.Family, b []byte) (s tcpSegment, ok bool) {
	h, ok := hear(f, b, packet.ProtoTCP, packet.SizeTCP)
	if !ok {
		return s, false
	}
	return tcpSegment{
		h.from, h.to, binary.BigEndian.Uint32(h.payload[4:]), binary.BigEndian.Uint32(h.payload[8:]),
		h.payload[13], string(h.payload[packet.SizeTCP:]),
	}, true
}

// answer is a segment back, in which everything so far is acknowledged.
func (s tcpSegment) answer(flags byte, text string) tcpSegment {
	a := tcpSegment{from: s.to, to: s.from, seq: s.ack, ack: s.seq + uint32(len(s.text)), flags: flags, text: text}
	if s.flags&flagSYN != 0 {
		a.ack++
	}
	return a
}
