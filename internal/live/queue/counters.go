package queue

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// BatchBounds are the upper bounds of Counters.Batches, in packets.
var BatchBounds = [...]int{1, 2, 4, 8, 16, 32, 64}

// TookBounds are the upper bounds of Counters.Took; what took longer counts in
// one more.
var TookBounds = [...]time.Duration{
	5 * time.Microsecond, 10 * time.Microsecond, 20 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
}

// Counters tell how a queue is served: in batches of which size, and how long
// these took from their receipt until the verdicts were given. The queue
// counts, a few nanoseconds for each batch; anybody may read. The pointer nil
// counts nothing.
type Counters struct {
	Packets atomic.Uint64
	Batches [len(BatchBounds)]atomic.Uint64    // by their size
	Took    [len(TookBounds) + 1]atomic.Uint64 // by their time
	Nanos   atomic.Uint64                      // sum of their times
}

// batch counts a batch of n packets.
func (c *Counters) batch(n int, took time.Duration) {
	if c == nil || n == 0 {
		return
	}
	c.Packets.Add(uint64(n))
	c.Batches[min(bits.Len(uint(n-1)), len(c.Batches)-1)].Add(1)
	i := 0
	for i < len(TookBounds) && took > TookBounds[i] {
		i++
	}
	c.Took[i].Add(1)
	c.Nanos.Add(uint64(took))
}
