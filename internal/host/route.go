package host

import (
	"net/netip"

	"goipvs/packet"
)

// RouteType is the type of a route.
type RouteType uint8

// The types of routes.
const (
	Unicast RouteType = iota
	LocalRoute
	Unreachable
	Blackhole
	Prohibit

	// Made with addresses and interfaces.
	broadcastRoute
	anycastRoute
	multicastRoute
)

// Table numbers of the kernel's own routing tables.
const (
	TableDefault = 253
	TableMain    = 254
	TableLocal   = 255
)

// RouteSpec is a route to add. With no Table it is added to the main one. At
// least one of Via and Dev is given where the type is Unicast.
type RouteSpec struct {
	Dst   netip.Prefix // 0.0.0.0/0 or ::/0: the default route
	Type  RouteType
	Via   netip.Addr // the gateway; the zero Addr: none, the destination is on the link
	Dev   string     // the interface; "": the one on whose link the gateway is
	Table uint32     // 0: main, or local where the type is LocalRoute
}

// AddRoute adds a route. Errors: ErrNoDevice, ErrExists, ErrInvalid,
// ErrGateway (the gateway is on no link), ErrDown.
//
// Kernel: net/ipv4/fib_semantics.c, fib_create_info; net/ipv6/route.c,
// ip6_route_add (6.1).
func (h *Host) AddRoute(r RouteSpec) error {
	if err := h.addRoute(r); err != nil {
		return err
	}
	h.changed()
	return nil
}

func (h *Host) addRoute(r RouteSpec) error {
	if !r.Dst.IsValid() || r.Type > Prohibit {
		return ErrInvalid
	}
	dst, f := packet.AddrFrom(r.Dst.Addr())
	e := &entry{dst: maskAddr(f, dst, r.Dst.Bits()), plen: r.Dst.Bits(), typ: r.Type}
	if e.dst != dst {
		return ErrInvalid
	}
	if f == packet.IPv6 {
		e.metric = metricUser6
	}
	id := r.Table
	switch {
	case id == 0 && r.Type == LocalRoute:
		id = TableLocal
	case id == 0:
		id = TableMain
	}
	if e.fail() == nil {
		if err := h.nextHop(f, e, &r, id); err != nil {
			return err
		}
	}
	b := h.fib(f)
	if b.table(id).find(e.dst, e.plen, e.metric) != nil {
		return ErrExists
	}
	b.table(id).add(e)
	if r.Type == LocalRoute {
		b.customLocal = true
	}
	return nil
}

// nextHop fills in where a route leads.
//
// Kernel: net/ipv4/fib_semantics.c, fib_check_nh (6.1).
func (h *Host) nextHop(f packet.Family, e *entry, r *RouteSpec, id uint32) error {
	if r.Dev != "" {
		d, err := h.device(r.Dev)
		if err != nil {
			return err
		}
		if !d.up && e.typ == Unicast {
			return ErrDown
		}
		e.dev = d
	}
	switch {
	case e.typ == LocalRoute:
		e.scope = scopeHost
	case !r.Via.IsValid():
		e.scope = scopeLink
	default:
		return h.gateway(f, e, r, id)
	}
	if e.dev == nil {
		return ErrNoDevice
	}
	return nil
}

// gateway finds the link that a route's gateway is on.
//
// Kernel: net/ipv4/fib_semantics.c, fib_check_nh_v4_gw; net/ipv6/route.c,
// ip6_route_check_nh (6.1).
func (h *Host) gateway(f packet.Family, e *entry, r *RouteSpec, id uint32) error {
	gw, gf := packet.AddrFrom(r.Via)
	if gf != f || gw.IsZero() || gw.IsMulticast(f) {
		return ErrInvalid
	}
	fl := flow{family: f, dst: gw, scope: scopeLink}
	if f == packet.IPv6 {
		fl.scope = 0
	}
	if e.dev != nil {
		fl.oif = e.dev.index
	}
	b := h.fib(f)
	var to *entry
	if id != TableMain {
		to = b.tables[id].lookup(&fl)
	}
	if to == nil || to.fail() != nil {
		var err error
		if to, err = b.lookup(&fl, h.gen); err != nil {
			return ErrGateway
		}
	}
	if to.typ != Unicast && (to.typ != LocalRoute || f == packet.IPv6) || f == packet.IPv6 && to.hasGW {
		return ErrGateway
	}
	if !to.dev.up {
		return ErrDown
	}
	e.dev, e.gw, e.hasGW = to.dev, gw, true
	return nil
}

// fib returns the routing of a family, nil if there is no such family.
func (h *Host) fib(f packet.Family) *fib {
	switch f {
	case packet.IPv4:
		return h.v4
	case packet.IPv6:
		return h.v6
	}
	return nil
}

// changed makes every route found so far one of an old generation.
func (h *Host) changed() {
	h.gen++
	clear(h.known)
}

// learnt makes the routes stale that the destinations of e's next hop share: there
// is something new about one of them. Entries that say the same of different
// prefixes have one next hop. Routes to a neighbour by its name aren't shared, and
// whoever has one goes on with it.
//
// Kernel: net/ipv4/route.c, update_or_create_fnhe, and rt_add_uncached_list in
// rt_set_nexthop; net/ipv4/fib_semantics.c, fib_find_info (6.1).
func (h *Host) learnt(e *entry) {
	for _, t := range h.v4.tables {
		t.all(func(o *entry) {
			if o.typ == e.typ && o.scope == e.scope && o.metric == e.metric && o.dev == e.dev && o.gw == e.gw && o.prefSrc == e.prefSrc && o.auto == e.auto {
				o.forget()
			}
		})
	}
}

// staleGen is a generation that there never is.
const staleGen = ^uint32(0)

// forget makes the routes of all the entry's destinations stale.
func (e *entry) forget() {
	for _, r := range []*packet.Route{e.in, e.out} {
		if r != nil {
			r.Gen = staleGen
		}
	}
	e.in, e.out = nil, nil
}

// knownKey names a route to a neighbour.
type knownKey struct {
	family packet.Family
	dst    packet.Addr
	e      *entry
}

// maxKnown is how many routes to neighbours are remembered.
const maxKnown = 4096

// knownVia returns the Route to a neighbour by its name: with xmit.KnownNextHop
// the packet itself may be addressed to somebody else.
func (h *Host) knownVia(fl *flow, e *entry) *packet.Route {
	k := knownKey{fl.family, fl.dst, e}
	r := h.known[k]
	if r == nil {
		if h.known == nil || len(h.known) >= maxKnown {
			h.known = make(map[knownKey]*packet.Route)
		}
		r = h.newRoute(fl.family, e, fl.dst)
		r.NextHop = fl.dst
		h.known[k] = r
	}
	return r
}

// errorRoute is what a packet that nobody is to get is routed by: errors about
// it need a route to say that it came in.
func (h *Host) errorRoute(f packet.Family) *packet.Route {
	return &packet.Route{Family: f, Input: true, OutIf: loopbackIf, MTU: h.ifaces[loopbackIf].mtuFor(f), Gen: h.gen}
}

// outVia returns the Route of this host's packets to dst by e.
//
// Kernel: net/ipv4/route.c, __mkroute_output, rt_set_nexthop; net/ipv6/route.c,
// ip6_pol_route (6.1).
func (h *Host) outVia(fl *flow, e *entry) *packet.Route {
	h.refresh(e)
	if x := h.exception(e, fl.dst); x != nil {
		if x.out == nil {
			x.out = h.newRoute(fl.family, e, fl.dst)
			x.out.MTU = x.mtu
			x.out.NextHop = e.gw
			if !e.hasGW {
				x.out.NextHop = fl.dst
			}
		}
		return x.out
	}
	if fl.known && !e.hasGW {
		return h.knownVia(fl, e)
	}
	if local := e.typ == LocalRoute || e.typ == anycastRoute; local && e.prefSrc.IsZero() && e.plen < addrBits(fl.family) {
		return h.newRoute(fl.family, e, fl.dst) // its source is the destination
	}
	if e.out == nil {
		e.out = h.newRoute(fl.family, e, fl.dst)
	}
	return e.out
}

// newRoute makes the Route of this host's packets to dst by e, of the device's
// MTU.
func (h *Host) newRoute(f packet.Family, e *entry, dst packet.Addr) *packet.Route {
	r := &packet.Route{Family: f, Gen: h.gen, OutIf: e.dev.index, MTU: e.dev.mtuFor(f), NextHop: e.gw}
	if e.typ == LocalRoute || e.typ == anycastRoute {
		lo := h.ifaces[loopbackIf]
		r.Local, r.OutIf, r.MTU, r.NextHop = true, loopbackIf, lo.mtuFor(f), packet.Addr{}
	}
	switch {
	case f == packet.IPv6:
		r.Src = h.selectAddr6(e.dev, dst)
	case r.Local && e.prefSrc.IsZero():
		r.Src = dst
	default:
		r.Src = h.prefSrc(e)
	}
	return r
}

// refresh forgets the routes of an old generation.
func (h *Host) refresh(e *entry) {
	if e.gen != h.gen {
		e.gen, e.in, e.out = h.gen, nil, nil
		for _, x := range e.exceptions {
			x.in, x.out = nil, nil
		}
	}
}
