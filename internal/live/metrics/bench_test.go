package metrics

import (
	"testing"

	"goipvs/packet"
	"goipvs/sched"
)

// While services are added to a snapshot no packet is handled.
func BenchmarkAddServices(b *testing.B) {
	table := sched.NewTable()
	key := sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: packet.Addr{203, 0, 113, 10}, Port: 80}
	if _, err := table.AddService(sched.ServiceConfig{ServiceKey: key, Scheduler: "rr"}); err != nil {
		b.Fatal(err)
	}
	for i := range MaxServers {
		d := sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv4, Addr: packet.Addr{10, 1, byte(i >> 8), byte(i)}, Port: 80}}
		if err := table.AddDest(key, d); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		var s Snapshot
		s.AddServices(table)
	}
}
