package conntrack

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWheel compares the order in which timers fire with the model's, with many
// timers that meet in the same ticks on different levels.
func TestWheel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine()
		start := rapid.SampledFrom([]uint64{1, 60, 1 << 12, 1<<32 - 3}).Draw(t, "start")
		m.table.Advance(ticks(start))
		m.model.advance(start)
		for range rapid.IntRange(2, 30).Draw(t, "timers") {
			m.add(New{Key: Key{CPort: uint16(m.label)}})
		}
		// Timers of several levels are to be due in the same tick.
		unit := rapid.SampledFrom([]uint64{64, 4096, 1 << 15, 1 << 24, 1 << 27}).Draw(t, "unit")
		target := func() uint64 { return (m.model.now()/unit + 1) * unit }
		before := rapid.Custom(func(t *rapid.T) uint64 {
			return min(rapid.SampledFrom([]uint64{1, 1, 2, 7, 8, 9, 64, 65, 500, 4096}).Draw(t, "before"), target()-m.model.now())
		})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				by := target() - m.model.now() - before.Draw(t, "advance")
				m.table.Advance(ticks(m.model.now() + by))
				m.model.advance(m.model.now() + by)
			case 1:
				if len(m.model.conns) > 0 {
					m.expireNow(t)
				}
			default:
				if len(m.model.conns) > 0 {
					e := m.draw(t, whichever)
					e.timeout = uint32(target() - m.model.now() - before.Draw(t, "timeout"))
					m.conn(e).Timeout = e.timeout
					m.shard.Put(m.conn(e))
					m.model.put(e)
				}
			}
			m.check(t)
		}
		m.table.Advance(ticks(m.model.now() + 1<<22))
		m.model.advance(m.model.now() + 1<<22)
		m.check(t)
	})
}

// TestLateness states the bound without a model: a timer never fires early, and
// late by no more than the granule of its delay.
func TestLateness(t *testing.T) {
	for _, c := range []struct{ timeout, granule time.Duration }{
		{4 * time.Millisecond, 4 * time.Millisecond},
		{248 * time.Millisecond, 4 * time.Millisecond},
		{time.Second, 32 * time.Millisecond},
		{3 * time.Second, 256 * time.Millisecond},
		{10 * time.Second, 256 * time.Millisecond},
		{60 * time.Second, 2048 * time.Millisecond},
		{120 * time.Second, 2048 * time.Millisecond},
		{300 * time.Second, 16384 * time.Millisecond},
		{900 * time.Second, 16384 * time.Millisecond},
		{7200 * time.Second, 131072 * time.Millisecond},
		{86400 * time.Second, 1 << 20 * 8 * time.Millisecond},
		{7 * 86400 * time.Second, 1 << 24 * 4 * time.Millisecond},
	} {
		t.Run(c.timeout.String(), func(t *testing.T) {
			worst := time.Duration(0)
			for start := uint64(1); start < 1<<22; start = start*3 + 1 {
				table, rec := newTestTable(1)
				table.Advance(ticks(start))
				conn := table.shards[0].New(&New{})
				conn.Timeout = Ticks(c.timeout)
				table.shards[0].Put(conn)
				end := ticks(start) + c.timeout
				table.Advance(end)
				if len(rec.gone) > 0 {
					t.Fatalf("from tick %d: fired early or on time", start)
				}
				late := time.Duration(0)
				for len(rec.gone) == 0 && late <= c.granule {
					late += max(Tick, c.granule/64)
					table.Advance(end + late)
				}
				if worst = max(worst, late); late > c.granule {
					t.Fatalf("from tick %d: later than %v", start, c.granule)
				}
			}
			if worst < c.granule/2 {
				t.Errorf("never later than %v: is the granule really %v?", worst, c.granule)
			}
		})
	}
}

// How far the clock goes in one step makes no difference, nor how many
// connections end before the lock is given up for a moment.
func TestAdvanceInSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timeouts := rapid.SliceOfN(rapid.Uint32Range(0, 40000), 1, 20).Draw(t, "timeouts")
		steps := rapid.SliceOfN(rapid.Uint64Range(0, 5000), 1, 20).Draw(t, "steps")
		end := uint64(0)
		for _, s := range steps {
			end += s
		}
		run := func(steps []uint64, atOnce int) []int {
			table, rec := newTestTable(1)
			for i, n := range timeouts {
				c := table.shards[0].New(&New{DestID: uint32(i)})
				c.Timeout = n
				table.shards[0].Put(c)
			}
			now := uint64(0)
			for _, s := range steps {
				now += s
				for !table.shards[0].advance(now, atOnce) {
				}
			}
			return rec.gone
		}
		atOnce := rapid.IntRange(1, 5).Draw(t, "atOnce")
		if a, b := run(steps, endAtOnce), run([]uint64{end}, atOnce); !slices.Equal(a, b) {
			t.Fatalf("in steps %v, at once %v", a, b)
		}
	})
}

// The 32 bits in which a connection keeps its time go round every 200 days.
func TestWheelGoesRound(t *testing.T) {
	table, rec := newTestTable(1)
	table.Advance(ticks(1<<32 - 100))
	c := table.shards[0].New(&New{DestID: 1})
	c.Timeout = 200
	table.shards[0].Put(c)
	if got := table.shards[0].Expires(c); got != ticks(200) {
		t.Errorf("expires in %v", got)
	}
	table.Advance(ticks(1<<32 + 100))
	if len(rec.gone) != 0 {
		t.Fatal("fired early")
	}
	table.Advance(ticks(1<<32 + 110))
	if len(rec.gone) != 1 {
		t.Error("didn't fire")
	}
}

// A packet that comes while connections end keeps its connection, though its time
// is over, and finds those that are gone no more.
func TestPutBetween(t *testing.T) {
	table, rec := newTestTable(1)
	s := &table.shards[0]
	for i := range 10 {
		k := numbered(i)
		c := s.New(&New{Key: k, DestID: uint32(i)})
		c.Timeout = 10
		s.Put(c)
	}
	if s.advance(20, 4) {
		t.Fatal("all at once")
	}
	if want := []int{9, 8, 7, 6}; !slices.Equal(rec.gone, want) {
		t.Fatalf("gone are %v, want %v", rec.gone, want)
	}
	for _, i := range []int{5, 3, 0} { // the first that fires, one between, the last
		k := numbered(i)
		s.Put(s.In(&k))
	}
	k := numbered(7)
	if s.In(&k) != nil {
		t.Error("7 is found")
	}
	for !s.advance(20, 1) {
	}
	if want := []int{9, 8, 7, 6, 4, 2, 1}; !slices.Equal(rec.gone, want) {
		t.Errorf("gone are %v, want %v", rec.gone, want)
	}
	table.Advance(ticks(40))
	if table.Len() != 0 {
		t.Errorf("%d are left", table.Len())
	}
}
