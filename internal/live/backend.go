package live

import (
	"fmt"
	"sync"
	"time"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/live/metrics"
	"goipvs/internal/live/rules"
	"goipvs/internal/live/tap"
	"goipvs/packet"
	"goipvs/sched"
)

// backend is the director as it is controlled: after each change the rules
// follow, before the change is acknowledged.
type backend struct {
	*hooks.Director
	tables  *rules.Tables
	bit     uint32
	note    func(string)
	now     func() // brings the director's clock up to now
	figures func() *metrics.Snapshot
	tap     *tap.Hub

	mu      sync.Mutex
	held    bool // changes wait for release
	stale   bool // the rules are not what they should be; the delta is not all
	ledgers map[packet.Family]*ledger
	noTrack bool
	ignore  bool
}

var _ control.Backend = (*backend)(nil)

// newBackend holds all changes of rules until release, so that a daemon that
// takes over does so at once, with all its services.
func newBackend(d *hooks.Director, t *rules.Tables, bit uint32, note func(string)) *backend {
	return &backend{
		Director: d, tables: t, bit: bit, note: note, now: func() {}, held: true, stale: true, noTrack: true,
		ledgers: map[packet.Family]*ledger{packet.IPv4: newLedger(), packet.IPv6: newLedger()},
	}
}

// release lets the rules follow, and catches up.
func (b *backend) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = false
	return b.follow()
}

// follow makes the rules what they should be. It is called with the lock held.
func (b *backend) follow() error {
	if b.held {
		return nil
	}
	want, delta := map[packet.Family]*rules.Interest{}, map[packet.Family]rules.Delta{}
	for f, l := range b.ledgers {
		delta[f] = l.take()
		if l.active() {
			l.want.NoTrack, l.want.IgnoreTunneled = b.noTrack, b.ignore
			want[f] = l.want
		}
	}
	if b.stale {
		delta = nil
	}
	err := b.tables.Apply(want, delta)
	b.stale = err != nil
	if err != nil {
		b.note(err.Error())
	}
	return err
}

// lost puts the rules back that somebody else threw away.
func (b *backend) lost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held {
		return
	}
	b.stale = true
	if b.follow() == nil {
		b.note("somebody deleted the tables " + rules.Name + "; they are back")
	}
}

// hold lets the rules follow no more.
func (b *backend) hold() {
	b.mu.Lock()
	b.held = true
	b.mu.Unlock()
}

// change runs a change of the director, and if it is one notes it and has the
// rules follow.
func (b *backend) change(f func() error, note func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := f(); err != nil {
		return err
	}
	note()
	return b.follow()
}

// AddService adds a virtual service. It fails with sched.ErrInvalid for a mark
// that has the bit that is goipvs's own.
func (b *backend) AddService(c sched.ServiceConfig) error {
	if err := ownMark(c.FWMark, b.bit); err != nil {
		return err
	}
	return b.change(func() error { return b.Director.AddService(c) }, func() { b.ledgers[c.Family].addService(c.ServiceKey) })
}

// ownMark refuses a service's mark that has the bit that is goipvs's own.
func ownMark(mark, bit uint32) error {
	if mark&bit == 0 {
		return nil
	}
	return fmt.Errorf("firewall mark %#x has bit %#x, which is goipvs's own: %w", mark, bit, sched.ErrInvalid)
}

// DelService deletes a virtual service.
func (b *backend) DelService(k sched.ServiceKey) error {
	return b.change(func() error { return b.Director.DelService(k) }, func() { b.ledgers[k.Family].delService(k) })
}

// Flush deletes all services.
func (b *backend) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Director.Flush()
	for _, l := range b.ledgers {
		for k := range l.services {
			l.delService(k)
		}
	}
	_ = b.follow() // else the next change, or the sweep
}

// AddDest adds a server.
func (b *backend) AddDest(k sched.ServiceKey, c sched.DestConfig) error {
	return b.change(func() error { return b.Director.AddDest(k, c) }, func() { b.ledgers[k.Family].setDest(k, c.DestKey, c.Forward) })
}

// EditDest changes a server.
func (b *backend) EditDest(k sched.ServiceKey, c sched.DestConfig) error {
	return b.change(func() error { return b.Director.EditDest(k, c) }, func() { b.ledgers[k.Family].setDest(k, c.DestKey, c.Forward) })
}

// DelDest deletes a server.
func (b *backend) DelDest(k sched.ServiceKey, d sched.DestKey) error {
	return b.change(func() error { return b.Director.DelDest(k, d) }, func() { b.ledgers[k.Family].delDest(k, d) })
}

// SetSetting sets a setting under net.ipv4.vs.
func (b *backend) SetSetting(name, value string) error {
	return b.change(func() error { return b.Director.SetSetting(name, value) }, func() {
		b.noTrack = b.off("conntrack")
		b.ignore = !b.off("ignore_tunneled")
	})
}

// untracked reports whether the kernel's connection tracking is kept from
// services' connections.
func (b *backend) untracked() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.noTrack && b.tables.CanUntrack()
}

func (b *backend) off(setting string) bool {
	v, err := b.Director.Setting(setting)
	return err != nil || v == "0"
}

// sweepEvery is how often what only connections may want is looked at.
const sweepEvery = 30 * time.Second

// sweep forgets what no connection wants any more, and tries again where rules
// could not follow.
func (b *backend) sweep() {
	b.mu.Lock()
	var retired bool
	for _, l := range b.ledgers {
		retired = retired || l.retired()
	}
	stale := b.stale && !b.held
	b.mu.Unlock()
	if !retired && !stale {
		return
	}
	addrs := map[packet.Family]map[packet.Addr]struct{}{packet.IPv4: {}, packet.IPv6: {}}
	b.Director.Conns(func(c *hooks.ConnInfo) bool {
		addrs[c.Family][c.Virtual] = struct{}{}
		addrs[c.DestFamily][c.Dest] = struct{}{}
		return true
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	for f, l := range b.ledgers {
		l.retire(addrs[f])
	}
	_ = b.follow() // else the next time
}

// View implements control.Backend: what was due by now has happened.
func (b *backend) View(f func(*sched.Table)) {
	b.now()
	b.Director.View(f)
}

// Conns implements control.Backend: what was due by now has happened.
func (b *backend) Conns(f func(*hooks.ConnInfo) bool) {
	b.now()
	b.Director.Conns(f)
}
