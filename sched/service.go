package sched

import (
	"sync"
)

// Service is a virtual service. Its configuration changes only while no packet
// is handled.
//
// Kernel: include/net/ip_vs.h, struct ip_vs_service (6.1).
type Service struct {
	ServiceConfig
	Stats   Stats
	Options Options

	table *Table
	mu    sync.Mutex // the scheduler's state
	sched Scheduler  // nil: none
	req   Request    // what is being scheduled
	head  Dest       // list of servers, newest first; only the links are used
	n     int

	tracked bool // it asked for connection tracking
}

// First returns the newest server, nil if there is none.
func (s *Service) First() *Dest { return s.wrap(s.head.next) }

// Last returns the oldest server, nil if there is none.
func (s *Service) Last() *Dest { return s.wrap(s.head.prev) }

// Next returns the server after d, the one added before it; nil at the end.
func (s *Service) Next(d *Dest) *Dest { return s.wrap(d.next) }

// Prev returns the server before d; nil at the head.
func (s *Service) Prev(d *Dest) *Dest { return s.wrap(d.prev) }

// NumDests returns how many servers the service has.
func (s *Service) NumDests() int { return s.n }

// Table returns the table that the service is or was in.
func (s *Service) Table() *Table { return s.table }

// Dest returns the server with a key, nil if there is none.
//
// Kernel: ip_vs_ctl.c, ip_vs_lookup_dest (6.1).
func (s *Service) Dest(k DestKey) *Dest {
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.DestKey == k {
			return d
		}
	}
	return nil
}

// Schedule chooses a server for a new connection, nil if there is none. Safe
// for concurrent use. With a listener on the packet, it gets a Chosen.
func (s *Service) Schedule(r *Request) *Dest {
	if p := r.Packet; p != nil && p.Listener != nil {
		e := s.explain(r)
		p.Listener.Event(p, e)
		return e.Dest
	}
	if s.sched == nil {
		return nil
	}
	s.mu.Lock()
	// A copy: what is handed to an interface would lie on the heap in each
	// caller.
	s.req = *r
	d := s.sched.Schedule(s, &s.req)
	s.req.Packet = nil
	s.mu.Unlock()
	return d
}

// explain is Schedule with the event that tells of it.
func (s *Service) explain(r *Request) Chosen {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.req = *r
	s.req.Packet = nil
	return s.explained(&s.req)
}

// Zero sets the counters of the service and its servers to zero.
//
// Kernel: ip_vs_ctl.c, ip_vs_zero_service (6.1).
func (s *Service) Zero() {
	for d := s.First(); d != nil; d = s.Next(d) {
		d.Stats.Zero()
	}
	s.Stats.Zero()
}

func (s *Service) wrap(d *Dest) *Dest {
	if d == &s.head {
		return nil
	}
	return d
}

// link makes d the newest server.
func (s *Service) link(d *Dest) {
	d.prev, d.next = &s.head, s.head.next
	d.prev.next, d.next.prev = d, d
	s.n++
}

// unlink takes d out of the list; d itself still points where it did.
func (s *Service) unlink(d *Dest) {
	d.prev.next, d.next.prev = d.next, d.prev
	s.n--
}
