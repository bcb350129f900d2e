package sched

import "time"

// lblc remembers for each destination address the server it went to and stays
// with it, for the sake of the server's cache, until the server is overloaded
// while another is half idle; then it chooses as wlc.
//
// Kernel: ip_vs_lblc.c (6.1).
type lblc struct {
	stateless
	cache
}

func newLBLC(*Service) (Scheduler, error) { return &lblc{cache: newCache()}, nil }

// Schedule takes the destination as the header has it, also that of a packet
// quoted by an ICMP error. A server at its upper threshold is left only when
// crowded, too.
//
// Kernel: ip_vs_lblc_schedule.
func (x *lblc) Schedule(s *Service, r *Request) *Dest {
	e := x.find(r.Dst)
	if e != nil {
		e.lastUse = r.Now
		if d := e.set[0]; d.Available && d.Weight > 0 && !crowded(s, d) {
			return d
		}
	}
	d := leastConns(s)
	switch {
	case d == nil:
	case e == nil:
		x.add(r.Dst, d, r.Now)
	case e.set[0] != d:
		d.hold()
		e.set[0].release()
		e.set[0] = d
	}
	return d
}

// crowded reports whether d has more active connections than its weight while
// some server, be it d, has less than half.
//
// Kernel: ip_vs_lblc.c, is_overloaded (6.1).
func crowded(s *Service, d *Dest) bool {
	if d.Active.Load() <= d.Weight {
		return false
	}
	for o := s.First(); o != nil; o = s.Next(o) {
		if o.Active.Load()*2 < o.Weight {
			return true
		}
	}
	return false
}

func (x *lblc) tick(s *Service, now time.Duration) {
	x.check(now, time.Duration(s.table.Settings.LBLCExpiration)*time.Second)
}

func (x *lblc) inspect(s *Service, r *Request, e *Chosen) { e.cached(r.Dst, x.find(r.Dst)) }

func (x *lblc) explain(s *Service, r *Request, e *Chosen) { e.explainCached() }
