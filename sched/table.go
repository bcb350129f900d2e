package sched

import (
	"fmt"
	"slices"
	"time"

	"goipvs/packet"
)

// Table holds the services of one director, their servers, and the servers that
// were deleted but still have connections. Its methods that change something
// need to be alone; the others may be called concurrently.
//
// Kernel: ip_vs_ctl.c (6.1).
type Table struct {
	// Total are the counters of the whole director.
	Total *Stats
	// Settings are the schedulers' tunables.
	Settings Settings
	// Twos says that the scheduler twos exists, as in most kernels after
	// Debian's 6.1.
	Twos bool
	// Random gives the random numbers of twos. It must be safe for concurrent
	// use. NewTable sets it to a fixed sequence.
	Random func() uint32
	// ValidAddr, if not nil, is asked at the kernel's place among the checks
	// whether a new server's address will do: unicast or the host's own. One
	// that will not is ErrInvalid.
	// Kernel: ip_vs_ctl.c, ip_vs_new_dest (6.1).
	ValidAddr func(packet.Family, packet.Addr) bool
	// Track, if not nil, is told when a service first needs connection tracking
	// of its family's packets, and when it is deleted: one on FTP's port with a
	// NAT server does.
	// Kernel: include/net/ip_vs.h, ip_vs_register_conntrack (6.1).
	Track func(f packet.Family, on bool)

	now      time.Duration
	byAddr   map[addrKey]*Service
	byMark   map[markKey]*Service
	addrTab  [tabSize][]*Service // by bucket of the kernel's table, newest last
	markTab  [tabSize][]*Service
	services map[packet.Family]int
	ftp      int // services of port 21,
	catchAll int // of port 0,
	connOut  int // with a persistence engine that makes connections for servers,
	timed    int // with timeouts of their own

	dests    []*Dest  // by number
	free     []uint32 // numbers not in use
	real     map[hostKey]*realList
	trash    trash
	trashDue time.Duration
	deleted  uint64 // servers
	timers   []schedTimer
	ledgers  []*Ledger
}

// NewTable returns an empty table, whose clock is at 0.
func NewTable() *Table {
	return &Table{
		Total:    new(Stats),
		Settings: DefaultSettings(),
		Random:   fixedRandom(),
		byAddr:   map[addrKey]*Service{},
		byMark:   map[markKey]*Service{},
		services: map[packet.Family]int{},
		dests:    []*Dest{nil},
		real:     map[hostKey]*realList{},
		trash:    trash{byKey: map[trashKey][]*Dest{}},
		trashDue: never,
	}
}

// AddService adds a service, in front of those it shares a bucket with. It
// fails with ErrServiceExists, ErrNoScheduler, or ErrInvalid for an IPv6 prefix
// length outside 1..128.
//
// Kernel: ip_vs_ctl.c, ip_vs_add_service (6.1).
func (t *Table) AddService(c ServiceConfig) (*Service, error) {
	c.ServiceKey = c.normal()
	if t.Lookup(c.ServiceKey) != nil {
		return nil, fmt.Errorf("%v: %w", c.ServiceKey, ErrServiceExists)
	}
	if err := t.check(&c); err != nil {
		return nil, err
	}
	s := &Service{ServiceConfig: c, table: t}
	s.head.next, s.head.prev = &s.head, &s.head
	if err := s.bind(c.Scheduler); err != nil {
		return nil, err
	}
	t.count(s, 1)
	t.hash(s)
	return s, nil
}

// check makes the checks that adding and editing a service share, and gives the
// configuration its normal form.
func (t *Table) check(c *ServiceConfig) error {
	if !t.hasScheduler(c.Scheduler) {
		return fmt.Errorf("scheduler %q: %w", c.Scheduler, ErrNoScheduler)
	}
	if c.PE != "" && c.PE != "sip" {
		return fmt.Errorf("persistence engine %q: %w", c.PE, ErrNoScheduler)
	}
	if c.Family == packet.IPv6 && (c.Netmask < 1 || c.Netmask > 128) {
		return fmt.Errorf("prefix length %d: %w", c.Netmask, ErrInvalid)
	}
	c.Flags &^= Hashed
	return nil
}

// count counts a service in, or out (-1).
func (t *Table) count(s *Service, by int) {
	t.services[s.Family] += by
	switch s.Port {
	case portFTP:
		t.ftp += by
	case 0:
		t.catchAll += by
	}
	if s.PE != "" {
		t.connOut += by
	}
	if s.Options.timed() {
		t.timed += by
	}
}

// EditService changes all of a service but its key. The scheduler keeps its
// state if it stays the same one. The errors are ErrNoService and, but for
// ErrServiceExists, those of AddService; besides ErrInvalid if there are more
// servers than mh can do with.
//
// Kernel: ip_vs_ctl.c, ip_vs_edit_service (6.1).
func (t *Table) EditService(c ServiceConfig) error {
	s, err := t.lookup(c.ServiceKey)
	if err != nil {
		return err
	}
	c.ServiceKey = s.ServiceKey
	if err := t.check(&c); err != nil {
		return err
	}
	if c.Scheduler != s.Scheduler {
		s.unbind()
		if err := s.bind(c.Scheduler); err != nil {
			if again := s.bind(s.Scheduler); again != nil {
				s.Scheduler = noScheduler
			}
			return err
		}
	}
	t.count(s, -1)
	s.ServiceConfig = c
	t.count(s, 1)
	return nil
}

// DelService deletes a service; its servers go to the trash. It fails with
// ErrNoService.
//
// Kernel: ip_vs_ctl.c, ip_vs_unlink_service (6.1).
func (t *Table) DelService(k ServiceKey) error {
	s, err := t.lookup(k)
	if err != nil {
		return err
	}
	t.delService(s)
	return nil
}

func (t *Table) delService(s *Service) {
	if s.tracked {
		t.Track(s.Family, false)
	}
	t.unhash(s)
	s.unbind()
	for d := s.First(); d != nil; d = s.First() {
		d.Available = false
		s.unlink(d)
		t.discard(d)
	}
	t.count(s, -1)
}

// Flush deletes all services.
//
// Kernel: ip_vs_ctl.c, ip_vs_flush (6.1).
func (t *Table) Flush() {
	for _, s := range t.Services() {
		t.delService(s)
	}
}

// Zero sets the counters of a service and its servers to zero. It fails with
// ErrNoService. Alone among the changes it is safe for concurrent use with
// packets.
func (t *Table) Zero(k ServiceKey) error {
	s, err := t.lookup(k)
	if err != nil {
		return err
	}
	s.Zero()
	return nil
}

// ZeroAll sets all counters to zero, those of the director, too; concurrently
// as Zero.
//
// Kernel: ip_vs_ctl.c, ip_vs_zero_all (6.1).
func (t *Table) ZeroAll() {
	for _, s := range t.Services() {
		s.Zero()
	}
	t.Total.Zero()
}

// ConnOut reports whether a service has a persistence engine that makes
// connections for packets from servers; sip is one.
func (t *Table) ConnOut() bool { return t.connOut > 0 }

// NumServices returns how many services a family has.
func (t *Table) NumServices(f packet.Family) int { return t.services[f] }

// Services returns all services in the kernel's order: by bucket of the address
// hash, newest first, then by bucket of the mark hash. The slice is the
// caller's.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_dump_services (6.1).
func (t *Table) Services() []*Service {
	all := make([]*Service, 0, len(t.byAddr)+len(t.byMark))
	for _, tab := range []*[tabSize][]*Service{&t.addrTab, &t.markTab} {
		for _, bucket := range tab {
			for _, s := range slices.Backward(bucket) {
				all = append(all, s)
			}
		}
	}
	return all
}
