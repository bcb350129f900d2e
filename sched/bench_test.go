package sched

import (
	"fmt"
	"testing"

	"goipvs/packet"
)

// BenchmarkSchedule chooses among ten servers of different weights, for
// different clients.
func BenchmarkSchedule(b *testing.B) {
	for _, name := range Schedulers() {
		b.Run(name, func(b *testing.B) {
			s := newService(b, name, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
			r := Request{Protocol: packet.ProtoTCP, Dst: s.Addr, DstPort: 80}
			b.ReportAllocs()
			for i := uint32(0); b.Loop(); i++ {
				r.Src = packet.Addr4(i)
				if s.Schedule(&r) == nil {
					b.Fatal("no server")
				}
			}
		})
	}
}

// BenchmarkFind looks up one of n services.
func BenchmarkFind(b *testing.B) {
	for _, n := range []uint32{1, 1000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tab := NewTable()
			for i := range n {
				addService(b, tab, ServiceConfig{ServiceKey: ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: packet.Addr4(i), Port: 80}, Scheduler: "rr"})
			}
			b.ReportAllocs()
			for i := uint32(0); b.Loop(); i++ {
				if tab.Find(packet.IPv4, 0, packet.ProtoTCP, packet.Addr4(i%n), 80) == nil {
					b.Fatal("no service")
				}
			}
		})
	}
}

func BenchmarkBind(b *testing.B) {
	d := newService(b, "rr", 0, 1).First()
	b.ReportAllocs()
	for b.Loop() {
		d.Bind(false, false)
		d.Unbind(false, true)
	}
}

// BenchmarkMHAddDest deals out mh's places for a hundred servers.
func BenchmarkMHAddDest(b *testing.B) {
	s := newService(b, "mh", 0)
	for i := range 100 {
		add(b, s, DestConfig{DestKey: server(i + 1), Weight: 1})
	}
	b.ReportAllocs()
	for b.Loop() {
		s.sched.UpdateDest(s, s.First())
	}
}

// What lies on a packet's way doesn't allocate.
func TestNoAllocations(t *testing.T) {
	check := func(name string, f func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for _, name := range Schedulers() {
		s := newService(t, name, Sched1|Sched2, 1, 2, 3)
		i, l := uint32(0), s.table.NewLedger()
		check(name, func() {
			i++
			// Not kept by the caller: it must not move to the heap.
			r := Request{Protocol: packet.ProtoTCP, Src: packet.Addr4(i), SrcPort: uint16(i), Dst: s.Addr}
			d := s.Schedule(&r)
			d.Bind(false, false)
			d.SetActive(false)
			d.Unbind(false, true)
			l.Conn(d, s)
			l.In(d, 40)
		})
	}
	s, real := newService(t, "rr", 0, 1), server(1)
	check("Find and others", func() {
		s.table.Find(packet.IPv4, 1, packet.ProtoTCP, testSvc.Addr, 1234)
		s.table.RealService(packet.IPv4, packet.ProtoTCP, real.Addr, 80)
		s.table.TunnelTo(packet.IPv4, real.Addr, 0)
		s.table.Dest(1)
	})
}
