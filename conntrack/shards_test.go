package conntrack

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"goipvs/packet"
)

// counter is an Owner for tables that are used concurrently.
type counter struct{ gone atomic.Int64 }

func (c *counter) Unbind(_ *Shard, _ *Conn, _ End) { c.gone.Add(1) }

func (*counter) PutOff(*Shard, *Conn) {}

// A client's connections are in one shard, whatever the port; templates are in
// others, so that both can be locked at once.
//
// Features: C1.
func TestShardsByClient(t *testing.T) {
	table, _ := newTestTable(8)
	used := map[*Shard]int{}
	for i := range 1000 {
		a := packet.Addr4(uint32(i) << 8)
		s, ts := table.Shard(&a), table.TemplateShard(&a)
		if s == ts || s != table.Shard(&a) {
			t.Fatal("templates beside connections")
		}
		used[s]++
		used[ts]++
	}
	if len(used) != 16 {
		t.Errorf("%d shards in use, want 8 and 8", len(used))
	}
	for s, n := range used {
		if n < 50 || n > 250 {
			t.Errorf("shard %d has %d of 1000 clients", s.no, n)
		}
	}
	if one, _ := newTestTable(1); one.Shard(&addrs4[0]) != one.TemplateShard(&addrs4[1]) {
		t.Error("one shard is several")
	}
	if most, _ := newTestTable(1000); len(most.shards) != maxShard {
		t.Errorf("%d shards", len(most.shards))
	}
}

// Goroutines make, find, hold and end persistent connections of clients that
// share shards and templates, while the clock runs and everything is listed.
func TestShardsConcurrently(t *testing.T) {
	const workers, clients, rounds = 4, 8, 300
	owner := new(counter)
	table := NewTable(Config{Shards: 4, Seed: 1, Owner: owner})
	m := Machines{Timeouts: DefaultTimeouts()}
	var made atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				k := Key{
					Family: packet.IPv4, Protocol: packet.ProtoTCP,
					Client: packet.Addr4(0x0a000000 + uint32(i%clients)), CPort: uint16(1 + w*rounds + i),
					Virtual: addrs4[2], VPort: 80,
				}
				made.Add(persistent(table, &m, &k, i%3 == 0))
			}
		})
	}
	stop := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		now := time.Duration(0)
		for {
			select {
			case <-stop:
				return
			default:
			}
			now += 100 * time.Millisecond
			table.Advance(now)
			table.Each(func(s *Shard, c *Conn) bool { return s.Expires(c) >= 0 && c.StateName() != "" })
			table.LockAll()
			table.UnlockAll()
		}
	})
	wg.Wait()
	close(stop)
	clock.Wait()
	for now := 100 * time.Hour; table.Len() > 0; now += time.Hour {
		if now > 200*time.Hour {
			t.Fatalf("%d left", table.Len())
		}
		table.Advance(now)
	}
	if owner.gone.Load() != made.Load() {
		t.Errorf("%d made, %d ended", made.Load(), owner.gone.Load())
	}
}

// persistent makes a connection with its template, sends segments through it
// and, if it is to, deletes it. It returns how many it made.
func persistent(table *Table, m *Machines, k *Key, drop bool) (made int64) {
	s := table.Shard(&k.Client)
	s.Lock()
	defer s.Unlock()
	tk := *k
	tk.Client, tk.CPort = k.Client.Mask(packet.IPv4, 0xfffffffc), 0
	ts := LockNested(s, table.TemplateShard(&tk.Client))
	ct := ts.Template(&tk)
	if ct == nil {
		ct = ts.New(&New{Key: tk, Flags: Template})
		made++
	}
	c := s.New(&New{Key: *k, DestID: 1, Flags: Inactive})
	made++
	s.AddControl(c, ct)
	ts.Put(ct)
	ts.Unlock()
	for _, flags := range []string{"syn", "ack", "fin"} {
		if s.In(k) != c {
			panic("not found")
		}
		m.Transition(s, c, packet.ProtoTCP, Input, segment(packet.ProtoTCP, flags))
		s.Controller(c, func(ct *Conn) { ct.InPkts++ })
		s.Put(c)
	}
	if drop {
		s.Delete(c)
	}
	return made
}

// With several shards connections end in order within each.
func TestShardsAdvance(t *testing.T) {
	table, rec := newTestTable(4)
	for i := range 400 {
		k := numbered(i * 50000)
		s := table.Shard(&k.Client)
		s.Lock()
		c := s.New(&New{Key: k, DestID: uint32(i)})
		c.Timeout = uint32(i) * HZ
		s.Put(c)
		s.Unlock()
	}
	for sec := range 440 {
		table.Advance(time.Duration(sec) * time.Second)
		if n := len(rec.gone); n > sec || n < sec*9/10-18 {
			t.Fatalf("after %d s %d are gone", sec, n)
		}
	}
}
