package host

import (
	"testing"
	"time"
)

type discardSink struct{}

func (discardSink) Frame(string, []byte) {}
func (discardSink) Local([]byte)         {}

func BenchmarkReceive(b *testing.B) {
	for name, d := range map[string][]byte{
		"local":     udp4("198.51.100.1", "203.0.113.10", 1000),
		"forward":   udp4("198.51.100.1", "10.1.0.11", 1000),
		"forward6":  udp6("2001:db8:c::1", "2001:db8:1::b", 1000),
		"unrouted6": udp6("2001:db8:c::1", "::1", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(&testing.T{})
			w.h.sink = discardSink{}
			typ := []byte{8, 0}
			if d[0]>>4 == 6 {
				typ = []byte{0x86, 0xdd}
			}
			f := append(append(append(mac0[:], gateway[:]...), typ...), d...)
			b.ReportAllocs()
			b.SetBytes(int64(len(f)))
			now := time.Second
			for b.Loop() {
				now += time.Microsecond
				if err := w.h.Receive("eth0", f, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
