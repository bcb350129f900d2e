package host

import "goipvs/packet"

// output6 finds the way of an IPv6 packet of this host. Where the flow has no
// source the result's Src is the one to use.
//
// Kernel: net/ipv6/route.c, ip6_route_output_flags (6.1).
func (h *Host) output6(fl *flow) (*packet.Route, error) {
	e, err := h.v6.lookup(fl, h.gen)
	if err != nil {
		return nil, err
	}
	if e.typ == multicastRoute {
		return h.newRoute(packet.IPv6, e, fl.dst), nil
	}
	r := h.outVia(fl, e)
	if e.typ == Unicast && e.plen < 128 {
		// The source depends on the destination, not on the route alone.
		if src := h.selectAddr6(e.dev, fl.dst); src != r.Src {
			c := *r
			c.Src = src
			return &c, nil
		}
	}
	return r, nil
}

// input6 finds the way of an IPv6 packet that arrived by d.
//
// Kernel: net/ipv6/route.c, ip6_route_input, ip6_rt_init_dst (6.1).
func (h *Host) input6(src, dst packet.Addr, mark uint32, d *iface) inputRoute {
	if dst.IsMulticast(packet.IPv6) {
		if !h.joined6(d, dst) {
			return inputRoute{action: discard, why: ReasonNotJoined}
		}
		// Not Local: the route's interface is the link it came by.
		r := h.errorRoute(packet.IPv6)
		r.OutIf, r.MTU = d.index, d.mtuFor(packet.IPv6)
		return inputRoute{action: deliver, route: r}
	}
	fl := flow{family: packet.IPv6, dst: dst, src: src, mark: mark}
	if dst.IsLinkLocal6() {
		fl.oif = d.index
	}
	e, err := h.v6.lookup(&fl, h.gen)
	switch {
	case err != nil:
		return inputRoute{action: refuse, route: h.errorRoute(packet.IPv6), err: err}
	case e.typ == LocalRoute, e.typ == anycastRoute:
		return inputRoute{action: deliver, route: h.localIn(packet.IPv6, e), entry: e}
	case e.typ != Unicast:
		return inputRoute{action: discard, why: ReasonMartianDestination}
	}
	return inputRoute{action: forward, route: h.forwardVia(packet.IPv6, e, dst), entry: e}
}
