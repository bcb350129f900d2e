package host

import "goipvs/packet"

// isLimitedBroadcast reports whether an IPv4 address is 255.255.255.255.
func isLimitedBroadcast(a packet.Addr) bool { return a.V4() == 0xffffffff }

// isLocalMulticast reports whether an IPv4 address is in 224.0.0.0/24.
func isLocalMulticast(a packet.Addr) bool { return a.V4()>>8 == 0xe00000 }

// output4 finds the way of an IPv4 packet of this host. Where the flow has no
// source the result's Src is the one to use.
//
// Kernel: net/ipv4/route.c, ip_route_output_key_hash_rcu (6.1).
func (h *Host) output4(fl *flow) (*packet.Route, error) {
	if !fl.src.IsZero() {
		if fl.src.IsMulticast(packet.IPv4) || isLimitedBroadcast(fl.src) || fl.src.IsZero() {
			return nil, ErrInvalid
		}
		special := fl.dst.IsMulticast(packet.IPv4) || isLimitedBroadcast(fl.dst)
		if special || !fl.anySrc {
			d := h.ownerOf4(fl.src)
			if d == nil {
				return nil, ErrUnreachable
			}
			if special && fl.oif == 0 {
				return h.output4On(fl, d, nil), nil
			}
		}
	}
	if fl.dst.IsZero() {
		dst := fl.src
		if dst.IsZero() {
			dst = packet.Addr{127, 0, 0, 1}
		}
		lo := h.ifaces[loopbackIf]
		return &packet.Route{
			Family: packet.IPv4, Local: true, OutIf: loopbackIf, MTU: lo.mtuFor(packet.IPv4), NextHop: dst, Src: dst, Gen: h.gen,
		}, nil
	}
	e, err := h.v4.lookup(fl, h.gen)
	if err != nil {
		return nil, err
	}
	if e.typ != LocalRoute && fl.src.IsLoopback(packet.IPv4) && e.dev.kind != loopback {
		return nil, ErrInvalid
	}
	switch {
	case isLimitedBroadcast(fl.dst), fl.dst.IsMulticast(packet.IPv4):
		return h.output4On(fl, e.dev, e), nil
	case fl.dst.IsZero():
		return nil, ErrInvalid
	case e.typ == broadcastRoute:
		r := h.newRoute(packet.IPv4, e, fl.dst)
		r.Local = true // it is for this host, too
		return r, nil
	}
	return h.outVia(fl, e), nil
}

// output4On is the way of a limited broadcast or a multicast by an interface.
// Only a multicast may use a route's gateway, and that only if the route is for
// multicasts. Local says that this host gets it, too.
//
// Kernel: net/ipv4/route.c, __mkroute_output (6.1).
func (h *Host) output4On(fl *flow, d *iface, e *entry) *packet.Route {
	r := &packet.Route{Family: packet.IPv4, OutIf: d.index, MTU: d.mtuFor(packet.IPv4), Gen: h.gen}
	multicast := fl.dst.IsMulticast(packet.IPv4)
	if multicast && e != nil && e.plen >= 4 && e.hasGW {
		r.NextHop = e.gw
	}
	r.Local = !multicast || d.kind == loopback || h.joined4(d, fl.dst)
	if e != nil {
		r.Src = h.prefSrc(e)
	} else {
		r.Src = fl.src
	}
	return r
}

// joined4 reports whether an interface listens to an IPv4 multicast group: all
// systems (RFC 1112 §4).
func (h *Host) joined4(d *iface, a packet.Addr) bool {
	return d.up && a.V4() == 0xe0000001
}

// action is what becomes of a packet that arrived.
type action uint8

const (
	deliver action = iota // to this host
	forward
	refuse  // an error route: tell the sender, perhaps
	discard // a martian, or nobody's business
)

// inputRoute is the outcome of routing a packet that arrived.
type inputRoute struct {
	action action
	route  *packet.Route
	entry  *entry        // the route's, where there is one
	err    error         // with refuse
	why    packet.Reason // with discard
}

// input4 finds the way of an IPv4 packet that arrived by d.
//
// Kernel: net/ipv4/route.c, ip_route_input_rcu, ip_route_input_slow (6.1).
func (h *Host) input4(src, dst packet.Addr, mark uint32, proto uint8, d *iface) inputRoute {
	if dst.IsMulticast(packet.IPv4) {
		return h.inputMulticast4(src, dst, proto, d)
	}
	if src.IsMulticast(packet.IPv4) || isLimitedBroadcast(src) {
		return martianSource
	}
	if isLimitedBroadcast(dst) || src.IsZero() && dst.IsZero() {
		return h.inputBroadcast4(src)
	}
	if src.IsZero() || !dst.IsLoopback(packet.IPv4) && src.IsLoopback(packet.IPv4) {
		return martianSource
	}
	if dst.IsZero() || dst.IsLoopback(packet.IPv4) {
		return inputRoute{action: discard, why: ReasonMartianDestination}
	}
	fl := flow{family: packet.IPv4, dst: dst, src: src, mark: mark}
	e, err := h.v4.lookup(&fl, h.gen)
	switch {
	case err != nil && !h.forward4:
		return inputRoute{action: refuse, route: h.errorRoute(packet.IPv4), err: ErrNoHost}
	case err != nil:
		return inputRoute{action: refuse, route: h.errorRoute(packet.IPv4), err: err}
	case e.typ == broadcastRoute:
		return h.inputBroadcast4(src)
	case e.typ == LocalRoute:
		if !h.validSource4(src, dst) {
			return martianSource
		}
		return inputRoute{action: deliver, route: h.localIn(packet.IPv4, e), entry: e}
	case !h.forward4:
		return inputRoute{action: refuse, route: h.errorRoute(packet.IPv4), err: ErrNoHost}
	case e.typ != Unicast:
		return inputRoute{action: discard, why: ReasonMartianDestination}
	case !h.validSource4(src, dst):
		return martianSource
	}
	return inputRoute{action: forward, route: h.forwardVia(packet.IPv4, e, dst), entry: e}
}

var martianSource = inputRoute{action: discard, why: ReasonMartianSource}

func (h *Host) inputBroadcast4(src packet.Addr) inputRoute {
	if !src.IsZero() && !h.validSource4(src, packet.Addr{}) {
		return martianSource
	}
	r := h.errorRoute(packet.IPv4)
	r.Local = true
	return inputRoute{action: deliver, route: r}
}

// Kernel: net/ipv4/route.c, ip_mc_validate_source (6.1).
func (h *Host) inputMulticast4(src, dst packet.Addr, proto uint8, d *iface) inputRoute {
	const protoIGMP = 2
	switch {
	case !h.joined4(d, dst):
		return inputRoute{action: discard, why: ReasonNotJoined}
	case src.IsMulticast(packet.IPv4), isLimitedBroadcast(src), src.IsLoopback(packet.IPv4):
		return martianSource
	case src.IsZero():
		if !isLocalMulticast(dst) && proto != protoIGMP {
			return martianSource
		}
	case !h.validSource4(src, packet.Addr{}):
		return martianSource
	}
	r := h.errorRoute(packet.IPv4)
	r.Local = true
	return inputRoute{action: deliver, route: r}
}

// validSource4 reports whether a packet from elsewhere may come from src: not
// from an address of this host, nor, once there are rules or local routes of the
// user's, from one that is routed as anything but unicast. Reverse paths aren't
// filtered.
//
// Kernel: net/ipv4/fib_frontend.c, fib_validate_source (6.1).
func (h *Host) validSource4(src, dst packet.Addr) bool {
	if !h.v4.customLocal && len(h.v4.rules) == 0 {
		return !h.owns4(src)
	}
	e, err := h.v4.lookup(&flow{family: packet.IPv4, dst: src, src: dst}, h.gen)
	return err != nil || e.typ == Unicast
}

// localIn returns the Route of packets that arrive for this host by e.
func (h *Host) localIn(f packet.Family, e *entry) *packet.Route {
	h.refresh(e)
	if e.in == nil {
		e.in = h.errorRoute(f)
		e.in.Local = true
	}
	return e.in
}

// forwardVia returns the Route of packets that are to be forwarded to dst by e.
//
// Kernel: net/ipv4/route.c, __mkroute_input (6.1).
func (h *Host) forwardVia(f packet.Family, e *entry, dst packet.Addr) *packet.Route {
	h.refresh(e)
	x := h.exception(e, dst)
	if x == nil && e.in != nil {
		return e.in
	}
	if x != nil && x.in != nil {
		return x.in
	}
	r := &packet.Route{Family: f, Input: true, OutIf: e.dev.index, MTU: e.dev.mtuFor(f), NextHop: e.gw, Gen: h.gen}
	if x != nil {
		r.MTU, x.in = x.forwardMTU(e), r
	} else {
		e.in = r
	}
	return r
}
