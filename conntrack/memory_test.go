package conntrack

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"
)

// A connection takes at most so many octets, with its share of the index and
// the allocator's overhead.
const maxOctets = 128

func TestMemory(t *testing.T) {
	const n = 1 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := NewTable(Config{Owner: new(counter)})
	s := &table.shards[0]
	for i := range n {
		c := s.New(&New{Key: numbered(i)})
		c.Timeout = 900 * HZ
		s.Put(c)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(table)
	if table.Len() != n {
		t.Fatalf("%d connections", table.Len())
	}
	each := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.1f octets a connection, %d of them Conn", each, unsafe.Sizeof(Conn{}))
	if each > maxOctets {
		t.Errorf("%.1f octets a connection, more than %d", each, maxOctets)
	}
	if objects := after.HeapObjects - before.HeapObjects; objects > n/500 {
		t.Errorf("%d objects for the collector to mark", objects)
	}
}

// The table's working takes no memory once it has its size.
func TestNoAllocations(t *testing.T) {
	table := NewTable(Config{Owner: new(counter)})
	s := &table.shards[0]
	for i := range 10000 {
		s.Put(s.New(&New{Key: numbered(i)}))
	}
	k, reply := numbered(5), numbered(5)
	reply.Client, reply.CPort, reply.Virtual, reply.VPort = s.In(&k).Dest, 0, k.Client, k.CPort
	now := time.Duration(0)
	if n := testing.AllocsPerRun(100, func() {
		c := s.In(&k)
		if c == nil || s.Out(&reply) == nil || s.Template(&k) != nil {
			t.Fatal("not found")
		}
		c.Timeout = 10 * HZ
		s.Put(c)
		n := s.New(&New{Key: reply})
		s.Put(n)
		s.Delete(n)
		now += Tick
		table.Advance(now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkGC is a collection with a table of that size: it must not grow with
// it.
func BenchmarkGC(b *testing.B) {
	for _, n := range []int{0, 1 << 16, 1 << 20} {
		b.Run(fmt.Sprintf("conns=%d", n), func(b *testing.B) {
			table := NewTable(Config{Owner: new(counter)})
			s := &table.shards[0]
			for i := range n {
				s.Put(s.New(&New{Key: numbered(i)}))
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for b.Loop() {
				runtime.GC()
			}
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(table)
			b.ReportMetric(float64(after.PauseTotalNs-before.PauseTotalNs)/float64(after.NumGC-before.NumGC), "ns-pause/op")
		})
	}
}

// BenchmarkTable is what the table does for a packet, by its size.
func BenchmarkTable(b *testing.B) {
	for _, n := range []int{1 << 10, 1 << 20} {
		table := NewTable(Config{Owner: new(counter)})
		s := &table.shards[0]
		for i := range n {
			s.Put(s.New(&New{Key: numbered(i)}))
		}
		b.Run(fmt.Sprintf("InPut/conns=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i += 7919 {
				k := numbered(i & (n - 1))
				s.Put(s.In(&k))
			}
		})
		b.Run(fmt.Sprintf("Miss/conns=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i += 7919 {
				k := numbered(i & (n - 1))
				k.VPort = 81
				if s.In(&k) != nil {
					b.Fatal("found")
				}
			}
		})
		b.Run(fmt.Sprintf("NewDelete/conns=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := n; b.Loop(); i += 7919 {
				c := s.New(&New{Key: numbered(i)})
				s.Put(c)
				s.Delete(c)
			}
		})
	}
}
