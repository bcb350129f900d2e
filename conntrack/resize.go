package conntrack

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// Sizes of the kernel's connection table, in buckets.
//
// Kernel: Kconfig, IP_VS_TAB_BITS as Debian sets it (6.1, 7.3);
// include/net/ip_vs.h, IP_VS_CONN_TAB_MIN_BITS (7.3).
const (
	minSize = 1 << 8
	maxBits = 12
	maxSize = 1 << maxBits
)

// defaultLoad is the load factor of a network namespace. The machine's first
// one has two less.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_default_load_factor (7.3).
const defaultLoad = -2

// MostConns is the most connections that conn_max may allow, and its default.
//
// Kernel: include/net/ip_vs.h, IP_VS_CONN_MAX (7.3).
const MostConns = 1 << 30

// shrinkEvery is how often a table that is larger than the smallest is looked
// at.
//
// Kernel: ip_vs_conn.c, conn_resize_work_handler (7.3).
const shrinkEvery = 2 * time.Second

// sizing is the size that the kernel's table would have. Ours grows by itself;
// what matters is the size in listings, and that with each change of it the
// chains turn around.
type sizing struct {
	most atomic.Int64 // connections that there may be
	grow atomic.Int64 // beyond so many connections the table grows
	due  atomic.Bool  // the table is to be looked at
	size atomic.Int32 // 0: not made yet
	load atomic.Int32 // the load factor that is wanted: 2^load connections a bucket

	mu     sync.Mutex    // taken before shards' locks: for what changes the size
	made   int           // the load factor that the table was made with
	look   time.Duration // when it is looked at next; 0: not of itself
	passed time.Duration
}

func (z *sizing) init(newer bool, now time.Duration) {
	z.passed = now
	z.most.Store(MostConns)
	z.grow.Store(math.MaxInt64)
	z.load.Store(defaultLoad)
	if !newer {
		z.size.Store(maxSize)
	}
}

// set gives the table a size.
//
// Kernel: ip_vs_core.c, ip_vs_rht_set_thresholds (7.3).
func (z *sizing) set(size int) {
	load := int(z.load.Load())
	z.made = load
	switch {
	case size >= maxSize:
		z.grow.Store(math.MaxInt64)
	case load <= 0:
		z.grow.Store(int64(size >> min(-load, maxBits)))
	default:
		z.grow.Store(int64(size) << load)
	}
	z.size.Store(int32(size))
}

// desired returns the size for n connections.
//
// Kernel: ip_vs_core.c, ip_vs_rht_desired_size (7.3).
func (z *sizing) desired(n int) int {
	want, load, size := 1, int(z.load.Load()), int(z.size.Load())
	if n > 1 {
		want = 1 << bits.Len(uint(n-1))
	}
	if load < 0 {
		want = min(want, maxSize>>-load) << -load
	} else {
		want = min(want>>load, maxSize)
	}
	switch {
	case load != z.made:
		return min(max(want, minSize), maxSize)
	case want > size:
		return want
	case want > size>>4:
		return size
	}
	return min(max(want<<1, minSize), maxSize)
}

// Allocate makes the kernel's table, if that is not done: the first service
// does. The caller has locked all.
//
// Kernel: ip_vs_ctl.c, ip_vs_add_service (7.3).
func (t *Table) Allocate() {
	if t.sizing.size.Load() == 0 {
		t.sizing.set(minSize)
	}
}

// Size returns the number of buckets that the kernel's table would have, as
// listings show it.
func (t *Table) Size() int { return int(t.sizing.size.Load()) }

// Load returns the load factor, the binary logarithm of connections a bucket.
func (t *Table) Load() int { return int(t.sizing.load.Load()) }

// SetLoad sets the load factor, -8 to 8. The table's size follows with the next
// Advance.
func (t *Table) SetLoad(load int) {
	t.sizing.load.Store(int32(load))
	t.sizing.due.Store(t.Size() > 0)
}

// MaxConns returns how many connections there may be.
func (t *Table) MaxConns() int { return int(t.sizing.most.Load()) }

// SetMaxConns sets how many there may be; those beyond stay.
func (t *Table) SetMaxConns(n int) { t.sizing.most.Store(int64(n)) }

// resize does what is due to the table's size until now. What expires before it
// is looked at is gone by then.
func (t *Table) resize(now time.Duration) {
	z := &t.sizing
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.due.Swap(false) {
		t.lookAt(z.passed)
	}
	for z.look != 0 && z.look <= now {
		t.expireUntil(z.look)
		t.lookAt(z.look)
	}
	z.passed = max(z.passed, now)
}

// lookAt gives the table another size if that is wanted, and turns its chains.
//
// Kernel: ip_vs_conn.c, conn_resize_work_handler (7.3).
func (t *Table) lookAt(now time.Duration) {
	z := &t.sizing
	if size := z.desired(t.Len()); size != t.Size() || t.Load() != z.made {
		z.set(size)
		for i := range t.shards {
			s := &t.shards[i]
			s.Lock()
			s.index.turnAround()
			s.Unlock()
		}
	}
	// The smallest can't shrink, and growth is noticed when it is due.
	z.look = 0
	if t.Size() > minSize {
		z.look = now + shrinkEvery
	}
}
