package sched

// wlc takes the server with the least connections for its weight.
//
// Kernel: ip_vs_wlc.c (6.1).
type wlc struct{ stateless }

func newWLC(*Service) (Scheduler, error) { return wlc{}, nil }

// Schedule takes the first among equals.
//
// Kernel: ip_vs_wlc_schedule.
func (wlc) Schedule(s *Service, r *Request) *Dest { return leastConns(s) }

func (wlc) explain(s *Service, r *Request, e *Chosen) { e.loads((*Dest).overhead, true) }

// leastConns is the choice of wlc, which lblc and lblcr make, too, where their
// caches don't help.
func leastConns(s *Service) *Dest {
	var least *Dest
	var load int32
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.Weight == 0 || d.Overloaded() {
			continue
		}
		if o := d.overhead(); least == nil || more(load, least, o, d) {
			least, load = d, o
		}
	}
	return least
}

// more reports whether load x is more for server a than load y for b, in
// proportion to their weights, which are not 0.
func more(x int32, a *Dest, y int32, b *Dest) bool {
	return int64(x)*int64(b.Weight) > int64(y)*int64(a.Weight)
}
