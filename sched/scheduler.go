package sched

import (
	"maps"
	"slices"
	"time"

	"goipvs/packet"
)

// Request is what a scheduler may know of the packet it chooses a server for.
type Request struct {
	Protocol         uint8
	Src, Dst         packet.Addr // of the packet, as its header has them
	SrcPort, DstPort uint16
	Inverse          bool          // an ICMP error quotes it: Dst is the client's side
	Now              time.Duration // the engine's clock
	Packet           *packet.Packet
}

// Client returns the client's address and port.
func (r *Request) Client() (packet.Addr, uint16) {
	if r.Inverse {
		return r.Dst, r.DstPort
	}
	return r.Src, r.SrcPort
}

// Scheduler chooses servers for one service; it keeps what it needs to know
// between choices. Schedule is called with the service's lock held; the others
// while nothing is scheduled.
//
// Kernel: include/net/ip_vs.h, struct ip_vs_scheduler (6.1).
type Scheduler interface {
	// Schedule returns the server for a new connection, nil if there is none.
	Schedule(s *Service, r *Request) *Dest
	// AddDest is called after d was linked into the service,
	AddDest(s *Service, d *Dest)
	// DelDest after it was unlinked (its Next and Prev still point where they
	// did),
	DelDest(s *Service, d *Dest)
	// UpdateDest after its weight or another figure changed.
	UpdateDest(s *Service, d *Dest)
}

// finisher is a Scheduler that holds servers, to be released when the service
// gets another scheduler or is deleted. A single deleted server stays held.
type finisher interface {
	finish()
}

// stateless are the methods of a Scheduler that doesn't care for changes.
type stateless struct{}

func (stateless) AddDest(*Service, *Dest)    {}
func (stateless) DelDest(*Service, *Dest)    {}
func (stateless) UpdateDest(*Service, *Dest) {}

// New makes a scheduler for a service, whose servers, if any, are linked
// already. It fails with ErrInvalid where the kernel does.
type New func(s *Service) (Scheduler, error)

// schedulers by name.
var schedulers = map[string]New{
	"dh":    newDH,
	"fo":    newFO,
	"lblc":  newLBLC,
	"lblcr": newLBLCR,
	"lc":    newLC,
	"mh":    newMH,
	"nq":    newNQ,
	"ovf":   newOVF,
	"rr":    newRR,
	"sed":   newSED,
	"sh":    newSH,
	"twos":  newTwos,
	"wlc":   newWLC,
	"wrr":   newWRR,
}

// noScheduler is the name that stands for none.
const noScheduler = "none"

// Schedulers returns the names of all schedulers, sorted.
func Schedulers() []string { return slices.Sorted(maps.Keys(schedulers)) }

// hasScheduler reports whether a service may have a scheduler of that name.
func (t *Table) hasScheduler(name string) bool {
	if name == noScheduler {
		return true
	}
	_, ok := schedulers[name]
	return ok && (name != "twos" || t.Twos)
}

// bind gives the service, which has none, the scheduler with that name, which
// exists.
//
// Kernel: ip_vs_sched.c, ip_vs_bind_scheduler (6.1).
func (s *Service) bind(name string) error {
	if name == noScheduler {
		return nil
	}
	x, err := schedulers[name](s)
	if err != nil {
		return err
	}
	s.sched = x
	s.table.arm(s, x)
	return nil
}

// unbind takes the scheduler from the service, if it has one.
//
// Kernel: ip_vs_sched.c, ip_vs_unbind_scheduler (6.1).
func (s *Service) unbind() {
	if s.sched == nil {
		return
	}
	s.table.disarm(s)
	if f, ok := s.sched.(finisher); ok {
		f.finish()
	}
	s.sched = nil
}
