package sched

import "goipvs/packet"

// The reasons of this package's events.
const (
	ReasonScheduled     packet.Reason = "scheduled"      // a server was chosen
	ReasonNoDestination packet.Reason = "no-destination" // no server takes the connection
)

// Chosen is the event of a service that was asked for a server.
type Chosen struct {
	Service   *Service
	Dest      *Dest  // nil: none
	Scheduler string // name, or "none"
	// Mark is what wrr asked for: the weight that a server had to have; with
	// the others 0.
	Mark int32
	// Bucket is the place in the scheduler's hash table where the search began;
	// -1 with schedulers that have none.
	Bucket int
	// Candidates are the service's servers, newest first.
	Candidates []Candidate
}

// Candidate is a server as the scheduler saw it.
type Candidate struct {
	Dest             *Dest
	Weight           int32
	Active, Inactive int32
	// Overhead is the load by which the scheduler compared, before it is
	// divided by the weight; 0 with schedulers that compare none.
	Overhead   int32
	Overloaded bool
	// Buckets is how many places of the scheduler's hash table the server has.
	Buckets int
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

// explainer is a Scheduler that compares more than the figures of any server.
type explainer interface {
	// explain completes e, right after the choice.
	explain(s *Service, r *Request, e *Chosen)
}

// chosen makes the event of the choice of d for r.
func (s *Service) chosen(r *Request, d *Dest) Chosen {
	e := Chosen{
		Service:    s,
		Dest:       d,
		Scheduler:  s.Scheduler,
		Bucket:     -1,
		Candidates: make([]Candidate, 0, s.n),
	}
	for c := s.First(); c != nil; c = s.Next(c) {
		e.Candidates = append(e.Candidates, Candidate{
			Dest:       c,
			Weight:     c.Weight,
			Active:     c.Active.Load(),
			Inactive:   c.InactiveConns(),
			Overloaded: c.Overloaded(),
		})
	}
	if x, ok := s.sched.(explainer); ok {
		x.explain(s, r, &e)
	}
	return e
}

// overheads sets each candidate's Overhead.
func (c *Chosen) overheads(of func(*Dest) int32) {
	for i := range c.Candidates {
		c.Candidates[i].Overhead = of(c.Candidates[i].Dest)
	}
}

// buckets sets each candidate's Buckets from a scheduler's table, and the one
// where the search began.
func (c *Chosen) buckets(table []*Dest, first uint32) {
	c.Bucket = int(first)
	n := make(map[*Dest]int, len(c.Candidates))
	for _, d := range table {
		n[d]++
	}
	for i := range c.Candidates {
		c.Candidates[i].Buckets = n[c.Candidates[i].Dest]
	}
}
