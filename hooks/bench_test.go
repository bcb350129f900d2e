package hooks

import (
	"encoding/binary"
	"fmt"
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/xmit"
)

// BenchmarkExisting is a packet of an established connection: look-up, state,
// counters, rewriting and sending.
func BenchmarkExisting(b *testing.B) {
	for _, m := range []struct{ name, port, method string }{
		{"NAT", "|8080", ""}, {"DR", "|80", " -g"}, {"IPIP", "|80", " -i"}, {"GUE", "|80", " -i gue"},
	} {
		for _, v := range []struct {
			name, vip, server string
			client            packettest.IP
		}{{"v4", vip4, rs4, from(1)}, {"v6", vip6, rs6, from6(1)}} {
			b.Run(m.name+"/"+v.name, func(b *testing.B) {
				w := benchWorld(b, v.vip, v.server+m.port+m.method)
				w.in(v.client.TCP(1024, 80, syn, nil))
				benchmark(b, w, LocalIn, v.client.TCP(1024, 80, ack, nil), xmit.Stolen)
			})
		}
	}
	for _, v := range []struct {
		name, vip, server string
		client, reply     packettest.IP
	}{
		{"v4", vip4, rs4, from(1), packettest.IP{Src: rs4, Dst: client4}},
		{"v6", vip6, rs6, from6(1), packettest.IP{Src: rs6, Dst: client6}},
	} {
		b.Run("Reply/"+v.name, func(b *testing.B) {
			w := benchWorld(b, v.vip, v.server)
			w.in(v.client.TCP(1024, 80, syn, nil))
			benchmark(b, w, Forward, v.reply.TCP(8080, 1024, ack, nil), xmit.Accept)
		})
	}
}

// BenchmarkPassing is a packet of no connection and no service.
func BenchmarkPassing(b *testing.B) {
	for _, pt := range []Point{LocalIn, Forward} {
		b.Run(pt.String(), func(b *testing.B) {
			w := benchWorld(b, vip4, rs4)
			benchmark(b, w, pt, from(1).UDP(1024, 5353, nil), xmit.Accept)
		})
	}
}

func benchWorld(b *testing.B, vip string, servers ...string) *world {
	w := newWorld(b)
	w.stack.Drop = true
	svc{vip: vip}.add(w, servers...)
	return w
}

func benchmark(b *testing.B, w *world, pt Point, tmpl []byte, want xmit.Verdict) {
	benchmarkVaried(b, w, pt, tmpl, want, func(int, []byte) {})
}

// benchmarkVaried sends copies of a packet through a hook; vary changes the i-th.
func benchmarkVaried(b *testing.B, w *world, pt Point, tmpl []byte, want xmit.Verdict, vary func(i int, p []byte)) {
	buf := append(make([]byte, packet.Headroom), tmpl...)
	rt := &packet.Route{Family: packet.Family(tmpl[0] >> 4), Local: pt == LocalIn, Input: true, MTU: 1500}
	var p packet.Packet
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		copy(buf[packet.Headroom:], tmpl)
		vary(i, buf[packet.Headroom:])
		p.Set(rt.Family, buf, packet.Headroom)
		p.InIf, p.Route = 1, rt
		if v := w.Hook(pt, &p); v != want {
			b.Fatal(v)
		}
	}
}

// client writes the i-th of many clients into a packet, in no order that a cache
// could follow.
func client(i int, p []byte) {
	x := uint32(i) * 2654435761
	binary.BigEndian.PutUint32(p[12:], 0x0b000000|x>>8)
	binary.BigEndian.PutUint16(p[20:], uint16(1024+x&0xff))
}

// BenchmarkTable is the same as BenchmarkExisting with many connections, each
// packet of another one, and the making of connections.
func BenchmarkTable(b *testing.B) {
	for _, n := range []int{1 << 10, 1 << 20} {
		w := benchWorld(b, vip4, rs4, "10.1.0.12")
		first := from(1).TCP(1024, 80, syn, nil)
		for i := range n {
			client(i, first)
			w.Hook(LocalIn, packettest.Arrived(first, true))
		}
		b.Run(fmt.Sprintf("Existing/conns=%d", n), func(b *testing.B) {
			benchmarkVaried(b, w, LocalIn, from(1).TCP(1024, 80, ack, nil), xmit.Stolen, func(i int, p []byte) { client(i&(n-1), p) })
		})
		b.Run(fmt.Sprintf("New/conns=%d", n), func(b *testing.B) {
			at := n
			benchmarkVaried(b, w, LocalIn, first, xmit.Stolen, func(_ int, p []byte) { at++; client(at, p) })
		})
	}
}
