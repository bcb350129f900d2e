package live

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"goipvs/hooks"
	"goipvs/internal/live/handed"
	"goipvs/internal/live/inject"
	"goipvs/internal/live/route"
	"goipvs/packet"
	"goipvs/xmit"
)

// stack is the machine as the director sees it. It is safe for concurrent use.
type stack struct {
	routes    *route.Table
	limit     *errorLimit
	pathMTUs  *pathMTUs
	receivers *receivers
	presents  presents
	counts    *Counters

	forwardDirect [2]atomic.Bool // IPv4, IPv6: no rule would see what goes past FORWARD's end

	mu     sync.Mutex
	sender *inject.Sender // for what is in no worker's hands: ICMP errors
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
	if !held || p != &it.packet {
		s.sendOwn(p)
		return
	}
	near := &it.worker.near
	alike := near.routedAlike(s, p, destination(p))
	if it.point == hooks.LocalOut && p.Mark == 0 && (p.GSOSize != 0 || p.Len() <= p.Route.MTU) && alike {
		it.goesOn = true
		return
	}
	if it.truncated {
		s.truncated(p)
		return
	}
	s.send(it.worker.sender, p, alike)
}

// truncated counts a packet that would be sent on, but is not all there.
func (s *stack) truncated(p *packet.Packet) {
	s.counts.Truncated.Add(1)
	if p.Listener != nil {
		p.Listener.Event(p, handed.Dropped{Why: handed.ReasonTooLong})
	}
}

// sendOwn sends a packet that was made here: an ICMP error.
func (s *stack) sendOwn(p *packet.Packet) {
	if !s.limit.allow(p) {
		s.counts.Limited.Add(1)
		if p.Listener != nil {
			p.Listener.Event(p, handed.Dropped{Why: handed.ReasonLimited})
		}
		return
	}
	s.pathMTUs.note(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send(s.sender, p, s.routedAlike(p, destination(p)))
	s.counts.injected(s.sender.Flush())
}

// routedAlike reports whether the kernel, asked for the way to p's own
// destination, says p.Route.
func (s *stack) routedAlike(p *packet.Packet, dst packet.Addr) bool {
	r := s.routes.Output(p.Family, dst, 0)
	return r != nil && r.OutIf == p.Route.OutIf && r.NextHop == p.Route.NextHop
}

// send adds a packet to what a sender sends. alike says that its route is the
// kernel's.
func (s *stack) send(sender *inject.Sender, p *packet.Packet, alike bool) {
	d := s.datagram(p)
	if p.FragMax != 0 {
		d.MTU, d.DF = min(d.MTU, p.FragMax), true
	}
	if !alike {
		d.To, d.OutIf = d.Hop, p.Route.OutIf
	}
	if p.Listener != nil {
		p.Listener.Event(p, handed.Sent{OutIf: p.Route.OutIf})
	}
	sender.Add(&d)
}

// datagram is p as it is sent by its route.
func (s *stack) datagram(p *packet.Packet) inject.Datagram {
	dst := destination(p)
	d := inject.Datagram{
		Family: p.Family, Data: p.Data(), To: dst, MTU: p.Route.MTU, Ours: p.Ours, Mark: p.Mark,
		Link: p.Route.OutIf, Hop: p.Route.NextHop, Partial: p.Partial, Check: p.Check,
	}
	if d.Hop.IsZero() {
		d.Hop = dst
	}
	if p.GSOSize != 0 {
		d.Super, d.MTU = true, s.receivers.limit(dst, d.MTU)
	}
	return d
}

// forward sends a super-packet at FORWARD on, if that is to be done past all
// rules, and reports whether it did: the kernel would cut it, once it was
// changed, on the processor.
func (s *stack) forward(sender *inject.Sender, p *packet.Packet) bool {
	if !s.forwardDirect[p.Family/packet.IPv6].Load() || s.routes.Policy(p.Family) {
		return false
	}
	r := s.routes.Output(p.Family, destination(p), 0)
	if r == nil || r.Local || r.OutIf != p.OutIf {
		return false
	}
	at := p.Route
	p.Route, p.Ours = r, true
	d := s.datagram(p)
	p.Route = at
	if !sender.AddDirect(&d) {
		return false
	}
	if p.Listener != nil {
		p.Listener.Event(p, handed.Sent{OutIf: r.OutIf})
	}
	return true
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
