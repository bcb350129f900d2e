package host

import (
	"goipvs/packet"
	"goipvs/xmit"
)

// RouteGen is xmit.Stack's.
func (h *Host) RouteGen() uint32 { return h.gen }

// RouteReply is xmit.Stack's.
//
// Kernel: net/ipv4/icmp.c, icmp_route_lookup; net/ipv6/icmp.c, icmp6_send,
// icmpv6_route_lookup (6.1). The source of an ICMPv6 error is chosen among those
// of the interface that the packet arrived by, before those on the way back.
func (h *Host) RouteReply(p *packet.Packet, src, dst packet.Addr, tos uint8) *packet.Route {
	if h.errorBusy[p.Family/packet.IPv6] {
		return nil
	}
	fl := flow{family: p.Family, dst: dst, src: src}
	if p.Family == packet.IPv6 && src.IsZero() && p.InIf > 0 && p.InIf < len(h.ifaces) {
		fl.src = h.selectAddr6(h.ifaces[p.InIf], dst)
	}
	rt, err := h.route(&fl)
	if err != nil {
		return nil
	}
	if p.Family == packet.IPv6 && !fl.src.IsZero() && rt.Src != fl.src {
		c := *rt
		c.Src = fl.src
		return &c
	}
	return rt
}

// AddrType is xmit.Stack's.
//
// Kernel: net/ipv4/fib_frontend.c, inet_addr_type;
// net/netfilter/ipvs/ip_vs_ctl.c, __ip_vs_addr_is_local_v6 (6.1).
func (h *Host) AddrType(f packet.Family, a packet.Addr) xmit.AddrType {
	if f == packet.IPv6 {
		return h.addrType6(a)
	}
	switch {
	case a.IsZero(), isLimitedBroadcast(a):
		return xmit.AddrBroadcast
	case a.IsMulticast(f):
		return xmit.AddrMulticast
	}
	e := h.v4.local.lookup(&flow{family: f, dst: a})
	if e == nil {
		return xmit.AddrUnicast
	}
	switch e.typ {
	case LocalRoute:
		return xmit.AddrLocal
	case broadcastRoute:
		return xmit.AddrBroadcast
	case Unicast:
		return xmit.AddrUnicast
	}
	return xmit.AddrInvalid
}

func (h *Host) addrType6(a packet.Addr) xmit.AddrType {
	switch {
	case a.IsZero():
		return xmit.AddrInvalid
	case a.IsMulticast(packet.IPv6):
		return xmit.AddrMulticast
	}
	e, err := h.v6.lookup(&flow{family: packet.IPv6, dst: a}, h.gen)
	if err == nil && (e.typ == LocalRoute || e.typ == anycastRoute) {
		return xmit.AddrLocal
	}
	return xmit.AddrUnicast
}

// Reroute is xmit.Stack's.
//
// Kernel: net/ipv4/netfilter.c, ip_route_me_harder; net/ipv6/netfilter.c,
// ip6_route_me_harder (6.1).
func (h *Host) Reroute(p *packet.Packet) bool {
	fl := flow{family: p.Family, dst: destination(p), src: source(p), mark: p.Mark, anySrc: true}
	if p.Family == packet.IPv4 {
		if t := h.AddrType(packet.IPv4, fl.src); t != xmit.AddrLocal && t != xmit.AddrUnicast {
			fl.src = packet.Addr{}
		}
	}
	rt, err := h.route(&fl)
	if err != nil {
		return false
	}
	p.Route, p.OutIf = rt, rt.OutIf
	return true
}

// Defrag is xmit.Stack's.
//
// Kernel: net/ipv4/ip_fragment.c, ip_defrag (6.1).
func (h *Host) Defrag(p *packet.Packet, at xmit.DefragUser) bool {
	return h.gather4(p, userIPVS+fragUser(at))
}

// RandomID is xmit.Stack's.
func (h *Host) RandomID() uint16 {
	for {
		if id := uint16(h.random()); id != 0 {
			return id
		}
	}
}
