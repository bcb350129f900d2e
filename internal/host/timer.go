package host

import "time"

// Timers that are due further away share a tick, and of those that fire together
// the last one set comes first.
//
// Kernel: kernel/time/timer.c, LVL_GRAN (6.1, HZ 250): 8 jiffies for a second,
// 512 for half a minute and a minute.
const (
	jiffy       = time.Second / 250
	retransTick = 8 * jiffy
	fragTick    = 512 * jiffy
)

// fires is when a timer that is set to a time fires.
//
// Kernel: kernel/time/timer.c, calc_index (6.1).
func fires(at, tick time.Duration) time.Duration { return (at/tick + 1) * tick }
