package live

import (
	"testing"
	"time"

	"goipvs/hooks"
)

// Who brings packets moves the clock on where nobody does, and doesn't wait for
// who does.
func TestNudge(t *testing.T) {
	c := newClock(hooks.New(hooks.Config{}))
	c.start = time.Now().Add(-time.Minute)
	c.mu.Lock()
	c.nudge() // else it would never return
	if now := c.director.Now(); now != 0 {
		t.Errorf("the clock was moved to %v by two at once", now)
	}
	c.mu.Unlock()
	c.nudge()
	if now := c.director.Now(); now < time.Minute {
		t.Errorf("the clock is at %v", now)
	}
	// With many connections it leaves that to who has the time.
	c.few, c.start = -1, c.start.Add(-time.Minute)
	c.nudge()
	c.nudge()
	if now := c.director.Now(); now >= 2*time.Minute {
		t.Errorf("moved to %v by who brings packets", now)
	}
	select {
	case <-c.wanted:
		c.advance()
	default:
		t.Error("nobody is asked to move the clock on")
	}
	if now := c.director.Now(); now < 2*time.Minute {
		t.Errorf("the clock is at %v", now)
	}
	last := c.director.Now()
	c.start = time.Now().Add(-last) // it is on time now
	c.nudge()
	if now := c.director.Now(); now != last {
		t.Errorf("moved from %v to %v without need", last, now)
	}
}
