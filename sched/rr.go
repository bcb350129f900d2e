package sched

// rr takes the servers in turn, whatever their weight, if it isn't 0.
//
// Kernel: ip_vs_rr.c (6.1).
type rr struct {
	stateless
	last *Dest // the one chosen last, or the list's head
}

func newRR(s *Service) (Scheduler, error) { return &rr{last: &s.head}, nil }

// DelDest moves back by one where the last chosen server goes, so that the turn
// stays with the one after it.
//
// Kernel: ip_vs_rr_del_dest.
func (x *rr) DelDest(s *Service, d *Dest) {
	if x.last == d {
		x.last = d.next.prev
	}
}

func (x *rr) inspect(s *Service, r *Request, e *Chosen) { e.position(x.last) }

// Schedule goes once round, beginning after the last chosen server.
//
// Kernel: ip_vs_rr_schedule.
func (x *rr) Schedule(s *Service, r *Request) *Dest {
	d := x.last
	for range 2 {
		for d = d.next; d != &s.head; d = d.next {
			if d.Weight > 0 && !d.Overloaded() {
				x.last = d
				return d
			}
			if d == x.last {
				return nil
			}
		}
		if x.last == &s.head {
			break
		}
	}
	return nil
}
