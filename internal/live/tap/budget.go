package tap

import "time"

// How many packets a worker tells of: in a second, and at once.
const (
	perSecond = 3000
	burst     = 1000
)

// budget is how many more may be told of now.
type budget struct {
	left float64
	last time.Time
}

// take takes one, if more than spare are left.
func (b *budget) take(now time.Time, spare float64) bool {
	if b.last.IsZero() {
		b.left = burst
	} else {
		b.left = min(burst, b.left+now.Sub(b.last).Seconds()*perSecond)
	}
	b.last = now
	if b.left < 1+spare {
		return false
	}
	b.left--
	return true
}
