package rules

import (
	"errors"
	"fmt"
	"sync"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/setup"
	"goipvs/packet"
)

// Name is the name of goipvs's tables.
const Name = "goipvs"

// Config is what tables are made from.
type Config struct {
	Queue  uint16 // the first queue
	Queues uint16 // how many, among which packets are spread by their clients
	Super  uint16 // the first of as many queues for TCP; 0: TCP has none of its own
	Bit    uint32 // the bit of the mark that says "ours"
}

// Tables are goipvs's tables in a network namespace. The zero value is none;
// Open makes them. Safe for concurrent use.
type Tables struct {
	config Config
	c      *nftables.Conn
	kernel kernel
	portID uint32 // of c

	mu    sync.Mutex
	marks []setup.MarkAdd
	now   map[packet.Family]table
}

// table is what a family's table in the kernel is like, as far as is known.
type table struct {
	known   bool // else it may be anything, left by another process
	queues  bool // it has an interest,
	noTrack bool // of this shape
	ignore  bool
	marks   int // rules that set marks
}

func tableOf(i *Interest, marks int) table {
	t := table{known: true, marks: marks}
	if i != nil {
		t.queues, t.noTrack, t.ignore = true, i.NoTrack, i.IgnoreTunneled
	}
	return t
}

var tableFamilies = map[packet.Family]nftables.TableFamily{
	packet.IPv4: nftables.TableFamilyIPv4,
	packet.IPv6: nftables.TableFamilyIPv6,
}

// Open connects to nftables in the calling thread's network namespace and finds
// out what the kernel can do. Tables that another process left stay until the
// first Apply. Errors: unix.EPERM without CAP_NET_ADMIN; what the kernel lacks.
func Open(c Config) (*Tables, error) {
	var id uint32
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) (err error) {
		if id, err = portID(c); err != nil {
			return err
		}
		return c.SetWriteBuffer(8 << 20) // a transaction is one datagram
	}))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	t := newTables(c, conn)
	t.portID = id
	if err := t.kernel.probe(conn, c); err != nil {
		conn.CloseLasting()
		return nil, err
	}
	return t, nil
}

func newTables(c Config, conn *nftables.Conn) *Tables {
	return &Tables{config: c, c: conn, now: map[packet.Family]table{}}
}

// Lacks returns what the kernel cannot do, and what follows, in a sentence
// each.
func (t *Tables) Lacks() []string { return t.kernel.lacks }

// CanUntrack reports whether the kernel's connection tracking can be kept away
// (Interest.NoTrack).
func (t *Tables) CanUntrack() bool { return t.kernel.notrack }

// AddMark adds a rule that sets a mark, from the next Apply on.
func (t *Tables) AddMark(m setup.MarkAdd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.marks = append(t.marks, m)
}

// Apply makes the tables hold what queues the packets that are of interest, in
// one transaction. A family that is missing has no services. With the delta to
// the last Apply, where it is known, less is to be done.
func (t *Tables) Apply(want map[packet.Family]*Interest, delta map[packet.Family]Delta) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.apply(want, delta)
	if errors.Is(err, unix.ENOENT) {
		// Somebody flushed the whole ruleset, ours with it.
		clear(t.now)
		err = t.apply(want, nil)
	}
	return err
}

func (t *Tables) apply(want map[packet.Family]*Interest, delta map[packet.Family]Delta) error {
	next := map[packet.Family]table{}
	for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
		if f == packet.IPv6 && t.kernel.noIPv6 && want[f] == nil && len(t.marksOf(f)) == 0 {
			continue
		}
		next[f] = tableOf(want[f], len(t.marksOf(f)))
		if err := t.change(f, next[f], want[f], delta); err != nil {
			return err
		}
	}
	if err := t.c.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	t.now = next
	return nil
}

// change puts into the transaction what the family's table needs.
func (t *Tables) change(f packet.Family, next table, want *Interest, delta map[packet.Family]Delta) error {
	nt := &nftables.Table{Family: tableFamilies[f], Name: Name}
	if t.now[f] == next && (delta != nil || !next.queues) {
		if d, ok := delta[f]; ok && next.queues {
			return t.update(sets(nt, f), d)
		}
		return nil
	}
	// Adding first makes the deletion of what isn't there succeed.
	t.c.AddTable(nt)
	t.c.DelTable(nt)
	if !next.queues && next.marks == 0 {
		return nil
	}
	b := builder{Tables: t, family: f, table: t.c.AddTable(nt)}
	return b.build(want)
}

// update changes the members of the sets.
func (t *Tables) update(all []*set, d Delta) error {
	for _, s := range all {
		if err := inPieces(s.members(d.Gone), func(e []nftables.SetElement) error { return t.c.SetDeleteElements(s.Set, e) }); err != nil {
			return err
		}
		if err := inPieces(s.members(d.Added), func(e []nftables.SetElement) error { return t.c.SetAddElements(s.Set, e) }); err != nil {
			return err
		}
	}
	return nil
}

// inPieces calls f with at most maxElements at a time.
func inPieces(e []nftables.SetElement, f func([]nftables.SetElement) error) error {
	for len(e) > 0 {
		n := min(len(e), maxElements)
		if err := f(e[:n]); err != nil {
			return err
		}
		e = e[n:]
	}
	return nil
}

// Remove removes the tables with all that is in them.
func (t *Tables) Remove() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.marks = nil
	clear(t.now)
	return t.apply(nil, nil)
}

// Close ends the connection to nftables; the tables stay.
func (t *Tables) Close() error { return t.c.CloseLasting() }

func (t *Tables) marksOf(f packet.Family) (of []setup.MarkAdd) {
	for _, m := range t.marks {
		if m.IPv6 == (f == packet.IPv6) {
			of = append(of, m)
		}
	}
	return of
}
