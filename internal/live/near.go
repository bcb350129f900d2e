package live

import (
	"goipvs/hooks"
	"goipvs/packet"
)

// near is what a worker found out last about routes and interfaces, which it
// needs for every packet: the answers themselves are behind locks.
type near struct {
	presents [hooks.LocalOut + 1][2]*packet.Route // by hook and family
	links    [16]nearLink                         // by index
	ways     [64]nearWay                          // by destination
}

type nearLink struct {
	index, mtu int
	gen        uint32
	loopback   bool
}

// nearWay is whether a route is the one that the kernel, asked for the way to a
// destination, says.
type nearWay struct {
	route *packet.Route
	dst   packet.Addr
	gen   uint32
	usual bool
}

// present is stack.present.
func (n *near) present(s *stack, pt hooks.Point, f packet.Family, outIf int) *packet.Route {
	at := &n.presents[pt][f/packet.IPv6]
	if r := *at; r != nil && r.OutIf == outIf && r.Gen == s.routes.Gen() {
		return r
	}
	*at = s.present(pt, f, outIf)
	return *at
}

// link is route.Table's Link.
func (n *near) link(s *stack, index int) (mtu int, loopback bool) {
	l, gen := &n.links[index%len(n.links)], s.routes.Gen()
	if l.index != index || l.gen != gen {
		mtu, loopback := s.routes.Link(index)
		*l = nearLink{index, mtu, gen, loopback}
	}
	return l.mtu, l.loopback
}

// routedAlike is stack.routedAlike.
func (n *near) routedAlike(s *stack, p *packet.Packet, dst packet.Addr) bool {
	w, gen := &n.ways[(dst[3]^dst[15])%uint8(len(n.ways))], s.routes.Gen()
	if w.route != p.Route || w.gen != gen || w.dst != dst {
		*w = nearWay{p.Route, dst, gen, s.routedAlike(p, dst)}
	}
	return w.usual
}
