package sched

// lc takes the server with the least connections, active ones weighing more;
// of weights only 0 counts.
//
// Kernel: ip_vs_lc.c (6.1).
type lc struct{ stateless }

func newLC(*Service) (Scheduler, error) { return lc{}, nil }

// Schedule takes the first among equals.
//
// Kernel: ip_vs_lc_schedule.
func (lc) Schedule(s *Service, r *Request) *Dest {
	var least *Dest
	var load uint32
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.Weight == 0 || d.Overloaded() {
			continue
		}
		if o := uint32(d.overhead()); least == nil || o < load {
			least, load = d, o
		}
	}
	return least
}

func (lc) explain(s *Service, r *Request, e *Chosen) { e.loads((*Dest).overhead, false) }
