package sched

// ovf takes the server with the highest weight until it has more active
// connections than that, then overflows to the next. Connections that never are
// active, UDP's, don't make it overflow.
//
// Kernel: ip_vs_ovf.c (6.1).
type ovf struct{ stateless }

func newOVF(*Service) (Scheduler, error) { return ovf{}, nil }

// Schedule takes the first among equals.
//
// Kernel: ip_vs_ovf_schedule.
func (ovf) Schedule(s *Service, r *Request) *Dest {
	var best *Dest
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.Weight == 0 || d.Active.Load() > d.Weight || d.Overloaded() {
			continue
		}
		if best == nil || d.Weight > best.Weight {
			best = d
		}
	}
	return best
}

func (ovf) explain(s *Service, r *Request, e *Chosen) {
	for i := range e.Candidates {
		if c := &e.Candidates[i]; c.Why == "" && c.Active > c.Weight {
			c.Why = ReasonFull
		}
	}
	e.byWeight()
}
