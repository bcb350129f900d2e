package packet

import "encoding/binary"

// Header is where a datagram's headers lie and what its IP header says: of the
// datagram itself, or of one that an ICMP error quotes. The zero value is no
// header.
//
// Kernel: include/net/ip_vs.h, struct ip_vs_iphdr (6.1).
type Header struct {
	Family   Family
	Protocol uint8
	ICMP     bool   // the header is quoted by an ICMP error
	Inverse  bool   // its source is the virtual service's side: a quoted packet that went the other way
	Fragment bool   // IPv6: there is a fragment header before the transport header
	FragOff  uint16 // IPv6: offset of this fragment in octets; 0 for the first and for whole datagrams
	Off      int    // where the IP header starts
	Len      int    // where the transport header starts (not a length)
	Src, Dst Addr
}

// Sizes of fixed headers in octets.
const (
	SizeIPv4 = 20
	SizeIPv6 = 40
	SizeICMP = 8
	SizeTCP  = 20
	SizeUDP  = 8
	SizeSCTP = 12
)

// ParseHeader parses the IP header of family f at off in b. It reports false
// where the kernel finds no usable header: b is too short or the IPv6
// extension headers do not lead to a transport header. As in the kernel, an
// IPv4 header length below five words is not looked at here: it was checked on
// receipt.
//
// Kernel: include/net/ip_vs.h, ip_vs_fill_iph_skb_off (6.1).
func ParseHeader(f Family, b []byte, off int, h *Header) bool {
	*h = Header{}
	h.Family, h.Off = f, off
	if f == IPv6 {
		if len(b) < off+SizeIPv6 {
			return false
		}
		copy(h.Src[:], b[off+8:off+24])
		copy(h.Dst[:], b[off+24:off+40])
		h.Len = off
		return h.findIPv6(b)
	}
	if len(b) < off+SizeIPv4 {
		return false
	}
	h.Len = off + int(b[off]&0xf)*4
	h.Protocol = b[off+9]
	copy(h.Src[:4], b[off+12:off+16])
	copy(h.Dst[:4], b[off+16:off+20])
	return true
}

// findIPv6 walks the extension headers to the transport header. For a later
// fragment the protocol is the fragment header's and Len stays put.
//
// Kernel: net/ipv6/exthdrs_core.c, ipv6_find_hdr (6.1).
func (h *Header) findIPv6(b []byte) bool {
	if h.Off > 0 && b[h.Off]>>4 != 6 {
		return false
	}
	at, next := h.Off+SizeIPv6, b[h.Off+6]
	for isExt(next) && next != extNone {
		if len(b) < at+2 {
			return false
		}
		size := (int(b[at+1]) + 1) * 8
		switch next {
		case extRouting:
			if len(b) < at+4 {
				return false
			}
		case ExtFragment:
			h.Fragment = true
			if len(b) < at+4 {
				return false
			}
			if off := binary.BigEndian.Uint16(b[at+2:]) &^ 7; off != 0 {
				if inner := b[at]; !isExt(inner) || inner == extNone {
					h.FragOff, h.Protocol = off, inner
					return true
				}
				return false
			}
			size = 8
		case ProtoAH:
			size = (int(b[at+1]) + 2) * 4
		}
		if len(b)-at < size {
			return false
		}
		next, at = b[at], at+size
	}
	h.Protocol, h.Len = next, at
	return true
}

func isExt(proto uint8) bool {
	switch proto {
	case extHopByHop, extRouting, ExtFragment, ProtoAH, extNone, extDestOpts:
		return true
	}
	return false
}

// Ports returns the first two 16-bit words of the transport header, source and
// destination port where the protocol has ports. It reports false if they are
// cut off.
func (h *Header) Ports(b []byte) (src, dst uint16, ok bool) {
	if len(b) < h.Len+4 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(b[h.Len:]), binary.BigEndian.Uint16(b[h.Len+2:]), true
}

// Plain reports whether a header of the packet b is followed at once, in one
// piece, by a whole TCP or UDP header: no IPv4 options, no IPv6 extension
// headers, no fragment.
func (h *Header) Plain(b []byte) bool {
	size := SizeIPv4
	if h.Family == IPv6 {
		size = SizeIPv6
	} else if len(b) < SizeIPv4 || Fragmentation(b, h.Off)&(FlagMF|FragMask) != 0 {
		return false
	}
	switch h.Protocol {
	case ProtoTCP:
		return h.Len == h.Off+size && len(b) >= h.Len+SizeTCP
	case ProtoUDP:
		return h.Len == h.Off+size && len(b) >= h.Len+SizeUDP
	}
	return false
}

// HasPorts reports whether the protocol's ports are rewritten by NAT.
func (h *Header) HasPorts() bool {
	return h.Protocol == ProtoTCP || h.Protocol == ProtoUDP || h.Protocol == ProtoSCTP
}
