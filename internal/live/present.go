package live

import (
	"sync"

	"goipvs/hooks"
	"goipvs/packet"
)

// presents remembers the routes that packets at the hooks have already, of
// which no more is known than where they go.
type presents struct {
	mu     sync.RWMutex
	gen    uint32
	routes map[presentKey]*packet.Route
}

type presentKey struct {
	point  hooks.Point
	family packet.Family
	outIf  int
}

// present is the route that a packet at a hook has: to this host at LOCAL_IN,
// found on arrival at FORWARD, of this host's own at LOCAL_OUT, where leaving by
// the loopback interface is staying.
func (s *stack) present(pt hooks.Point, f packet.Family, outIf int) *packet.Route {
	k := presentKey{pt, f, outIf}
	gen := s.routes.Gen()
	c := &s.presents
	c.mu.RLock()
	r := c.routes[k]
	if c.gen != gen {
		r = nil
	}
	c.mu.RUnlock()
	if r != nil {
		return r
	}
	mtu, loopback := 65535, true
	if outIf != 0 {
		mtu, loopback = s.routes.Link(outIf)
	}
	r = &packet.Route{
		Family: f, OutIf: outIf, MTU: mtu, Gen: gen,
		Local: pt == hooks.LocalIn || pt == hooks.LocalOut && loopback,
		Input: pt != hooks.LocalOut,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != gen || c.routes == nil {
		c.gen, c.routes = gen, map[presentKey]*packet.Route{}
	}
	c.routes[k] = r
	return r
}
