package inject

import (
	"encoding/binary"

	"goipvs/packet"
)

// The flags of a TCP header that not every segment gets.
const (
	flagFIN = 0x01
	flagPSH = 0x08
	flagCWR = 0x80
)

// maxLayers is how many headers of known kinds a super-packet has at most: IP,
// UDP of a tunnel, IP, TCP.
const maxLayers = 4

// anatomy is where the headers of a super-packet of TCP lie that every segment
// gets, and in which something differs from segment to segment.
type anatomy struct {
	layers [maxLayers]layer
	n      int
	size   int // of all headers
}

// layer is a header.
type layer struct {
	proto uint8
	at    int
	src   packet.Addr // TCP and UDP: of the IP header before
	dst   packet.Addr
	v     packet.Family
}

// dissect finds the headers of a super-packet, which may be in an IPIP, GRE or
// GUE tunnel as xmit makes them. It reports false for anything else.
func (a *anatomy) dissect(f packet.Family, b []byte) bool {
	*a = anatomy{}
	at := 0
	for a.n < maxLayers-1 {
		var h packet.Header
		if !packet.ParseHeader(f, b, at, &h) || h.FragOff != 0 || h.Len > len(b) {
			return false
		}
		ip := uint8(packet.ProtoIPIP)
		if f == packet.IPv6 {
			ip = packet.ProtoIPv6
		}
		a.add(layer{proto: ip, at: at})
		up := layer{proto: h.Protocol, at: h.Len, src: h.Src, dst: h.Dst, v: f}
		rest := b[h.Len:]
		inside := h.Protocol
		switch at = h.Len; h.Protocol {
		case packet.ProtoTCP:
			if len(rest) < packet.SizeTCP || int(rest[12]>>4)*4 < packet.SizeTCP || len(rest) < int(rest[12]>>4)*4 {
				return false
			}
			a.size = at + int(rest[12]>>4)*4
			return a.add(up)
		case packet.ProtoGRE:
			if len(rest) < 8 {
				return false
			}
			at += 4
			if rest[0]&0x80 != 0 { // with a checksum
				at += 4
			}
			inside = packet.ProtoIPIP
			if binary.BigEndian.Uint16(rest[2:]) == 0x86dd {
				inside = packet.ProtoIPv6
			}
			a.add(up)
		case packet.ProtoUDP: // with GUE in it
			if len(rest) < packet.SizeUDP+4 {
				return false
			}
			at += packet.SizeUDP + 4 + int(rest[packet.SizeUDP]&0x1f)*4
			inside = rest[packet.SizeUDP+1]
			a.add(up)
		}
		switch inside {
		case packet.ProtoIPIP:
			f = packet.IPv4
		case packet.ProtoIPv6:
			f = packet.IPv6
		default:
			return false
		}
	}
	return false
}

func (a *anatomy) add(l layer) bool {
	a.layers[a.n] = l
	a.n++
	return true
}

// segment makes head, a copy of the super-packet's headers, those of segment
// number i with the payload body. at is where that lies in the super-packet's
// payload, last says that it is the end of it.
//
// Kernel: net/ipv4/af_inet.c, inet_gso_segment; net/ipv6/ip6_offload.c,
// ipv6_gso_segment; tcp_offload.c, tcp_gso_segment; gre_offload.c; udp_offload.c
// (6.1).
func (a *anatomy) segment(head, body []byte, i, at int, last bool) {
	sum := uint64(^packet.Fold(packet.Sum(body, 0)))
	total := len(head) + len(body)
	for n := a.n - 1; n >= 0; n-- { // inside first: sums outside cover those inside
		l := &a.layers[n]
		h := head[l.at:]
		size := total - l.at
		switch l.proto {
		case packet.ProtoTCP:
			binary.BigEndian.PutUint32(h[4:], binary.BigEndian.Uint32(h[4:])+uint32(at))
			if !last {
				h[13] &^= flagFIN | flagPSH
			}
			if i > 0 {
				h[13] &^= flagCWR
			}
			put16(h[16:], 0)
			put16(h[16:], l.checksum(h, sum, size))
		case packet.ProtoUDP:
			put16(h[4:], uint16(size))
			if h[6]|h[7] != 0 {
				put16(h[6:], 0)
				put16(h[6:], never0(l.checksum(h, sum, size)))
			}
		case packet.ProtoGRE:
			if h[0]&0x80 != 0 {
				put16(h[4:], 0)
				put16(h[4:], never0(l.checksum(h, sum, size)))
			}
		case packet.ProtoIPIP:
			put16(h[2:], uint16(size))
			put16(h[4:], binary.BigEndian.Uint16(h[4:])+uint16(i))
			packet.SetIPv4Checksum(h, 0)
		case packet.ProtoIPv6:
			put16(h[4:], uint16(size-packet.SizeIPv6))
		}
	}
}

// checksum is that of a layer with its header and all below in h, sum being that
// of the payload, and size the length of both.
func (l *layer) checksum(h []byte, sum uint64, size int) uint16 {
	pseudo := uint64(0)
	if l.proto != packet.ProtoGRE {
		pseudo = packet.PseudoSum(l.v, l.src, l.dst, l.proto, size)
	}
	head := packet.Fold(packet.Sum(h, pseudo))
	return packet.Fold(uint64(^head) + sum)
}

// never0 is a checksum where zero would say that there is none.
func never0(sum uint16) uint16 {
	if sum == 0 {
		return 0xffff
	}
	return sum
}

func put16(b []byte, v uint16) { binary.BigEndian.PutUint16(b, v) }
