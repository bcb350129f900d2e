package sched

import (
	"sync"
	"sync/atomic"

	"goipvs/packet"
)

// Service is a virtual service. Its configuration changes only while no packet
// is handled.
//
// Kernel: include/net/ip_vs.h, struct ip_vs_service (6.1).
type Service struct {
	ServiceConfig
	Stats Stats

	table *Table
	mu    sync.Mutex // the scheduler's state
	sched Scheduler  // nil: none
	head  Dest       // list of servers, newest first; only the links are used
	n     int
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

func (s *Service) wrap(d *Dest) *Dest {
	if d == &s.head {
		return nil
	}
	return d
}

// Schedule chooses a server for a new connection, nil if there is none. Safe
// for concurrent use.
func (s *Service) Schedule(r *Request) *Dest {
	if s.sched == nil {
		return nil
	}
	s.mu.Lock()
	d := s.sched.Schedule(s, r)
	s.mu.Unlock()
	return d
}

// Dest is a real server of one service. Counters may be read and changed at any
// time; the configuration changes only while no packet is handled.
//
// Kernel: include/net/ip_vs.h, struct ip_vs_dest (6.1).
type Dest struct {
	DestConfig
	LastWeight int32 // the last weight that was not 0
	Protocol   uint8 // of the service it belongs or belonged to,
	VAddr      packet.Addr
	VPort      uint16
	VFWMark    uint32
	Stats      Stats

	ID        uint32 // its number in Table.Dest; connections name it so
	Available bool   // false: deleted, kept only for its connections

	Active  atomic.Int32 // connections in an active state,
	Total   atomic.Int32 // in any state,
	Persist atomic.Int32 // persistence templates

	// Route is the transmitters' cache, theirs alone (Kernel: dest->dest_dst).
	// It is dropped whenever the configuration changes.
	Route atomic.Pointer[packet.Route]

	svc        *Service
	next, prev *Dest
	overload   atomic.Bool
	lower      int32 // the effective lower threshold
	refs       atomic.Int32
	hashedReal bool
	idleSince  int64 // in the trash: when it was first seen without connections; 0: not yet
}

// Service returns the service that the server belongs or belonged to.
func (d *Dest) Service() *Service { return d.svc }

// InactiveConns returns the connections that are in no active state.
func (d *Dest) InactiveConns() int32 { return d.Total.Load() - d.Active.Load() }

// Overloaded reports whether the server takes no new connections because of its
// upper threshold.
func (d *Dest) Overloaded() bool { return d.overload.Load() }
