package hooks

import (
	"math"
	"time"

	"goipvs/conntrack"
)

// never is later than any time.
const never = time.Duration(math.MaxInt64)

// Periods of the director's own timers.
const (
	estimatePeriod = 2 * time.Second // Kernel: ip_vs_est.c, estimation_timer
	defensePeriod  = time.Second     // Kernel: ip_vs_ctl.c, DEFENSE_TIMER_PERIOD
)

// timers are when the director has something to do besides connections.
type timers struct {
	estimate, defense, noDest time.Duration
}

func (t *timers) init(now time.Duration) {
	t.estimate, t.defense, t.noDest = now+estimatePeriod, now+defensePeriod, never
}

// flushNoDest has the connections of deleted servers end with the next tick; one
// that is awaited already doesn't move.
func (t *timers) flushNoDest(now time.Duration) { t.noDest = min(t.noDest, now+conntrack.Tick) }

// Advance moves the director's clock to now, which is not before the last: what
// is due by then happens, in order of time. Live, call it every few
// milliseconds; in replay, before each packet. Calls must not overlap.
func (d *Director) Advance(now time.Duration) {
	for {
		due := d.nextDue()
		if due > now {
			break
		}
		d.moveTo(due)
		if d.takeNoDest(due) {
			d.expireNoDest()
		}
		if t := &d.timers; t.estimate == due {
			t.estimate = due + estimatePeriod
			if !d.estimate() {
				// Nothing moves before the next packet: idle days cost nothing.
				t.estimate += (now - due) / estimatePeriod * estimatePeriod
			}
		}
		if t := &d.timers; t.defense == due {
			t.defense = due + defensePeriod
			if !d.defend() {
				t.defense += (now - due) / defensePeriod * defensePeriod
			}
		}
	}
	d.moveTo(now)
}

// nextDue returns when the director has something to do besides connections.
func (d *Director) nextDue() time.Duration {
	d.config.Lock()
	defer d.config.Unlock()
	return min(d.timers.estimate, d.timers.defense, d.timers.noDest, d.table.NextTimer())
}

// takeNoDest reports whether the connections of deleted servers are to end now,
// once.
func (d *Director) takeNoDest(now time.Duration) bool {
	d.config.Lock()
	defer d.config.Unlock()
	due := d.timers.noDest <= now
	if due {
		d.timers.noDest = never
	}
	return due
}

// estimate brings the shown figures up to date and reports whether it changed
// any.
func (d *Director) estimate() bool {
	d.config.Lock()
	defer d.config.Unlock()
	if !d.set.RunEstimation {
		return false
	}
	for i := range d.lanes {
		s := d.conns.ShardAt(i)
		s.Lock()
		d.lanes[i].ledger.Fold()
		s.Unlock()
	}
	return d.table.Estimate()
}

// defend does what the defences do each second and reports whether they do
// anything.
//
// Kernel: ip_vs_ctl.c, defense_work_handler (6.1).
func (d *Director) defend() bool {
	d.config.Lock()
	d.conns.LockAll()
	d.updateDefense()
	on := d.set.DropEntry == 3
	d.conns.UnlockAll()
	d.config.Unlock()
	if on {
		d.dropEntries()
	}
	return on
}

func (d *Director) moveTo(now time.Duration) {
	d.now.Store(int64(now))
	d.conns.Advance(now)
	d.config.Lock()
	defer d.config.Unlock()
	if d.table.NextTimer() <= now {
		d.conns.LockAll()
		d.table.Advance(now)
		d.conns.UnlockAll()
	}
}

// expireNoDest ends the connections of deleted servers.
//
// Kernel: ip_vs_conn.c, ip_vs_expire_nodest_conn_flush (6.1).
func (d *Director) expireNoDest() {
	d.conns.Each(func(s *conntrack.Shard, c *conntrack.Conn) bool {
		dest := d.table.Dest(c.DestID)
		if dest != nil && !dest.Available && c.NControl == 0 {
			s.DeleteChain(c)
		}
		return true
	})
}
