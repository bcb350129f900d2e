package sched

// fo is for failover: it takes the server with the highest weight.
//
// Kernel: ip_vs_fo.c (6.1).
type fo struct{ stateless }

func newFO(*Service) (Scheduler, error) { return fo{}, nil }

// Schedule takes the first among equals.
//
// Kernel: ip_vs_fo_schedule.
func (fo) Schedule(s *Service, r *Request) *Dest {
	var best *Dest
	most := int32(0)
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.Weight > most && !d.Overloaded() {
			best, most = d, d.Weight
		}
	}
	return best
}

func (fo) explain(s *Service, r *Request, e *Chosen) { e.byWeight() }
