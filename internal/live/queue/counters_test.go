package queue

import (
	"testing"
	"time"
)

func TestCounters(t *testing.T) {
	for _, c := range []struct {
		n           int
		took        time.Duration
		batch, time int
	}{
		{1, time.Microsecond, 0, 0},
		{2, 5 * time.Microsecond, 1, 0},
		{3, 5*time.Microsecond + 1, 2, 1},
		{4, time.Millisecond, 2, 7},
		{33, 100 * time.Millisecond, 6, 11},
		{64, time.Second, 6, 12},
	} {
		var k Counters
		k.batch(c.n, c.took)
		if k.Packets.Load() != uint64(c.n) || k.Batches[c.batch].Load() != 1 || k.Took[c.time].Load() != 1 || k.Nanos.Load() != uint64(c.took) {
			t.Errorf("%d packets in %v: %d in batches of %v, %v", c.n, c.took, k.Packets.Load(), &k.Batches, &k.Took)
		}
	}
	var none *Counters
	none.batch(1, 1)
	if n := testing.AllocsPerRun(100, func() { none.batch(1, 1); new(Counters).batch(0, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCounters(b *testing.B) {
	var k Counters
	b.ReportAllocs()
	for b.Loop() {
		k.batch(8, 20*time.Microsecond)
	}
}
