package host

import (
	"time"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

// ICMP and ICMPv6 types and codes that the host sends.
const (
	icmpUnreachable      = 3
	icmpQuench           = 4
	icmpTimeExceeded     = 11
	icmpParameterProblem = 12
	icmpNetUnreach       = 0
	icmpHostUnreach      = 1
	icmpFragNeeded       = 4
	icmpFiltered         = 13
	icmpReassembly       = 1

	icmp6Unreachable      = 1
	icmp6TooBig           = 2
	icmp6TimeExceeded     = 3
	icmp6ParameterProblem = 4
	icmp6NoRoute          = 0
	icmp6Prohibited       = 1
	icmp6NotNeighbour     = 2
	icmp6AddrUnreach      = 3
	icmp6UnknownOption    = 2
	icmp6Reassembly       = 1
)

// forward sends a packet on that is somebody else's.
func (h *Host) forward(p *packet.Packet) {
	if p.Family == packet.IPv6 {
		h.forward6th(p)
		return
	}
	h.forward4th(p)
}

// forward4th forwards an IPv4 packet.
//
// Kernel: net/ipv4/ip_forward.c, ip_forward (6.1).
func (h *Host) forward4th(p *packet.Packet) {
	const in = "ip_forward"
	if p.Kind != packet.ToHost {
		h.drop(p, ReasonOtherHost, in)
		return
	}
	if p.TTL() <= 1 {
		h.drop(p, ReasonTTL, in)
		xmit.ICMPError(h, p, icmpTimeExceeded, 0, 0)
		return
	}
	mtu := p.Route.MTU
	if p.Len() > mtu && packet.Fragmentation(p.Data(), 0)&packet.FlagDF != 0 && (p.FragMax > mtu || !p.IgnoreDF) {
		h.drop(p, ReasonTooBig, in)
		xmit.ICMPError(h, p, icmpUnreachable, icmpFragNeeded, uint32(mtu))
		return
	}
	p.DecrementTTL()
	p.OutIf = p.Route.OutIf
	if !h.hook(hooks.Forward, p) {
		return
	}
	if s := knownState(p); s != nil && s.options.len != 0 {
		h.forwardOptions(p, &s.options)
	}
	h.output(p, true)
}

// forward6th forwards an IPv6 packet.
//
// Kernel: net/ipv6/ip6_output.c, ip6_forward (6.1).
func (h *Host) forward6th(p *packet.Packet) {
	const in = "ip6_forward"
	switch {
	case !h.forward6:
		h.drop(p, ReasonNoForwarding, in)
		return
	case p.Kind != packet.ToHost:
		h.drop(p, ReasonOtherHost, in)
		return
	case p.TTL() <= 1:
		h.drop(p, ReasonTTL, in)
		xmit.ICMPError(h, p, icmp6TimeExceeded, 0, 0)
		return
	}
	if p.Route.OutIf != p.InIf {
		src := source(p)
		if src.IsZero() || src.IsMulticast(packet.IPv6) || src.IsLoopback(packet.IPv6) {
			h.drop(p, ReasonMartianSource, in)
			return
		}
		if src.IsLinkLocal6() {
			h.drop(p, ReasonMartianSource, in)
			xmit.ICMPError(h, p, icmp6Unreachable, icmp6NotNeighbour, 0)
			return
		}
	}
	mtu := max(p.Route.MTU, minMTU6)
	if p.Len() > mtu && (p.FragMax > mtu || !p.IgnoreDF) {
		h.drop(p, ReasonTooBig, in)
		xmit.ICMPError(h, p, icmp6TooBig, 0, uint32(mtu))
		return
	}
	p.DecrementTTL()
	p.OutIf = p.Route.OutIf
	if h.hook(hooks.Forward, p) {
		h.output(p, true)
	}
}

// refuse ends a packet that no route wants, and tells its sender where that is
// the custom: IPv4 only where it is a router, and not about blackholes; IPv6 always.
//
// Kernel: net/ipv4/route.c, ip_error; net/ipv6/route.c, ip6_pkt_drop (6.1).
func (h *Host) refuse(p *packet.Packet, err error) {
	if p.Family == packet.IPv6 {
		h.drop(p, ReasonNoRoute, "ip6_pkt_drop")
		switch {
		case err == ErrInvalid:
		case err == ErrDenied:
			xmit.ICMPError(h, p, icmp6Unreachable, icmp6Prohibited, 0)
		default:
			xmit.ICMPError(h, p, icmp6Unreachable, icmp6NoRoute, 0)
		}
		return
	}
	why := ReasonNoRoute
	if !h.forward4 {
		why = ReasonNoForwarding
	}
	h.drop(p, why, "ip_error")
	if !h.forward4 || err == ErrInvalid || !h.errors.allow(source(p), h.now) {
		return
	}
	code := uint8(icmpNetUnreach)
	switch err {
	case ErrNoHost:
		code = icmpHostUnreach
	case ErrDenied:
		code = icmpFiltered
	}
	xmit.ICMPError(h, p, icmpUnreachable, code, 0)
}

// sendError sends an ICMP error that was made here. While it is on its way no
// other can be: what it causes, synchronously, causes no error.
//
// Kernel: net/ipv4/icmp.c, icmp_xmit_lock; net/ipv6/icmp.c, icmpv6_xmit_lock
// (6.1).
func (h *Host) sendError(p *packet.Packet) {
	busy := &h.errorBusy[p.Family/packet.IPv6]
	h.errors.sent(p, h.now)
	*busy = true
	h.localOut(p)
	*busy = false
}

// errorRate limits the errors about missing routes that one host gets. What is
// meant is five at once, then one a second; but each error that is subject to
// icmp_ratelimit, which is 0 here, takes the tokens away that the host saved.
//
// Kernel: net/ipv4/route.c, ip_error; net/ipv4/icmp.c, icmpv4_xrlim_allow,
// inet_peer_xrlim_allow (6.1).
type errorRate struct {
	of map[packet.Addr]errorTokens
}

type errorTokens struct {
	at     time.Duration
	tokens time.Duration
}

// errorHosts is how many hosts' limits are remembered.
const errorHosts = 65536

// allow reports whether an error may be sent to a host.
func (r *errorRate) allow(to packet.Addr, now time.Duration) bool {
	const burst, cost = 5 * time.Second, time.Second
	t, ok := r.of[to]
	if !ok {
		t = errorTokens{now, burst}
	}
	t.tokens = min(t.tokens+now-t.at, burst)
	t.at = now
	ok = t.tokens >= cost
	if ok {
		t.tokens -= cost
	}
	r.set(to, t)
	return ok
}

// sent says that p goes out, which may be such an error.
func (r *errorRate) sent(p *packet.Packet, now time.Duration) {
	b := p.Data()
	if p.Family != packet.IPv4 || b[9] != packet.ProtoICMP {
		return
	}
	at := int(b[0]&0xf) * 4
	if len(b) < at+2 {
		return
	}
	switch b[at] {
	case icmpUnreachable:
		if b[at+1] == icmpFragNeeded {
			return
		}
	case icmpQuench, icmpTimeExceeded, icmpParameterProblem:
	default:
		return
	}
	r.set(destination(p), errorTokens{at: now})
}

func (r *errorRate) set(to packet.Addr, t errorTokens) {
	if r.of == nil || len(r.of) >= errorHosts {
		r.of = make(map[packet.Addr]errorTokens)
	}
	r.of[to] = t
}
