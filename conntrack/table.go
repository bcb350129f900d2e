package conntrack

import (
	"sync"
	"sync/atomic"
	"time"

	"goipvs/packet"
)

// Owner is told what happens to connections by time. Its methods are called
// with the connection's shard locked.
type Owner interface {
	// Unbind is called when a connection is about to go: its server forgets it.
	Unbind(s *Shard, c *Conn, why End)
	// PutOff is called when a connection's time is over, but it controls others:
	// it stays for another minute.
	PutOff(s *Shard, c *Conn)
}

// End says why a connection ends.
type End uint8

// The ways for a connection to end.
const (
	TimedOut  End = iota // its timer fired
	Deleted              // ended before its time
	PacketOut            // it was for one packet
)

// Config is what a Table is made from.
type Config struct {
	Shards int    // 0 or 1: one, which keeps the order of expiry exact; at most 32
	Seed   uint64 // of the hash: random where clients choose their addresses
	Owner  Owner
	Now    time.Duration

	// Newer says that the table is that of Linux 7.3: its size follows the
	// load, with which chains turn around, and a template that can't be used
	// is marked by its server port alone.
	Newer bool

	// Yield, if not nil, is called with nothing locked between the parts of what
	// takes long, so that a packet that waits for the lock gets it.
	Yield func()
}

// Table is a connection table. The methods of a Shard need its lock; those of
// the Table take what they need.
type Table struct {
	shards []Shard // for connections; with more than one, as many again for templates
	n      int     // shards for connections
	seed   uint64
	owner  Owner
	count  atomic.Int64

	// noCPort counts connections whose client's port isn't known yet, so that
	// lookups need not try port 0 for nothing.
	noCPort atomic.Int32

	newer  bool
	yield  func()
	sizing sizing

	// ports counts the connections and templates in the index by the client's
	// port; see HasClientPort.
	ports [1 << 16]atomic.Int32
}

// NewTable returns an empty table.
func NewTable(c Config) *Table {
	n := min(max(c.Shards, 1), maxShard/2)
	t := &Table{n: n, seed: c.Seed, owner: c.Owner, newer: c.Newer}
	if t.yield = c.Yield; t.yield == nil {
		t.yield = func() {}
	}
	t.sizing.init(c.Newer, c.Now)
	if n > 1 {
		t.shards = make([]Shard, 2*n)
	} else {
		t.shards = make([]Shard, 1)
	}
	for i := range t.shards {
		t.shards[i].init(t, i, c.Now)
	}
	return t
}

// Len returns the number of connections and templates.
func (t *Table) Len() int { return int(t.count.Load()) }

// HasClientPort reports whether there may be a connection whose client has this
// port. Where it is false Shard.Out finds nothing. It needs no lock, so that
// requests, which at LOCAL_IN are looked up as replies first, need not take that
// of their service's address: services' ports are seldom clients'.
func (t *Table) HasClientPort(port uint16) bool { return t.ports[port].Load() != 0 }

// Shard returns the shard of all connections of a client, unlocked.
func (t *Table) Shard(client *packet.Addr) *Shard {
	if t.n == 1 {
		return &t.shards[0]
	}
	return &t.shards[t.share(hashAddr(t.seed, client))]
}

// share spreads hashes over the shards.
func (t *Table) share(hash uint64) int { return int(hash >> 32 * uint64(t.n) >> 32) }

// TemplateShard returns the shard of the templates of a masked client. A
// goroutine that holds a connection's shard may lock it too, never the other
// way round; it may be the same shard (see Nested).
func (t *Table) TemplateShard(client *packet.Addr) *Shard {
	if t.n == 1 {
		return &t.shards[0]
	}
	return &t.shards[t.n+t.share(hashAddr(t.seed, client))]
}

// NumShards returns how many shards there are, for connections and templates.
func (t *Table) NumShards() int { return len(t.shards) }

// ShardAt returns the shard with a number, 0 to NumShards-1.
func (t *Table) ShardAt(n int) *Shard { return &t.shards[n] }

// LockAll locks everything: no packet is handled until UnlockAll.
func (t *Table) LockAll() {
	for i := range t.shards {
		t.shards[i].Lock()
	}
}

// UnlockAll undoes LockAll.
func (t *Table) UnlockAll() {
	for i := range t.shards {
		t.shards[i].Unlock()
	}
}

// Advance moves the table to now: timers that are due fire. With one shard they
// fire strictly in order; with more, in order within each shard.
func (t *Table) Advance(now time.Duration) {
	if t.newer {
		t.resize(now)
	}
	t.expireUntil(now)
}

func (t *Table) expireUntil(now time.Duration) {
	for i := range t.shards {
		s := &t.shards[i]
		for done := false; !done; {
			s.Lock()
			done = s.advance(uint64(now/Tick), endAtOnce)
			s.Unlock()
			if !done {
				t.yield()
			}
		}
	}
}

// endAtOnce is how many connections whose time is over are ended under a lock:
// packets come in between, so that they don't have to wait for all of it.
const endAtOnce = 64

// Each calls f for every connection and template, shard by shard with that
// shard locked, in order of age within the slab's reuse, until f returns false.
// The lock is let go now and then, so that packets don't wait for all of a
// shard.
func (t *Table) Each(f func(s *Shard, c *Conn) bool) { t.Batches(f, func() bool { return true }) }

// batch is how many places of a slab are looked at under a lock: some 0.03 ms.
const batch = 256

// Batches is Each for who has something to do that takes long: it calls between
// after each batch, with nothing locked, and ends when that returns false, too.
func (t *Table) Batches(f func(s *Shard, c *Conn) bool, between func() bool) {
	for i := range t.shards {
		s := &t.shards[i]
		for next := uint32(1); next != 0; {
			var ok bool
			s.Lock()
			next, ok = s.each(next, f)
			s.Unlock()
			if !between() || !ok {
				return
			}
			t.yield()
		}
	}
}

// shard returns the shard that a connection lies in.
func (t *Table) shard(r Ref) *Shard { return &t.shards[r>>refBits] }

// Nested is a second shard, locked beside one that is held already.
type Nested struct {
	*Shard
	same bool
}

// LockNested locks shard s beside held, which may be the same.
func LockNested(held, s *Shard) Nested {
	if s == held {
		return Nested{s, true}
	}
	s.Lock()
	return Nested{s, false}
}

// Unlock undoes LockNested.
func (n Nested) Unlock() {
	if !n.same {
		n.Shard.Unlock()
	}
}

// Shard is a part of the table with a lock, a slab, buckets and a timer wheel of
// its own.
type Shard struct {
	mu    sync.Mutex
	table *Table
	no    uint32
	slab  slab
	index index
	wheel wheel
	ext   []Ext // side table; [0] unused
	free  uint32

	places []uint32  // dropBucket's
	spared [9]uint32 // by littleUsed since the last one dropped, by number of requests
	_      [64]byte  // keeps the locks of two shards off one cache line
}

func (s *Shard) init(t *Table, no int, now time.Duration) {
	s.table, s.no = t, uint32(no)
	s.wheel.clk = uint64(now/Tick) + 1
	s.index.init()
	s.ext = make([]Ext, 1)
}

// Number returns the shard's number; see ShardAt.
func (s *Shard) Number() int { return int(s.no) }

// Lock locks the shard.
func (s *Shard) Lock() {
	if !s.mu.TryLock() {
		s.wait()
	}
}

// wait waits for the lock. Who has it gives it up in some 30 µs, which is about
// what it takes to fall asleep and be woken up; on a machine with other work that
// can be milliseconds.
func (s *Shard) wait() {
	const tries = 20_000 // of 2 ns
	for range tries {
		if s.mu.TryLock() {
			return
		}
	}
	s.mu.Lock()
}

// Unlock unlocks it.
func (s *Shard) Unlock() { s.mu.Unlock() }

func (s *Shard) at(i uint32) *Conn { return s.slab.at(i) }

// Lookup calls f with the connection that a Ref names, its shard locked, if there
// is one.
func (t *Table) Lookup(r Ref, f func(s *Shard, c *Conn)) {
	if r == 0 || int(r>>refBits) >= len(t.shards) {
		return
	}
	s := t.shard(r)
	s.Lock()
	if i := uint32(r & maxConns); i > 0 && i < s.slab.used {
		if c := s.at(i); c.self == r {
			f(s, c)
		}
	}
	s.Unlock()
}

// Get returns the connection of this shard that a Ref names.
func (s *Shard) Get(r Ref) *Conn { return s.slab.at(uint32(r & maxConns)) }

// Now returns the shard's time: while a timer fires, when it does.
func (s *Shard) Now() time.Duration { return time.Duration(s.now()) * Tick }

// now is the present tick: the wheel has run it already.
func (s *Shard) now() uint64 { return s.wheel.clk - 1 }

// advance moves the shard to a tick, but ends no more connections than so many.
// It reports whether it is there.
func (s *Shard) advance(tick uint64, most int) bool {
	for {
		if most = s.fire(most); s.wheel.left > 0 {
			return false
		}
		if s.wheel.clk > tick {
			return true
		}
		next, ok := s.wheel.next()
		if !ok || next > tick {
			s.wheel.clk = tick + 1
			return true
		}
		s.wheel.clk = next
		s.run()
	}
}

// each calls f for the connections of a batch of places. It returns where the
// next one begins, 0 at the end, and false if f did.
func (s *Shard) each(from uint32, f func(*Shard, *Conn) bool) (next uint32, ok bool) {
	end := min(from+batch, s.slab.used)
	for i := from; i < end; i++ {
		if c := s.at(i); c.self != 0 && !f(s, c) {
			return 0, false
		}
	}
	if end < s.slab.used {
		return end, true
	}
	return 0, true
}

// Age returns how long ago a connection was made, in whole seconds.
func (s *Shard) Age(c *Conn) time.Duration {
	return time.Duration(uint32(s.now()/uint64(HZ))-c.born) * time.Second
}

// Expires returns how long a connection has until its timer is due, 0 if it is
// late.
func (s *Shard) Expires(c *Conn) time.Duration {
	return max(0, time.Duration(int64(s.due(c)-s.now()))*Tick)
}
