package sched

import (
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

// New makes a scheduler for a service, whose servers, if any, are linked
// already. It fails with ErrInvalid where the kernel does.
type New func(s *Service) (Scheduler, error)

// schedulers by name; filled by the init functions of this package's files.
var schedulers = map[string]New{}

// Schedulers returns the names of all schedulers, sorted.
func Schedulers() []string {
	names := make([]string, 0, len(schedulers))
	for n := range schedulers {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
