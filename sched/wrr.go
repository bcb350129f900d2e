package sched

// wrr takes the servers in turn, each as often as its weight says. It goes
// round asking for ever less weight: for the highest first, then for less by
// the greatest common divisor each time, for 1 at last.
//
// Kernel: ip_vs_wrr.c (6.1).
type wrr struct {
	cl *Dest // where it is: the last chosen server, or the list's head
	cw int32 // weight that is asked for at present
	mw int32 // in the first round
	di int32 // by how much less in the next
}

func newWRR(s *Service) (Scheduler, error) {
	x := &wrr{}
	x.measure(s)
	x.cw = x.mw
	return x, nil
}

// measure goes back to the list's head and finds mw and di. mw is such that the
// last round asks for 1, and so catches weights below di that come while it is
// under way.
//
// Kernel: ip_vs_wrr_init_svc.
func (x *wrr) measure(s *Service) {
	x.cl = &s.head
	x.di = 0
	most := int32(0)
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.Weight > 0 {
			x.di = gcd(d.Weight, x.di)
			most = max(most, d.Weight)
		}
	}
	x.di = max(x.di, 1)
	x.mw = most - (x.di - 1)
}

func gcd(a, b int32) int32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// AddDest as all changes keeps the weight asked for, if it can: a service whose
// servers are added one by one begins with a round that asks for little.
//
// Kernel: ip_vs_wrr_dest_changed.
func (x *wrr) AddDest(s *Service, d *Dest) {
	x.measure(s)
	switch {
	case x.cw > x.mw || x.cw == 0:
		x.cw = x.mw
	case x.di > 1:
		x.cw = x.cw/x.di*x.di + 1
	}
}

// DelDest is as AddDest.
func (x *wrr) DelDest(s *Service, d *Dest) { x.AddDest(s, d) }

// UpdateDest is as AddDest.
func (x *wrr) UpdateDest(s *Service, d *Dest) { x.AddDest(s, d) }

// Schedule goes round until a server has the weight asked for, or all were
// asked for 1.
//
// Kernel: ip_vs_wrr_schedule.
func (x *wrr) Schedule(s *Service, r *Request) *Dest {
	if x.mw == 0 {
		return nil
	}
	head, from := &s.head, x.cl
	var stop *Dest // ends the last round: where the first began
	lastRound, restarted := false, false
	for {
		for x.cl = x.cl.next; x.cl != head; x.cl = x.cl.next {
			if x.cl.Weight >= x.cw && !x.cl.Overloaded() {
				return x.cl
			}
			if x.cl == stop {
				return nil
			}
		}
		x.cw -= x.di
		if x.cw <= 0 {
			x.cw = x.mw
			if lastRound || from == head {
				return nil
			}
			restarted = true
		}
		lastRound = x.cw <= x.di
		if lastRound && restarted && from != head {
			// The first round asked for 1, but only behind from: now ask up to
			// it.
			stop = from
		}
	}
}

func (x *wrr) inspect(s *Service, r *Request, e *Chosen) {
	e.position(x.cl)
	e.figure("cw before", x.cw)
	e.figure("mw", x.mw)
	e.figure("di", x.di)
}

func (x *wrr) explain(s *Service, r *Request, e *Chosen) {
	e.figure("cw", x.cw)
	for i := range e.Candidates {
		if c := &e.Candidates[i]; c.Why == "" && c.Weight < x.cw {
			c.Why = ReasonBelowMark
		}
	}
}
