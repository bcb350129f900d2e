package sched

import (
	"math"
	"slices"
	"time"
)

// never is later than any time.
const never = time.Duration(math.MaxInt64)

// tickPeriod is the interval in which schedulers with a cache clean it.
//
// Kernel: ip_vs_lblc.c, ip_vs_lblcr.c, CHECK_EXPIRE_INTERVAL (6.1).
const tickPeriod = 60 * time.Second

// schedTimer is the timer of a service's scheduler.
type schedTimer struct {
	due time.Duration
	svc *Service
	run ticker
}

// ticker is a Scheduler that has something to do each tickPeriod after it was
// made.
type ticker interface {
	tick(s *Service, now time.Duration)
}

// NextTimer returns when Advance will have something to do; the largest
// Duration if there is nothing.
func (t *Table) NextTimer() time.Duration {
	due := t.trashDue
	for _, x := range t.timers {
		due = min(due, x.due)
	}
	return due
}

// Advance moves the table's clock to now, which is not before the last, and
// does on the way what is due: the trash is looked after, lblc and lblcr forget
// what is old. It belongs to the changes, before each of which it is to be
// called.
//
// Differs: the kernel's timers of a minute fire up to two seconds late, these
// on time.
func (t *Table) Advance(now time.Duration) {
	for {
		due := t.NextTimer()
		if due > now {
			break
		}
		t.now = due
		if t.trashDue == due {
			t.expireTrash(due)
		}
		for i := range t.timers {
			if x := &t.timers[i]; x.due == due {
				x.svc.mu.Lock()
				x.run.tick(x.svc, due)
				x.svc.mu.Unlock()
				x.due = due + tickPeriod
			}
		}
	}
	t.now = now
}

// arm starts the timer of a scheduler that needs one.
func (t *Table) arm(s *Service, x Scheduler) {
	if k, ok := x.(ticker); ok {
		t.timers = append(t.timers, schedTimer{t.now + tickPeriod, s, k})
	}
}

func (t *Table) disarm(s *Service) {
	t.timers = slices.DeleteFunc(t.timers, func(x schedTimer) bool { return x.svc == s })
}
