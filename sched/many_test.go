package sched

import (
	"fmt"
	"testing"

	"goipvs/packet"
)

// BenchmarkMany loads services of which all have the same servers, deletes
// them, and loads others with other servers: what is done for one must not grow
// with their number.
func BenchmarkMany(b *testing.B) {
	const servers = 20
	for _, services := range []int{500, 5000} {
		b.Run(fmt.Sprintf("services=%d", services), func(b *testing.B) {
			for b.Loop() {
				t := NewTable()
				for round := range 2 {
					for i := range services {
						k := ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Port: 80, Addr: packet.Addr4(uint32(round<<16 | i + 1))}
						if _, err := t.AddService(ServiceConfig{ServiceKey: k, Scheduler: "rr"}); err != nil {
							b.Fatal(err)
						}
						for j := range servers {
							d := DestKey{Family: packet.IPv4, Addr: packet.Addr4(uint32(1<<24 | round<<16 | j + 1)), Port: 80}
							if err := t.AddDest(k, DestConfig{DestKey: d, Weight: 1}); err != nil {
								b.Fatal(err)
							}
						}
					}
					t.Flush()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(2*services*servers), "ns/server")
		})
	}
}
