package host

import (
	"encoding/binary"

	"goipvs/packet"
	"goipvs/xmit"
)

// check6 checks an IPv6 datagram as received by d and cuts off padding. It
// returns why not to take it, or "".
//
// Kernel: net/ipv6/ip6_input.c, ip6_rcv_core (6.1).
func check6(p *packet.Packet, d *iface) packet.Reason {
	b := p.Data()
	if !d.has6() {
		return ReasonNoIPv6
	}
	if len(b) < packet.SizeIPv6 {
		return ReasonTruncated
	}
	if b[0]>>4 != 6 {
		return ReasonHeader
	}
	src, dst := source(p), destination(p)
	foreign := d.kind != loopback
	if foreign && (src.IsLoopback(packet.IPv6) || dst.IsLoopback(packet.IPv6)) {
		return ReasonMartianSource
	}
	if dst.IsMulticast(packet.IPv6) {
		if scope := scope6(dst); scope == 0 || scope == 1 && foreign && !p.Loopback && p.Route == nil {
			return ReasonScope
		}
	}
	if src.IsMulticast(packet.IPv6) {
		return ReasonMartianSource
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n != 0 || b[6] != extHopByHop {
		if len(b) < packet.SizeIPv6+n {
			return ReasonTruncated
		}
		p.Trim(packet.SizeIPv6 + n)
	}
	return ""
}

// receive6 handles an IPv6 datagram that arrives by d. One from the loopback
// interface was routed when it was sent.
//
// Kernel: net/ipv6/ip6_input.c, ipv6_rcv, ip6_rcv_finish_core (6.1).
func (h *Host) receive6(p *packet.Packet, d *iface) {
	if why := check6(p, d); why != "" {
		h.drop(p, why, "ip6_rcv_core")
		return
	}
	p.Origin, p.FragMax, p.FragPMTU, p.OutIf = arrived(p), 0, false, 0
	if p.Data()[6] == extHopByHop && !h.hopByHop(p) {
		return
	}
	if !h.preRouting(p, d) {
		return
	}
	r := inputRoute{action: deliver, route: p.Route}
	if p.Route == nil {
		r = h.input6(source(p), destination(p), p.Mark, d)
	}
	if r.action == discard {
		h.drop(p, r.why, "ip6_route_input")
		return
	}
	p.Route = r.route
	h.routed(p, &r)
}

// Hop-by-hop options (IANA).
const (
	tlvPad1        = 0
	tlvPadN        = 1
	tlvRouterAlert = 5
	tlvCALIPSO     = 7
	tlvIOAM        = 49
	tlvJumbo       = 0xc2
)

// maxHopOptions is how many options a hop-by-hop header may have.
//
// Kernel: include/net/ipv6.h, IP6_DEFAULT_MAX_HBH_OPTS_CNT (6.1).
const maxHopOptions = 8

// hopByHop checks the hop-by-hop options of a packet that was received. It
// reports whether the packet goes on.
//
// Kernel: net/ipv6/exthdrs.c, ipv6_parse_hopopts, ip6_parse_tlv (6.1).
func (h *Host) hopByHop(p *packet.Packet) bool {
	const in = "ip6_parse_tlv"
	b := p.Data()
	if len(b) < packet.SizeIPv6+8 || len(b) < packet.SizeIPv6+(int(b[packet.SizeIPv6+1])+1)*8 {
		h.drop(p, ReasonTruncated, in)
		return false
	}
	end := packet.SizeIPv6 + (int(b[packet.SizeIPv6+1])+1)*8
	pad, count := 0, 0
	for at := packet.SizeIPv6 + 2; at < end; {
		if b[at] == tlvPad1 {
			at++
			if pad++; pad > 7 {
				h.drop(p, ReasonOptions, in)
				return false
			}
			continue
		}
		n := 0
		if end-at >= 2 {
			n = int(b[at+1]) + 2
		}
		if n == 0 || n > end-at {
			h.drop(p, ReasonOptions, in)
			return false
		}
		bad := false
		if b[at] == tlvPadN {
			pad += n
			bad = pad > 7 || !allZero(b[at+2:at+n])
		} else {
			pad = 0
			count++
			bad = count > maxHopOptions
		}
		if bad {
			h.drop(p, ReasonOptions, in)
			return false
		}
		if !h.hopOption(p, at, n) {
			return false
		}
		at += n
	}
	return true
}

// hopOption looks at one hop-by-hop option of n octets. It reports whether the
// packet goes on.
func (h *Host) hopOption(p *packet.Packet, at, n int) bool {
	b := p.Data()
	switch b[at] {
	case tlvPadN:
		return true
	case tlvRouterAlert:
		if n != 4 {
			h.drop(p, ReasonOptions, "ipv6_hop_ra")
		}
		return n == 4
	case tlvIOAM:
		if at&3 != 0 {
			h.drop(p, ReasonOptions, "ipv6_hop_ioam")
		}
		return at&3 == 0
	case tlvJumbo:
		return h.jumbo(p, at)
	case tlvCALIPSO:
		// No domain of interpretation is configured.
		h.drop(p, ReasonOptions, "ipv6_hop_calipso")
		return false
	}
	return h.unknownOption(p, at)
}

// jumbo checks a jumbo payload option (RFC 2675), whose packets no interface
// here can carry.
//
// Kernel: net/ipv6/exthdrs.c, ipv6_hop_jumbo (6.1).
func (h *Host) jumbo(p *packet.Packet, at int) bool {
	b := p.Data()
	h.drop(p, ReasonOptions, "ipv6_hop_jumbo")
	if b[at+1] != 4 || at&3 != 2 {
		return false
	}
	switch n := binary.BigEndian.Uint32(b[at+2:]); {
	case n <= maxMTU4:
		h.parameterProblem(p, 0, at+2)
	case binary.BigEndian.Uint16(b[4:]) != 0:
		h.parameterProblem(p, 0, at)
	}
	return false
}

// unknownOption does with a packet what an option that isn't known asks for (RFC
// 8200 §4.2).
//
// Kernel: net/ipv6/exthdrs.c, ip6_tlvopt_unknown (6.1).
func (h *Host) unknownOption(p *packet.Packet, at int) bool {
	todo := p.Data()[at] >> 6
	if todo == 0 {
		return true
	}
	h.drop(p, ReasonOptions, "ip6_tlvopt_unknown")
	if todo == 2 || todo == 3 && !destination(p).IsMulticast(packet.IPv6) {
		h.parameterProblem(p, icmp6UnknownOption, at)
	}
	return false
}

// parameterProblem tells a packet's sender what is wrong at an offset.
func (h *Host) parameterProblem(p *packet.Packet, code uint8, at int) {
	if p.Route == nil {
		p.Route = h.errorRoute(packet.IPv6)
	}
	xmit.ICMPError(h, p, icmp6ParameterProblem, code, uint32(at))
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
