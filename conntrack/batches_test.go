package conntrack

import (
	"testing"
	"time"
)

// TestBatches: a walk meets each connection once, holds a lock for a batch at
// most, and ends when it is told to.
func TestBatches(t *testing.T) {
	const n = 5000
	table := NewTable(Config{Shards: 2, Owner: new(counter)})
	for i := range n {
		k := numbered(i)
		s := table.Shard(&k.Client)
		s.Lock()
		s.Put(s.New(&New{Key: k}))
		s.Unlock()
	}
	seen, since, rounds := map[Ref]int{}, 0, 0
	table.Batches(func(_ *Shard, c *Conn) bool {
		seen[c.Ref()]++
		since++
		return true
	}, func() bool {
		if since > batch {
			t.Errorf("%d connections under a lock", since)
		}
		for i := range table.shards {
			if !table.shards[i].mu.TryLock() {
				t.Fatal("locked between batches")
			}
			table.shards[i].Unlock()
		}
		since = 0
		rounds++
		return true
	})
	if len(seen) != n || rounds < n/batch {
		t.Errorf("%d connections in %d rounds", len(seen), rounds)
	}
	for r, times := range seen {
		if times != 1 {
			t.Errorf("%v met %d times", r, times)
		}
	}
	rounds = 0
	table.Batches(func(*Shard, *Conn) bool { return true }, func() bool { rounds++; return rounds < 2 })
	if rounds != 2 {
		t.Errorf("%d rounds after the end", rounds)
	}
	met := 0
	table.Each(func(*Shard, *Conn) bool { met++; return met < 1500 })
	if met != 1500 {
		t.Errorf("%d connections after the end", met)
	}
}

// TestAge: a connection knows how old it is, packets or not.
func TestAge(t *testing.T) {
	table := NewTable(Config{Owner: new(counter), Now: 7 * time.Second})
	s := table.ShardAt(0)
	c := s.New(&New{Key: numbered(1)})
	c.Timeout = 900 * HZ
	s.Put(c)
	table.Advance(100 * time.Second)
	s.Put(c)
	table.Advance(130 * time.Second)
	if got := s.Age(c); got != 123*time.Second {
		t.Errorf("%v", got)
	}
}
