package live

import (
	"math/rand/v2"

	"goipvs/hooks"
	"goipvs/internal/live/inject"
	"goipvs/internal/live/route"
	"goipvs/packet"
	"goipvs/xmit"
)

// stack is the machine as the director sees it. It is safe for concurrent use.
type stack struct {
	routes   *route.Table
	sender   *inject.Sender // for what is in no worker's hands: ICMP errors
	limit    *errorLimit
	pathMTUs *pathMTUs
	presents presents
	counts   *Counters
}

var _ xmit.Stack = (*stack)(nil)

// RouteOutput implements xmit.Stack.
func (s *stack) RouteOutput(f packet.Family, dst packet.Addr, flags xmit.RouteFlags) *packet.Route {
	return s.routes.Output(f, dst, flags)
}

// RouteGen implements xmit.Stack.
func (s *stack) RouteGen() uint32 { return s.routes.Gen() }

// RouteReply implements xmit.Stack.
func (s *stack) RouteReply(p *packet.Packet, src, dst packet.Addr, tos uint8) *packet.Route {
	return s.routes.From(p.Family, src, dst, tos, 0)
}

// AddrType implements xmit.Stack.
func (s *stack) AddrType(f packet.Family, a packet.Addr) xmit.AddrType {
	return s.routes.AddrType(f, a)
}

// LocalOut implements xmit.Stack. A packet that is at LOCAL_OUT already and
// goes where the kernel itself will route it goes on from there.
func (s *stack) LocalOut(p *packet.Packet) {
	it, held := p.Origin.(*item)
	held = held && p == &it.packet
	if held && it.point == hooks.LocalOut && p.Mark == 0 && p.Len() <= p.Route.MTU && s.routedAlike(p) {
		it.goesOn = true
		return
	}
	sender := s.sender
	if held {
		if it.truncated {
			s.counts.Truncated.Add(1)
			return
		}
		sender = it.worker.sender
	} else if !s.limit.allow(p) {
		s.counts.Limited.Add(1)
		return
	} else {
		s.pathMTUs.note(p)
	}
	s.send(sender, p)
}

// routedAlike reports whether the kernel, asked for the way to p's own
// destination, says p.Route.
func (s *stack) routedAlike(p *packet.Packet) bool {
	r := s.routes.Output(p.Family, destination(p), 0)
	return r != nil && r.OutIf == p.Route.OutIf && r.NextHop == p.Route.NextHop
}

func (s *stack) send(sender *inject.Sender, p *packet.Packet) {
	p.CompleteChecksum() // a raw socket doesn't
	d := inject.Datagram{
		Family: p.Family, Data: p.Data(), To: destination(p), MTU: p.Route.MTU,
		DF: p.FragMax != 0, Ours: p.Ours, Mark: p.Mark, Link: p.Route.OutIf, Hop: p.Route.NextHop,
	}
	if d.Hop.IsZero() {
		d.Hop = d.To
	}
	if p.FragMax != 0 {
		d.MTU = min(d.MTU, p.FragMax)
	}
	if !s.routedAlike(p) {
		d.To, d.OutIf = p.Route.NextHop, p.Route.OutIf
		if d.To.IsZero() {
			d.To = destination(p)
		}
	}
	if err := sender.Send(&d); err != nil {
		s.counts.Unsent.Add(1)
		return
	}
	s.counts.Sent.Add(1)
}

func destination(p *packet.Packet) (a packet.Addr) {
	if b := p.Data(); p.Family == packet.IPv6 {
		copy(a[:], b[24:40])
	} else {
		copy(a[:4], b[16:20])
	}
	return a
}

func source(p *packet.Packet) (a packet.Addr) {
	if b := p.Data(); p.Family == packet.IPv6 {
		copy(a[:], b[8:24])
	} else {
		copy(a[:4], b[12:16])
	}
	return a
}

// Reroute implements xmit.Stack. At LOCAL_OUT the kernel does it, after the
// verdict. At FORWARD it is of use only where routes depend on the source.
func (s *stack) Reroute(p *packet.Packet) bool {
	it, _ := p.Origin.(*item)
	if it == nil || it.point != hooks.Forward || !s.routes.Policy(p.Family) {
		return true
	}
	src, dst := source(p), destination(p)
	if s.routes.AddrType(p.Family, src) != xmit.AddrLocal {
		return true // the kernel answers for its own addresses alone
	}
	r := s.routes.From(p.Family, src, dst, 0, p.Mark)
	if r == nil {
		return false
	}
	was := s.routes.Output(p.Family, dst, 0)
	if r.OutIf != p.OutIf || was != nil && was.OutIf == p.OutIf && was.NextHop != r.NextHop {
		p.Route, it.elsewhere = r, true
	}
	return true
}

// Defrag implements xmit.Stack. The kernel has put fragments together before
// the hooks (package rules); where it can't, they are lost.
func (s *stack) Defrag(*packet.Packet, xmit.DefragUser) bool { return false }

// UpdatePMTU implements xmit.Stack.
func (s *stack) UpdatePMTU(f packet.Family, _, dst packet.Addr, _ uint8, mtu int) {
	s.routes.UpdatePMTU(f, dst, mtu)
}

// RandomID implements xmit.Stack.
func (s *stack) RandomID() uint16 { return uint16(rand.Uint32()) }
