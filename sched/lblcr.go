package sched

import (
	"slices"
	"time"
)

// lblcr remembers for each destination address a set of servers and takes the
// least loaded of them. Is it overloaded while another server is half idle, the
// set gets the server that wlc would choose; a set that hasn't changed for the
// expiration loses its most loaded one.
//
// Kernel: ip_vs_lblcr.c (6.1).
type lblcr struct {
	stateless
	cache
}

func newLBLCR(*Service) (Scheduler, error) { return &lblcr{cache: newCache()}, nil }

// Schedule takes the destination as the header has it, also that of a packet
// quoted by an ICMP error.
//
// Kernel: ip_vs_lblcr_schedule.
func (x *lblcr) Schedule(s *Service, r *Request) *Dest {
	e := x.find(r.Dst)
	if e == nil {
		d := leastConns(s)
		if d != nil {
			x.add(r.Dst, d, r.Now)
		}
		return d
	}
	e.lastUse = r.Now
	d := e.least()
	if len(e.set) > 1 && r.Now > e.lastMod+x.expiration(s) {
		e.dropMost(r.Now)
	}
	if d != nil && !crowded(s, d) {
		return d
	}
	d = leastConns(s)
	if d != nil && !slices.Contains(e.set, d) {
		d.hold()
		e.set = append(e.set, d)
		e.lastMod = r.Now
	}
	return d
}

// least returns the server of the set that has the least connections for its
// weight, the newest member first among equals.
//
// Kernel: ip_vs_dest_set_min.
func (e *cacheEntry) least() *Dest {
	var least *Dest
	var load int32
	for i := len(e.set) - 1; i >= 0; i-- {
		d := e.set[i]
		if d.Weight <= 0 || !d.Available || d.Overloaded() {
			continue
		}
		if o := d.overhead(); least == nil || more(load, least, o, d) {
			least, load = d, o
		}
	}
	return least
}

// dropMost removes the server with the most connections for its weight, be it
// available or not, the newest member first among equals.
//
// Kernel: ip_vs_dest_set_max, ip_vs_dest_set_erase.
func (e *cacheEntry) dropMost(now time.Duration) {
	most := -1
	var load int32
	for i := len(e.set) - 1; i >= 0; i-- {
		d := e.set[i]
		if d.Weight <= 0 {
			continue
		}
		if o := d.overhead(); most < 0 || more(o, d, load, e.set[most]) {
			most, load = i, o
		}
	}
	if most >= 0 {
		e.set[most].release()
		e.set = slices.Delete(e.set, most, most+1)
		e.lastMod = now
	}
}

func (x *lblcr) expiration(s *Service) time.Duration {
	return time.Duration(s.table.Settings.LBLCRExpiration) * time.Second
}

func (x *lblcr) tick(s *Service, now time.Duration) { x.check(now, x.expiration(s)) }

func (x *lblcr) inspect(s *Service, r *Request, e *Chosen) { e.cached(r.Dst, x.find(r.Dst)) }

func (x *lblcr) explain(s *Service, r *Request, e *Chosen) { e.explainCached() }
