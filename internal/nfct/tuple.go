package nfct

import (
	"encoding/binary"

	"goipvs/packet"
)

// Tuple names one direction of a connection. The identifier of an ICMP query
// stands in SPort, its type and code in DPort; protocols without ports have
// none.
//
// Kernel: include/net/netfilter/nf_conntrack_tuple.h, struct nf_conntrack_tuple (6.1).
type Tuple struct {
	Family       packet.Family
	Protocol     uint8
	Src, Dst     packet.Addr
	SPort, DPort uint16
}

// queries are the ICMP types that are answered, with the answers' types, both
// ways.
//
// Kernel: nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c, invmap (6.1).
var queries = map[packet.Family]map[uint8]uint8{
	packet.IPv4: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17},
	packet.IPv6: {128: 129, 129: 128, 139: 140, 140: 139},
}

// inverse returns the tuple of the other direction. It reports false where there
// is none.
//
// Kernel: nf_conntrack_core.c, nf_ct_invert_tuple (6.1).
func (t Tuple) inverse() (Tuple, bool) {
	t.Src, t.Dst = t.Dst, t.Src
	if t.isICMP() {
		typ, ok := queries[t.Family][uint8(t.DPort>>8)]
		t.DPort = uint16(typ)<<8 | t.DPort&0xff
		return t, ok
	}
	t.SPort, t.DPort = t.DPort, t.SPort
	return t, true
}

// isICMP reports whether the protocol is ICMP of either version: whatever the
// family, as in the kernel.
func (t *Tuple) isICMP() bool {
	return t.Protocol == packet.ProtoICMP || t.Protocol == packet.ProtoICMPv6
}

// transport finds the transport header of a datagram at off in b. It reports
// false for what can't be tracked: later fragments, headers cut short.
//
// Kernel: nf_conntrack_core.c, ipv4_get_l4proto, ipv6_get_l4proto (6.1).
func transport(f packet.Family, b []byte, off int) (h packet.Header, ok bool) {
	if f == packet.IPv4 && len(b) < off+packet.SizeIPv4 || f == packet.IPv6 && len(b) < off+packet.SizeIPv6 {
		return h, false
	}
	if !packet.ParseHeader(f, b, off, &h) || h.FragOff != 0 || h.Len > len(b) {
		return h, false
	}
	if f == packet.IPv4 && packet.Fragmentation(b, off)&packet.FragMask != 0 {
		return h, false
	}
	return h, true
}

// tupleOf reads the tuple of a datagram whose transport header was found.
//
// Kernel: nf_conntrack_core.c, nf_ct_get_tuple (6.1).
func tupleOf(h *packet.Header, b []byte) (t Tuple, ok bool) {
	t = Tuple{Family: h.Family, Protocol: h.Protocol, Src: h.Src, Dst: h.Dst}
	b = b[h.Len:]
	switch h.Protocol {
	case packet.ProtoICMP, packet.ProtoICMPv6:
		if len(b) < packet.SizeICMP {
			return t, false
		}
		t.SPort, t.DPort = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b)
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, protoUDPLite, protoDCCP:
		if len(b) < 4 {
			return t, false
		}
		t.SPort, t.DPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	}
	return t, true
}

// Protocols that only connection tracking knows the ports of.
const (
	protoDCCP    = 33
	protoUDPLite = 136
)
