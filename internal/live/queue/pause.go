package queue

import (
	"time"

	"golang.org/x/sys/unix"
)

// A pause after a small batch lets the next one grow, as interrupts of network
// cards are moderated: at a middling rate waking up costs more than the packets
// do. It is made only where packets come fast, since it is added to their way.
const (
	pauseFor   = 30 * time.Microsecond
	pauseAbove = 40000 // packets a second
	pauseBelow = 8     // packets in the batch
	pauseSpan  = 2 * time.Millisecond
)

// pace measures how fast packets come.
type pace struct {
	since time.Duration // when it began to count
	count int
	fast  bool
}

// pause reports whether to pause after a batch of n packets, at the time now of
// any clock that only goes forward.
func (p *pace) pause(n int, now time.Duration) bool {
	p.count += n
	if span := now - p.since; span >= pauseSpan {
		p.fast = time.Duration(p.count)*time.Second > pauseAbove*span
		p.since, p.count = now, 0
	}
	return p.fast && n < pauseBelow
}

// pause pauses. Without the timer slack, which is the thread's from then on, it
// would take 50 µs longer.
func pause() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(time.Microsecond), 0, 0, 0)
	t := unix.NsecToTimespec(int64(pauseFor))
	_ = unix.Nanosleep(&t, nil) // a signal may end it
}
