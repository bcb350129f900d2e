package fuzzer

import (
	"strings"
	"time"
)

// What a real kernel in a slow VM keeps up with: the oracle injects one frame
// at a time and waits for what comes of it; a command starts a program.
const (
	frameGap   = 16 * time.Millisecond
	commandGap = 200 * time.Millisecond
)

// mostCommands is how many commands a case has at most: so that all have 300
// frames and more.
const mostCommands = 10

// Traffic comes in bursts so that timers expire in the pauses between them: the
// kernel's timer wheel fires late, by up to 0.26 s of up to 16 s, and the
// oracle's clock is no better. Timeouts in cases with bursts are of 2, 3, 4, 10
// or more than 60 s: with this period none ends within a burst.
const (
	burstPeriod = 6 * time.Second
	burstLength = 1400 * time.Millisecond
	bursts      = 5
	// Without bursts a case ends before any timer of its packets does: the
	// shortest is that of a closed TCP connection, 10 s.
	steadyLength = 8500 * time.Millisecond
)

// slot is a moment when something happens: a frame, or the command.
type slot struct {
	at      time.Duration
	command string
}

// schedule says when frames come, and the commands between them.
type schedule struct {
	slots []slot
	end   time.Duration
}

// newSchedule draws a schedule of up to so many frames.
func newSchedule(d *director, frames int) schedule {
	var s schedule
	at, left := 100*time.Millisecond, frames
	s.slots = make([]slot, 0, frames+mostCommands)
	fill := func(until time.Duration) {
		for left > 0 && at < until {
			if len(s.slots)+left-frames < mostCommands && d.in(4) && (d.feat&(Edits|Listings)) != 0 {
				if c := d.edit(); c != "" {
					s.slots = append(s.slots, slot{at, c})
					at += commandGap
					continue
				}
			}
			s.slots = append(s.slots, slot{at: at})
			left--
			at += frameGap
		}
	}
	if !d.bursts() {
		fill(steadyLength)
	}
	for i := range bursts {
		if !d.bursts() {
			break
		}
		start := time.Duration(i)*burstPeriod + 100*time.Millisecond
		at = max(at, start)
		fill(start + burstLength)
	}
	s.end = at + 200*time.Millisecond
	if d.expiry && d.feat.has(Fragments) && d.in(6) {
		// Reassembly ends after 30 s, of IPv6 after 60.
		s.end = at + time.Duration(pick(d.dice, []int{36, 66}))*time.Second
	}
	return s
}

// bursts reports whether timers may expire while the case runs.
func (d *director) bursts() bool {
	if d.expiry {
		return true
	}
	for _, l := range d.lines {
		if strings.Contains(l, "schedule_icmp") || strings.Contains(l, "--sctp-service") {
			return true
		}
	}
	return false
}
