package live

import (
	"sync"
	"sync/atomic"
	"time"

	"goipvs/hooks"
)

// How often the director's clock is moved on: while packets come, and while
// none do. The kernel's timers are not more exact either: what lasts longer than
// a quarter of a second may end 32 ms late.
const (
	tick     = 10 * time.Millisecond
	idleTick = 100 * time.Millisecond
)

// clock moves a director's clock on. Its methods may be called from many
// goroutines.
type clock struct {
	director *hooks.Director
	start    time.Time
	last     atomic.Int64 // the director's time, since start
	few      int          // connections: their ends don't take long

	wanted chan struct{} // advance is, soon

	mu sync.Mutex // one Advance at a time
}

func newClock(d *hooks.Director) *clock {
	const few = 10_000
	return &clock{director: d, start: time.Now(), few: few, wanted: make(chan struct{}, 1)}
}

// advance brings the director's clock up to now.
func (c *clock) advance() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move()
}

// move is advance with the lock held.
func (c *clock) move() {
	now := time.Since(c.start)
	c.director.Advance(now)
	c.last.Store(int64(now))
}

// catchUp is for who is about to look: what was due while nothing happened has
// happened when it returns, to within a tick.
func (c *clock) catchUp() {
	if c.behind() {
		c.advance()
	}
}

// nudge is catchUp for a worker with packets. They don't wait for what may take
// long, the end of many connections: if the clock is being moved on already, or
// there are many, it is left to others.
func (c *clock) nudge() {
	switch {
	case !c.behind():
	case c.director.NumConns() > c.few:
		select {
		case c.wanted <- struct{}{}:
		default: // it is known
		}
	case c.mu.TryLock():
		c.move()
		c.mu.Unlock()
	}
}

func (c *clock) behind() bool { return int64(time.Since(c.start))-c.last.Load() > int64(tick) }
