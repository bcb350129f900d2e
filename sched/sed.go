package sched

// sed takes the server with the shortest expected delay: the least active
// connections for its weight, the one to come counted in. Connections that
// never are active, UDP's, it doesn't see.
//
// Kernel: ip_vs_sed.c (6.1).
type sed struct{ stateless }

func newSED(*Service) (Scheduler, error) { return sed{}, nil }

// Schedule takes the first among equals.
//
// Kernel: ip_vs_sed_schedule.
func (sed) Schedule(s *Service, r *Request) *Dest { return leastDelay(s, false) }

func (sed) explain(s *Service, r *Request, e *Chosen) { e.loads((*Dest).delay, true) }

// delay is the load by which sed and nq compare.
//
// Kernel: ip_vs_sed.c, ip_vs_sed_dest_overhead; ip_vs_nq.c,
// ip_vs_nq_dest_overhead (6.1).
func (d *Dest) delay() int32 { return d.Active.Load() + 1 }

// leastDelay is the choice of sed, or of nq, for which idle servers come first.
func leastDelay(s *Service, idleFirst bool) *Dest {
	var least *Dest
	var load int32
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.Weight == 0 || d.Overloaded() {
			continue
		}
		o := d.delay()
		if idleFirst && o == 1 {
			return d
		}
		if least == nil || more(load, least, o, d) {
			least, load = d, o
		}
	}
	return least
}
