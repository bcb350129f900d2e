package xmit

import (
	"encoding/binary"

	"goipvs/packet"
)

// ICMP and ICMPv6 types and codes that are made here.
const (
	icmpUnreachable      = 3
	icmpQuench           = 4
	icmpTimeExceeded     = 11
	icmpParameterProblem = 12
	icmpHostUnreach      = 1
	icmpPortUnreach      = 3
	icmpFragNeeded       = 4
	icmp6Unreachable     = 1
	icmp6TooBig          = 2
	icmp6TimeExceeded    = 3
	icmp6AddrUnreach     = 3
	icmp6PortUnreach     = 4
	icmp6Info            = 0x80 // types from here on are no errors
)

// ICMPError answers p with an ICMP or ICMPv6 error of a type and code, info
// being what stands in the second word (an MTU, or 0), and sends it into
// LOCAL_OUT. Nothing is sent where the standards and the kernel forbid it: about
// an ICMP error, a later fragment, a broadcast or multicast, or without a route
// and a source.
//
// Kernel: net/ipv4/icmp.c, __icmp_send; net/ipv6/icmp.c, icmp6_send (6.1).
func ICMPError(s Stack, p *packet.Packet, typ, code uint8, info uint32) {
	if q := newICMPError(s, p, typ, code, info, optionsOf(p, typ, info)); q != nil {
		s.LocalOut(q)
	}
}

// newICMPError makes the error, nil if none may or can be sent, and reports it. o
// are the packet's IPv4 options.
func newICMPError(s Stack, p *packet.Packet, typ, code uint8, info uint32, o received) *packet.Packet {
	var q *packet.Packet
	why := ReasonICMPUnrouted
	switch {
	case p.Route == nil:
	case p.Family == packet.IPv6:
		q, why = newICMPv6Error(s, p, typ, code, info)
	default:
		q, why = newICMPv4Error(s, p, typ, code, info, o)
	}
	reportError(p, typ, code, info, q, why)
	return q
}

// reportError reports an ICMP error about p.
func reportError(p *packet.Packet, typ, code uint8, info uint32, q *packet.Packet, why packet.Reason) {
	if p.Listener != nil {
		p.Listener.Event(p, Errored{Type: typ, Code: code, Info: info, Error: q, Why: why})
	}
}

func newICMPv4Error(s Stack, p *packet.Packet, typ, code uint8, info uint32, o received) (*packet.Packet, packet.Reason) {
	const maxLen = 576 // RFC 1812 §4.3.2.3
	b := p.Data()
	var h packet.Header
	switch {
	case !p.ParseHeader(&h):
		return nil, ReasonICMPHeader
	case p.Kind != packet.ToHost:
		return nil, ReasonICMPBroadcast
	case packet.Fragmentation(b, 0)&packet.FragMask != 0:
		return nil, ReasonICMPFragment
	}
	if t := s.AddrType(packet.IPv4, h.Dst); t == AddrBroadcast || t == AddrMulticast {
		return nil, ReasonICMPBroadcast
	}
	if h.Protocol == packet.ProtoICMP && (len(b) <= h.Len || isError(b[h.Len])) {
		return nil, ReasonICMPAboutICMP
	}
	var src packet.Addr
	if p.Route.Local {
		src = h.Dst
	}
	var options echo
	if !options.from(s, o, h.Src[:4]) {
		return nil, ReasonICMPOptions
	}
	tos, dst := b[1]&0x1e|0xc0, h.Src
	if options.sourceRoute != 0 {
		dst = options.via
	}
	rt := s.RouteReply(p, src, dst, tos)
	if rt == nil {
		return nil, ReasonICMPNoWay
	}
	if src.IsZero() {
		src = rt.Src
	}
	head := packet.SizeIPv4 + options.n
	room := min(rt.MTU, maxLen) - head - packet.SizeICMP
	if room <= packet.SizeIPv4 {
		return nil, ReasonICMPNoRoom
	}
	n := min(len(b), room)
	e := make([]byte, packet.Headroom+head+packet.SizeICMP+n)
	d := e[packet.Headroom:]
	d[0], d[1] = 0x40|byte(head/4), tos
	binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
	binary.BigEndian.PutUint16(d[4:], s.RandomID())
	d[8], d[9] = 64, packet.ProtoICMP
	copy(d[12:16], src[:4])
	copy(d[16:20], dst[:4])
	options.fill(d, src, s)
	packet.SetIPv4Checksum(d, 0)
	m := d[head:]
	m[0], m[1] = typ, code
	binary.BigEndian.PutUint32(m[4:], info)
	copy(m[packet.SizeICMP:], b[:n])
	binary.BigEndian.PutUint16(m[2:], packet.Fold(packet.Sum(m, 0)))
	return finishError(packet.IPv4, e, p, rt), ReasonICMP
}

func newICMPv6Error(s Stack, p *packet.Packet, typ, code uint8, info uint32) (*packet.Packet, packet.Reason) {
	const maxLen = 1280 // RFC 4443 §2.4 (c)
	b := p.Data()
	var h packet.Header
	if len(b) < packet.SizeIPv6 {
		return nil, ReasonICMPHeader
	}
	parsed := p.ParseHeader(&h)
	if parsed && h.Protocol == packet.ProtoICMPv6 && h.FragOff == 0 && (len(b) <= h.Len || b[h.Len]&icmp6Info == 0) {
		return nil, ReasonICMPAboutICMP
	}
	many := h.Dst.IsMulticast(packet.IPv6) || p.Kind != packet.ToHost
	if many && typ != icmp6TooBig && !isUnknownOption(b, typ, code, info) {
		return nil, ReasonICMPBroadcast
	}
	if h.Src.IsZero() || h.Src.IsMulticast(packet.IPv6) {
		return nil, ReasonICMPSource
	}
	var src packet.Addr
	if !many && s.AddrType(packet.IPv6, h.Dst) == AddrLocal {
		src = h.Dst
	}
	rt := s.RouteReply(p, src, h.Src, 0)
	if rt == nil {
		return nil, ReasonICMPNoWay
	}
	if src.IsZero() {
		src = rt.Src
	}
	n := min(len(b), maxLen-packet.SizeIPv6-packet.SizeICMP)
	e := make([]byte, packet.Headroom+packet.SizeIPv6+packet.SizeICMP+n)
	d := e[packet.Headroom:]
	d[0] = 0x60
	binary.BigEndian.PutUint16(d[4:], uint16(packet.SizeICMP+n))
	d[6], d[7] = packet.ProtoICMPv6, 64
	copy(d[8:24], src[:])
	copy(d[24:40], h.Src[:])
	m := d[packet.SizeIPv6:]
	m[0], m[1] = typ, code
	binary.BigEndian.PutUint32(m[4:], info)
	copy(m[packet.SizeICMP:], b[:n])
	binary.BigEndian.PutUint16(m[2:], packet.TransportChecksum(packet.IPv6, src, h.Src, packet.ProtoICMPv6, m))
	return finishError(packet.IPv6, e, p, rt), ReasonICMP
}

// isUnknownOption reports an error about an option that wants to be reported even
// if its packet was sent to many (RFC 8200 §4.2).
//
// Kernel: net/ipv6/icmp.c, opt_unrec (6.1).
func isUnknownOption(b []byte, typ, code uint8, at uint32) bool {
	const problem, option = 4, 2
	if typ != problem || code != option {
		return false
	}
	return at >= uint32(len(b)) || b[at]&0xc0 == 0x80
}

func finishError(f packet.Family, e []byte, about *packet.Packet, rt *packet.Route) *packet.Packet {
	q := new(packet.Packet)
	q.Set(f, e, packet.Headroom)
	q.Route, q.OutIf, q.Listener = rt, rt.OutIf, about.Listener
	return q
}

// isError reports whether an ICMP type is an error, or none that is known, to the
// kernel, who takes types that nobody uses and router discovery for errors, too.
//
// Kernel: net/ipv4/icmp.c, icmp_pointers (6.1).
func isError(typ uint8) bool {
	switch typ {
	case icmpUnreachable, icmpQuench, 5, icmpTimeExceeded, icmpParameterProblem, 1, 2, 6, 7, 9, 10:
		return true
	}
	return typ > 18
}

// linkFailure tells a packet's sender that there is no way to the server. The
// IPv4 options are gone through once more for it, the packet's and so those that
// the error quotes.
//
// Kernel: net/ipv4/route.c, ipv4_link_failure; net/ipv6/route.c, ip6_link_failure
// (6.1).
func (x *Context) linkFailure(p *packet.Packet) { x.send(newLinkFailure(x.Stack, p)) }

// LinkFailure is for a Stack that can't reach the next hop: it tells the packet's
// sender, and sends that into LOCAL_OUT.
//
// Kernel: net/ipv4/route.c, ipv4_link_failure; net/ipv6/route.c, ip6_link_failure
// (6.1).
func LinkFailure(s Stack, p *packet.Packet) {
	if q := newLinkFailure(s, p); q != nil {
		s.LocalOut(q)
	}
}

func newLinkFailure(s Stack, p *packet.Packet) *packet.Packet {
	if p.Family == packet.IPv6 {
		return newICMPError(s, p, icmp6Unreachable, icmp6AddrUnreach, 0, received{})
	}
	if p.Route == nil || !compileOptions(s, p) {
		reportError(p, icmpUnreachable, icmpHostUnreach, 0, nil, ReasonICMPOptions)
		return nil
	}
	b := p.Data()
	o := readOptions(b[:int(b[0]&0xf)*4], len(b))
	return newICMPError(s, p, icmpUnreachable, icmpHostUnreach, 0, o)
}

func (x *Context) timeExceeded(p *packet.Packet) {
	if p.Family == packet.IPv6 {
		x.ICMPError(p, icmp6TimeExceeded, 0, 0)
	} else {
		x.ICMPError(p, icmpTimeExceeded, 0, 0)
	}
}

// PortUnreachable tells a packet's sender that there is nobody to serve it.
//
// Kernel: ip_vs_core.c, ip_vs_leave (6.1).
func (x *Context) PortUnreachable(p *packet.Packet) {
	if p.Family == packet.IPv6 {
		x.ICMPError(p, icmp6Unreachable, icmp6PortUnreach, 0)
	} else {
		x.ICMPError(p, icmpUnreachable, icmpPortUnreach, 0)
	}
}
