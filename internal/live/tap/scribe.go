package tap

import (
	"bytes"

	"goipvs/hooks"
	"goipvs/internal/filter"
	"goipvs/internal/host"
	"goipvs/internal/live/handed"
	"goipvs/internal/replay"
	"goipvs/internal/trace"
	"goipvs/packet"
	"goipvs/xmit"
)

// Scribe puts the packets of one worker in words, one after the other: Begin, the
// packet's events, End; or Begin, Missed.
type Scribe struct {
	hub    *Hub
	rec    trace.Recorder
	budget budget

	now     *audience
	wanted  [maxTracers]bool // by tracer: the packet as it came
	packet  *packet.Packet   // in hand
	passage *trace.Passage
	dropped bool // a hook function said so
	over    bool // its end was told already
}

var _ packet.Listener = (*Scribe)(nil)

// Scribe returns one for a worker.
func (h *Hub) Scribe() *Scribe {
	s := &Scribe{hub: h}
	s.rec.IfName = h.IfName
	return s
}

// On reports whether there is a tracer.
func (s *Scribe) On() bool { return s.hub.On() }

// Begin reports whether a packet at a hook is to be told of. It is its listener
// then.
func (s *Scribe) Begin(pt hooks.Point, p *packet.Packet) bool {
	s.now = s.hub.audience.Load()
	if s.now == nil {
		return false
	}
	frame := filter.Of("raw", p.Data())
	any := false
	for i, t := range s.now.tracers {
		s.wanted[i] = t.filter == nil || t.filter.Match(frame)
		any = any || s.wanted[i]
	}
	// One that is wanted only if it leaves as a filter says must not be in the
	// way of others.
	spare := 0.
	if !any {
		spare = burst / 2
	}
	if !s.budget.take(s.hub.clock(), spare) {
		return false
	}
	s.packet, s.dropped, s.over = p, false, false
	s.passage = &trace.Passage{Type: "packet", Time: s.hub.time(), Interface: replay.LocalName, Frame: bytes.Clone(p.Data()), Link: "raw"}
	s.rec.IDs = s.now.ids
	s.rec.Begin(true)
	p.Listener = s
	if p.InIf != 0 {
		s.passage.Interface = s.hub.IfName(p.InIf)
		s.rec.Event(p, host.Received{If: s.passage.Interface})
	}
	switch pt {
	case hooks.LocalIn:
		s.rec.Event(p, host.Routed{Why: host.ReasonToHost, Route: p.Route})
	case hooks.Forward:
		s.rec.Event(p, host.Routed{Why: host.ReasonForward, Route: p.Route})
	case hooks.LocalOut:
		s.rec.Event(p, handed.Leaving{Route: p.Route})
	}
	return true
}

// Event implements packet.Listener.
func (s *Scribe) Event(p *packet.Packet, e packet.Event) {
	s.rec.Event(p, e)
	own := p == s.packet
	switch e := e.(type) {
	case hooks.Decided:
		s.dropped = s.dropped || own && e.Verdict == xmit.Drop
	case handed.Sent:
		s.over = s.over || own
		s.rec.Output(s.hub.IfName(e.OutIf), leaving(p))
	case handed.GoesOn:
		s.over = s.over || own
		if e.Local {
			s.rec.Output(replay.LocalName, p.Data())
		} else {
			s.rec.Output(s.hub.IfName(e.OutIf), leaving(p))
		}
	case handed.Dropped:
		s.over = s.over || own
	}
}

// leaving is a datagram as it leaves the host: whoever puts it on a link completes
// its checksum.
func leaving(p *packet.Packet) []byte {
	if p.Partial == 0 {
		return p.Data()
	}
	c := *p
	c.Replace(bytes.Clone(p.Data()))
	c.CompleteChecksum()
	return c.Data()
}

// End ends the packet in hand, which is as it leaves the worker, and hands what
// there is to tell to those who want it.
func (s *Scribe) End() {
	p := s.packet
	if s.dropped && !s.over {
		s.rec.Event(p, host.Dropped{Why: host.ReasonHook, In: "nf_hook_slow"})
	}
	g := s.passage
	s.rec.Fill(g, s.rec.Take(g), s.hub.Director.Conn)
	s.forget()
	for i, t := range s.now.tracers {
		if s.wanted[i] || t.leaves(g) {
			t.offer(g)
		}
	}
}

// Again drops the packet in hand: it comes again.
func (s *Scribe) Again() {
	s.rec.Take(&trace.Passage{})
	s.forget()
}

func (s *Scribe) forget() { s.packet.Listener, s.packet, s.passage = nil, nil, nil }

// Missed counts a packet that Begin refused, as it leaves the worker.
func (s *Scribe) Missed(p *packet.Packet) {
	if s.now == nil {
		return
	}
	for i, t := range s.now.tracers {
		if s.wanted[i] || t.filter.Match(filter.Of("raw", p.Data())) {
			t.lost.Add(1)
		}
	}
}
