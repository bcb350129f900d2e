package hooks

import (
	"encoding/binary"
	"fmt"
	"testing"

	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// BenchmarkExisting is a packet of an established connection: look-up, state,
// counters, rewriting and sending. It must not allocate.
func BenchmarkExisting(b *testing.B) {
	for _, m := range []struct {
		name string
		fwd  sched.Forward
	}{{"NAT", sched.Masq}, {"DR", sched.DRoute}, {"IPIP", sched.Tunnel}} {
		for _, v := range []struct{ name, client, vip, server string }{
			{"v4", "198.51.100.1", "203.0.113.10", "10.1.0.11"},
			{"v6", "2001:db8:c::1", "2001:db8:f::10", "2001:db8:1::b"},
		} {
			b.Run(m.name+"/"+v.name, func(b *testing.B) {
				st := newStack(v.vip)
				st.keep = false
				d := New(Config{Stack: st})
				web(d, v.vip, "rr", m.fwd, v.server)
				request(d, datagram(packet.ProtoTCP, v.client, v.vip, 1024, 80, 0x02, 0))
				tmpl := datagram(packet.ProtoTCP, v.client, v.vip, 1024, 80, 0x10, 0)
				benchmarkIn(b, d, func(int, []byte) {}, tmpl)
			})
		}
	}
	b.Run("Reply/v4", func(b *testing.B) {
		st := newStack("203.0.113.10")
		d := New(Config{Stack: st})
		web(d, "203.0.113.10", "rr", sched.Masq, "10.1.0.11")
		request(d, datagram(packet.ProtoTCP, "198.51.100.1", "203.0.113.10", 1024, 80, 0x02, 0))
		tmpl := datagram(packet.ProtoTCP, "10.1.0.11", "198.51.100.1", 80, 1024, 0x10, 0)
		buf := append(make([]byte, packet.Headroom), tmpl...)
		rt := &packet.Route{Family: packet.IPv4, Input: true, MTU: 1500}
		var p packet.Packet
		b.ReportAllocs()
		for b.Loop() {
			copy(buf[packet.Headroom:], tmpl)
			p.Set(packet.IPv4, buf, packet.Headroom)
			p.InIf, p.Route = 2, rt
			if d.Hook(Forward, &p) != xmit.Accept || !p.Ours {
				b.Fatal("reply not handled")
			}
		}
	})
}

func request(d *Director, b []byte) xmit.Verdict { return d.Hook(LocalIn, arrived(b, true)) }

// benchmarkIn sends copies of a packet through LOCAL_IN; vary changes the i-th.
func benchmarkIn(b *testing.B, d *Director, vary func(i int, p []byte), tmpl []byte) {
	buf := append(make([]byte, packet.Headroom), tmpl...)
	rt := &packet.Route{Family: packet.Family(tmpl[0] >> 4), Local: true, Input: true, MTU: 1500}
	var p packet.Packet
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		copy(buf[packet.Headroom:], tmpl)
		vary(i, buf[packet.Headroom:])
		p.Set(rt.Family, buf, packet.Headroom)
		p.InIf, p.Route = 1, rt
		if v := d.Hook(LocalIn, &p); v != xmit.Stolen {
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
		st := newStack("203.0.113.10")
		st.keep = false
		d := New(Config{Stack: st})
		web(d, "203.0.113.10", "rr", sched.Masq, "10.1.0.11", "10.1.0.12")
		syn := datagram(packet.ProtoTCP, "198.51.100.1", "203.0.113.10", 1024, 80, 0x02, 0)
		for i := range n {
			client(i, syn)
			request(d, syn)
		}
		ack := datagram(packet.ProtoTCP, "198.51.100.1", "203.0.113.10", 1024, 80, 0x10, 0)
		b.Run(fmt.Sprintf("Existing/conns=%d", n), func(b *testing.B) {
			benchmarkIn(b, d, func(i int, p []byte) { client(i&(n-1), p) }, ack)
		})
		b.Run(fmt.Sprintf("New/conns=%d", n), func(b *testing.B) {
			at := n
			benchmarkIn(b, d, func(i int, p []byte) { at++; client(at, p) }, syn)
		})
	}
}
