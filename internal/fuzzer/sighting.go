package fuzzer

import (
	"encoding/binary"
	"net/netip"

	"goipvs/packet"
)

// sighting is a datagram that the director put out, as whoever got it sees it.
type sighting struct {
	iface string
	to    mac    // Ethernet address it went to
	data  []byte // the datagram, from its IP header on
	inner []byte // the datagram in a tunnel, or data
	h     packet.Header
	ok    bool // h was read, and the datagram is no later fragment

	src, dst     netip.Addr
	sport, dport uint16
	seq, ack     uint32 // TCP
	flags        uint8
	length       uint32 // of TCP's data
	typ          uint8  // of ICMP, or of the first SCTP chunk
	payload      []byte // of the transport
}

// see reads a frame that came out.
func see(iface string, frame []byte) *sighting {
	s := &sighting{iface: iface}
	if iface != local {
		if len(frame) < 14 {
			return s
		}
		s.to, frame = mac(frame[:6]), frame[14:]
	}
	s.data = append([]byte(nil), frame...)
	s.inner = unwrap(s.data)
	s.read(s.inner)
	return s
}

// unwrap returns the datagram in an IPIP, GRE or GUE tunnel, or b.
func unwrap(b []byte) []byte {
	var h packet.Header
	if !parse(b, &h) || h.FragOff != 0 || h.Family == packet.IPv4 && packet.Fragmentation(b, 0)&packet.FragMask != 0 {
		return b
	}
	p := b[min(h.Len, len(b)):]
	switch h.Protocol {
	case packet.ProtoIPIP, packet.ProtoIPv6:
	case packet.ProtoGRE:
		n := 4
		if len(p) > 0 && p[0]&0x80 != 0 {
			n = 8
		}
		p = p[min(n, len(p)):]
	case packet.ProtoUDP:
		if _, to, ok := h.Ports(b); !ok || to != guePort || len(p) < 12 {
			return b
		}
		p = p[8:]
		p = p[min(4+4*int(p[0]&0x1f), len(p)):]
	default:
		return b
	}
	if len(p) < packet.SizeIPv4 {
		return b
	}
	return p
}

func parse(b []byte, h *packet.Header) bool {
	switch {
	case len(b) >= packet.SizeIPv4 && b[0]>>4 == 4:
		return packet.ParseHeader(packet.IPv4, b, 0, h)
	case len(b) >= packet.SizeIPv6 && b[0]>>4 == 6:
		return packet.ParseHeader(packet.IPv6, b, 0, h)
	}
	return false
}

func (s *sighting) read(b []byte) {
	if !parse(b, &s.h) {
		return
	}
	s.src, s.dst = s.h.Src.Netip(s.h.Family), s.h.Dst.Netip(s.h.Family)
	if s.h.FragOff != 0 || s.h.Family == packet.IPv4 && packet.Fragmentation(b, 0)&packet.FragMask != 0 {
		return
	}
	p := b[min(s.h.Len, len(b)):]
	var size int
	switch s.h.Protocol {
	case packet.ProtoTCP:
		size = packet.SizeTCP
	case packet.ProtoUDP:
		size = packet.SizeUDP
	case packet.ProtoSCTP:
		size = packet.SizeSCTP + 4
	case packet.ProtoICMP, packet.ProtoICMPv6:
		size = packet.SizeICMP
	}
	if size == 0 || len(p) < size {
		return
	}
	s.ok = true
	switch s.h.Protocol {
	case packet.ProtoTCP:
		s.seq, s.ack = binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
		s.flags = p[13]
		size = min(max(size, int(p[12]>>4)*4), len(p))
		s.length = uint32(len(p) - size)
	case packet.ProtoSCTP:
		s.typ = p[12]
	case packet.ProtoICMP, packet.ProtoICMPv6:
		s.typ = p[0]
	}
	s.payload = p[size:]
	s.sport, s.dport, _ = s.h.Ports(b)
}

// isError reports whether it is an ICMP error: nobody sends one about it.
func (s *sighting) isError() bool {
	switch s.h.Protocol {
	case packet.ProtoICMP:
		return s.typ == 3 || s.typ == 4 || s.typ == 5 || s.typ == 11 || s.typ == 12
	case packet.ProtoICMPv6:
		return s.typ < 128
	}
	return false
}
