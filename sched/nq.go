package sched

// nq never queues: it takes the first server without active connections, else
// chooses as sed.
//
// Kernel: ip_vs_nq.c (6.1).
type nq struct{ stateless }

func newNQ(*Service) (Scheduler, error) { return nq{}, nil }

// Schedule takes the first among equals.
//
// Kernel: ip_vs_nq_schedule.
func (nq) Schedule(s *Service, r *Request) *Dest { return leastDelay(s, true) }

func (nq) explain(s *Service, r *Request, e *Chosen) {
	if e.Dest != nil && e.Dest.Active.Load() == 0 {
		e.rest(ReasonBehindIdle)
	}
	e.loads((*Dest).delay, true)
}
