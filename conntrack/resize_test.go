package conntrack

import (
	"testing"
	"time"
)

func newNewer(shards int) (*Table, *recorder) {
	r := new(recorder)
	t := NewTable(Config{Shards: shards, Seed: 42, Owner: r, Newer: true})
	t.Allocate()
	return t, r
}

// grow makes connections until there are n.
func grow(t *Table, n int) {
	for i := t.Len(); i < n; i++ {
		k := numbered(i)
		s := t.Shard(&k.Client)
		s.Lock()
		c := s.New(&New{Key: k})
		c.Timeout = 1000 * HZ
		s.Put(c)
		s.Unlock()
	}
}

// TestSizes are those that Linux 7.3 shows, with so many connections or another
// load factor.
func TestSizes(t *testing.T) {
	table, _ := newNewer(4)
	now := time.Duration(0)
	for _, c := range []struct{ conns, load, want int }{
		{0, -2, 256}, {63, -2, 256}, {64, -2, 256}, {65, -2, 512}, {66, -2, 512}, {128, -2, 512}, {129, -2, 1024}, {130, -2, 1024},
		{257, -2, 2048}, {513, -2, 4096}, {1025, -2, 4096}, {1500, -2, 4096},
		{1501, -8, 4096}, {1501, -1, 4096}, {1501, 0, 2048}, {1501, 3, 256}, {1501, 8, 256}, {1501, -3, 4096},
	} {
		grow(table, c.conns)
		if table.Load() != c.load {
			table.SetLoad(c.load)
		}
		now += 10 * time.Millisecond
		table.Advance(now)
		if table.Size() != c.want {
			t.Errorf("%d connections, load factor %d: %d buckets, want %d", c.conns, c.load, table.Size(), c.want)
		}
	}
}

// A table that has become too large is found out within two seconds.
func TestShrinks(t *testing.T) {
	table, _ := newNewer(1)
	grow(table, 513)
	table.Advance(time.Second)
	table.Each(func(s *Shard, c *Conn) bool {
		c.Timeout = HZ
		s.Put(c)
		return true
	})
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{time.Second, 4096}, {2500 * time.Millisecond, 4096}, {5 * time.Second, 256}, {time.Hour, 256}} {
		table.Advance(c.at)
		if table.Size() != c.want {
			t.Errorf("at %v: %d buckets, want %d", c.at, table.Size(), c.want)
		}
	}
	if table.sizing.look != 0 {
		t.Error("the smallest table is looked at still")
	}
}

// Of connections that a reply fits equally the newest is found; with each new
// size the order of those that there are turns around.
func TestOutTies(t *testing.T) {
	for _, newer := range []bool{false, true} {
		r := new(recorder)
		table := NewTable(Config{Owner: r, Newer: newer})
		table.Allocate()
		s := &table.shards[0]
		now, ties := time.Duration(0), uint32(0)
		tie := func() {
			ties++
			c := s.New(&New{Key: Key{Client: addrs4[0], CPort: 9, Virtual: addrs4[1], VPort: uint16(ties)}, Dest: addrs4[2], DPort: 7, DestID: ties})
			c.Timeout = 1000 * HZ
			s.Put(c)
		}
		for i, step := range []struct {
			do        func()
			old, want uint32
		}{
			{func() { tie(); tie(); tie() }, 3, 3},
			{func() { grow(table, 64) }, 3, 3},
			{func() { grow(table, 65) }, 3, 1},
			{tie, 4, 4},
			{func() { grow(table, 129) }, 4, 3},
			{tie, 5, 5},
			{func() { table.SetLoad(-1) }, 5, 4},
		} {
			step.do()
			now += 10 * time.Millisecond
			table.Advance(now)
			want := step.old
			if newer {
				want = step.want
			}
			c := s.Out(&Key{Client: addrs4[2], CPort: 7, Virtual: addrs4[0], VPort: 9})
			if c == nil || c.DestID != want {
				t.Errorf("newer %v, step %d: found %v, want number %d", newer, i, c, want)
			}
		}
	}
}

// A template that can't be used keeps its virtual port and isn't found, nor is
// one of a server with port 65535; one of a persistence engine is.
func TestInvalidateNewer(t *testing.T) {
	for _, c := range []struct {
		name       string
		pe         string
		dport      uint16
		invalidate bool
		found      bool
	}{
		{"usable", "", 80, false, true},
		{"invalid", "", 80, true, false},
		{"server of that port", "", 65535, false, false},
		{"engine", "sip", 80, false, true},
		{"engine, invalid", "sip", 80, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, _ := newNewer(1)
			s := &table.shards[0]
			k := Key{Client: addrs4[0], Virtual: addrs4[2], VPort: 80, PE: c.pe}
			if c.pe != "" {
				k.PEData = []byte("call")
			}
			ct := s.New(&New{Key: k, DPort: c.dport, Flags: Template})
			s.Put(ct)
			if c.invalidate {
				s.Invalidate(ct)
				if ct.DPort != 65535 {
					t.Errorf("server port %d", ct.DPort)
				}
			}
			if ct.VPort != 80 {
				t.Errorf("virtual port %d", ct.VPort)
			}
			if got := s.Template(&k) != nil; got != c.found {
				t.Errorf("found %v, want %v", got, c.found)
			}
		})
	}
}

func TestMaxConns(t *testing.T) {
	table, _ := newNewer(1)
	s := &table.shards[0]
	table.SetMaxConns(2)
	for i := range 3 {
		if c := s.New(&New{Key: numbered(i)}); (c != nil) != (i < 2) {
			t.Errorf("number %d: %v", i+1, c)
		}
	}
	table.SetMaxConns(table.MaxConns() + 1)
	if s.New(&New{Key: numbered(9)}) == nil {
		t.Error("no room for one more")
	}
}
