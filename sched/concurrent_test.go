package sched

import (
	"sync"
	"testing"
	"time"

	"goipvs/packet"
)

// TestConcurrent does at once what may be done at once: the race detector
// judges, and no connection may get lost.
func TestConcurrent(t *testing.T) {
	for _, name := range Schedulers() {
		t.Run(name, func(t *testing.T) {
			s := newService(t, name, Sched1, 3, 2, 1)
			edit(t, s, DestConfig{DestKey: server(1), Weight: 3, Upper: 5, Lower: 2})
			var wg sync.WaitGroup
			for g := range 4 {
				l := s.table.NewLedger()
				wg.Go(func() {
					for i := range 500 {
						r := Request{Protocol: packet.ProtoTCP, Src: packet.Addr4(uint32(i * g)), Dst: packet.Addr4(uint32(i % 50)), Now: time.Duration(i)}
						s.table.Find(packet.IPv4, 0, packet.ProtoTCP, testSvc.Addr, 80)
						d := s.Schedule(&r)
						if d == nil {
							continue
						}
						d.Bind(false, true)
						d.SetActive(true)
						l.In(d, 40)
						l.Fold()
						d.Unbind(false, false)
					}
				})
			}
			wg.Go(func() {
				for range 50 {
					s.table.Estimate()
					s.table.Total.Read()
					s.Zero()
				}
			})
			wg.Wait()
			held := int32(0)
			for d := s.First(); d != nil; d = s.Next(d) {
				if d.Active.Load() != 0 || d.Total.Load() != 0 || d.Overloaded() {
					t.Errorf("%v: %d active of %d, overloaded %v", d, d.Active.Load(), d.Total.Load(), d.Overloaded())
				}
				held += d.refs.Load()
			}
			if err := s.table.DelService(testSvc); err != nil {
				t.Fatal(err)
			}
			s.table.Trash(func(d *Dest) {
				if d.refs.Load() != 0 {
					t.Errorf("%v is held %d times (all were %d)", d, d.refs.Load(), held)
				}
			})
		})
	}
}
