package sched

import (
	"fmt"
	"slices"
	"strconv"

	"goipvs/packet"
)

// The reasons of this package's events.
const (
	ReasonScheduled     packet.Reason = "scheduled"      // a server was chosen
	ReasonNoDestination packet.Reason = "no-destination" // no server takes the connection
)

// Why a server was chosen or passed over.
const (
	ReasonChosen       packet.Reason = "server-chosen"       // this one
	ReasonQuiesced     packet.Reason = "server-quiesced"     // weight 0: no new connections
	ReasonOverloaded   packet.Reason = "server-overloaded"   // at its upper threshold
	ReasonBusier       packet.Reason = "server-busier"       // more load for its weight
	ReasonBehindEqual  packet.Reason = "server-behind-equal" // as good, but later in the list
	ReasonNotItsTurn   packet.Reason = "server-not-its-turn" // rr, wrr: its turn comes
	ReasonBelowMark    packet.Reason = "server-below-mark"   // wrr: less weight than this round asks for
	ReasonLighter      packet.Reason = "server-lighter"      // fo, ovf: less weight
	ReasonFull         packet.Reason = "server-full"         // ovf: more active connections than its weight
	ReasonBehindIdle   packet.Reason = "server-behind-idle"  // nq: an idle server comes first
	ReasonOtherSlot    packet.Reason = "server-other-slot"   // sh, dh, mh: the hash is another's
	ReasonNotDrawn     packet.Reason = "server-not-drawn"    // twos: the lot fell on others
	ReasonOtherCached  packet.Reason = "server-other-cached" // lblc, lblcr: the destination is another's
	ReasonNoScheduling packet.Reason = "server-no-scheduler" // the service has no scheduler
)

// Chosen is the event of a service that was asked for a server.
type Chosen struct {
	Service   *Service
	Dest      *Dest  // nil: none
	Scheduler string // name, or "none"
	// Figures are what the scheduler went by beside the servers' own figures, in
	// the order in which it did.
	Figures []Figure
	// Candidates are the service's servers, newest first, as schedulers see them.
	Candidates []Candidate

	remembered []*Dest // lblc, lblcr: before the choice
	crowded    bool    // and that the remembered one is
}

// Figure is something that a scheduler went by, named as the kernel names it.
type Figure struct{ Name, Value string }

// Candidate is a server as the scheduler saw it.
type Candidate struct {
	Dest             *Dest
	Weight           int32
	Active, Inactive int32
	// Load is what the scheduler compared, before it is divided by the weight; 0
	// with schedulers that compare none.
	Load       int32
	Overloaded bool
	// Slots is how many places of the scheduler's hash table the server has.
	Slots int
	// Why says why it was chosen or not.
	Why packet.Reason
}

// Reason returns ReasonScheduled or ReasonNoDestination.
func (c Chosen) Reason() packet.Reason {
	if c.Dest == nil {
		return ReasonNoDestination
	}
	return ReasonScheduled
}

// Func returns the kernel's function, such as ip_vs_rr_schedule.
func (c Chosen) Func() string {
	if c.Scheduler == noScheduler {
		return "ip_vs_schedule"
	}
	return "ip_vs_" + c.Scheduler + "_schedule"
}

// inspector is a Scheduler that goes by what a choice changes.
type inspector interface {
	// inspect notes that in e, right before the choice.
	inspect(s *Service, r *Request, e *Chosen)
}

// explainer is a Scheduler that can say more than that it takes servers in turn.
type explainer interface {
	// explain completes e, right after the choice.
	explain(s *Service, r *Request, e *Chosen)
}

// explained makes a choice and the event that tells of it.
func (s *Service) explained(r *Request) Chosen {
	e := Chosen{Service: s, Scheduler: s.Scheduler, Candidates: make([]Candidate, 0, s.n)}
	for c := s.First(); c != nil; c = s.Next(c) {
		e.Candidates = append(e.Candidates, Candidate{
			Dest:       c,
			Weight:     c.Weight,
			Active:     c.Active.Load(),
			Inactive:   c.InactiveConns(),
			Overloaded: c.Overloaded(),
		})
	}
	if s.sched == nil {
		e.rest(ReasonNoScheduling)
		return e
	}
	if x, ok := s.sched.(inspector); ok {
		x.inspect(s, r, &e)
	}
	e.Dest = s.sched.Schedule(s, r)
	for i := range e.Candidates {
		switch c := &e.Candidates[i]; {
		case c.Dest == e.Dest:
			c.Why = ReasonChosen
		case c.Weight <= 0:
			c.Why = ReasonQuiesced
		case c.Overloaded:
			c.Why = ReasonOverloaded
		}
	}
	if x, ok := s.sched.(explainer); ok {
		x.explain(s, r, &e)
	}
	e.rest(ReasonNotItsTurn)
	return e
}

// figure adds a figure.
func (c *Chosen) figure(name string, v any) {
	c.Figures = append(c.Figures, Figure{name, fmt.Sprint(v)})
}

// position adds the server that was chosen last, where the turn stands.
func (c *Chosen) position(d *Dest) {
	if d == &c.Service.head {
		c.figure("last", "none: the turn begins with the first server")
		return
	}
	c.figure("last", d.DestKey)
}

// addr adds an address of the service's family.
func (c *Chosen) addr(name string, a packet.Addr) {
	c.figure(name, a.Netip(c.Service.Family))
}

// rest says of the servers of which nothing was said why they weren't chosen.
func (c *Chosen) rest(why packet.Reason) {
	for i := range c.Candidates {
		if c.Candidates[i].Why == "" {
			c.Candidates[i].Why = why
		}
	}
}

// loads sets each candidate's Load, and why the others weren't chosen where the
// least load for its weight decides.
func (c *Chosen) loads(of func(*Dest) int32, weighted bool) {
	var best *Candidate
	for i := range c.Candidates {
		x := &c.Candidates[i]
		if x.Load = of(x.Dest); x.Why == ReasonChosen {
			best = x
		}
	}
	for i := range c.Candidates {
		x := &c.Candidates[i]
		if x.Why != "" || best == nil {
			continue
		}
		a, b := int64(x.Load), int64(best.Load)
		if weighted {
			a, b = a*int64(best.Weight), b*int64(x.Weight)
		}
		x.Why = ReasonBusier
		if a == b {
			x.Why = ReasonBehindEqual
		}
	}
}

// hashed tells what sh and mh hash.
func (c *Chosen) hashed(a packet.Addr, port uint16) {
	c.addr("client", a)
	if port != 0 {
		c.figure("port", port)
	}
}

// slots tells of a scheduler's hash table: each candidate's number of places,
// the place where the search began, and whose that is.
func (c *Chosen) slots(table []*Dest, first uint32) {
	n := make(map[*Dest]int, len(c.Candidates))
	for _, d := range table {
		n[d]++
	}
	for i := range c.Candidates {
		c.Candidates[i].Slots = n[c.Candidates[i].Dest]
	}
	c.figure("slot", strconv.Itoa(int(first))+" of "+strconv.Itoa(len(table)))
	owner := table[first]
	if owner == nil {
		c.figure("server of the slot", "none")
	} else {
		c.figure("server of the slot", owner.DestKey)
	}
	if c.Dest != nil && c.Dest != owner {
		c.figure("fallback", "that one takes no connections: the next slots are tried")
	}
	c.rest(ReasonOtherSlot)
}

// cached tells of the servers that a destination address is remembered by.
func (c *Chosen) cached(a packet.Addr, e *cacheEntry) {
	c.addr("destination", a)
	if e == nil {
		c.figure("remembered", "none: the least loaded is chosen, as by wlc")
		return
	}
	c.remembered = slices.Clone(e.set)
	for _, d := range e.set {
		c.figure("remembered", d.DestKey)
	}
	if d := e.least(); d != nil && crowded(c.Service, d) {
		c.crowded = true
		c.figure("crowded", "more active connections than its weight while a server is half idle: the least loaded is chosen")
	}
}

// explainCached tells why the others weren't chosen: they aren't remembered, or
// have more load.
func (c *Chosen) explainCached() {
	if !c.crowded && slices.Contains(c.remembered, c.Dest) {
		for i := range c.Candidates {
			if x := &c.Candidates[i]; x.Why == "" && !slices.Contains(c.remembered, x.Dest) {
				x.Why = ReasonOtherCached
			}
		}
	}
	c.loads((*Dest).overhead, true)
}

// byWeight says of the others that a server with more weight was chosen.
func (c *Chosen) byWeight() {
	for i := range c.Candidates {
		x := &c.Candidates[i]
		switch {
		case x.Why != "" || c.Dest == nil:
		case x.Weight == c.Dest.Weight:
			x.Why = ReasonBehindEqual
		default:
			x.Why = ReasonLighter
		}
	}
}
