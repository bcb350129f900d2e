package hooks

import (
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

// A packet of an existing connection takes no memory, request or reply, whatever
// the method and family.
func TestNoAllocations(t *testing.T) {
	for _, c := range []struct {
		name, vip, server string
		udp               bool
		flags             svc
	}{
		{"NAT v4", vip4, rs4, false, svc{}},
		{"NAT v6", vip6, rs6, false, svc{}},
		{"NAT UDP v4", vip4, rs4, true, svc{}},
		{"NAT UDP v6", vip6, rs6, true, svc{}},
		{"NAT persistent", vip4, rs4, false, persistent(svc{})},
		{"DR v4", vip4, rs4 + "|80 -g", false, svc{}},
		{"DR v6", vip6, rs6 + "|80 -g", false, svc{}},
		{"IPIP v4", vip4, rs4 + "|80 -i", false, svc{}},
		{"IPIP v6", vip6, rs6 + "|80 -i", false, svc{}},
		{"IPv6 in IPv4", vip6, rs4 + "|80 -i", false, svc{}},
		{"GUE v4 with checksum", vip4, rs4 + "|80 -i gue csum", false, svc{}},
		{"GRE v6", vip6, rs6 + "|80 -i gre", false, svc{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.stack.Drop = true
			s := c.flags
			s.vip = c.vip
			if c.udp {
				s.proto = packet.ProtoUDP
			}
			s.add(w, c.server)
			request, reply := from(1), packettest.IP{Src: w.dest(c.server).Addr.Netip(w.dest(c.server).Family).String(), Dst: client4}
			if c.vip == vip6 {
				request, reply.Dst = from6(1), client6
			}
			nat := w.dest(c.server).Forward == 0
			if !nat {
				reply.Src = c.vip
			}
			port := uint16(8080)
			if !nat {
				port = 80
			}
			data := func(h packettest.IP, sport, dport uint16, flags byte) []byte {
				if c.udp {
					return h.UDP(sport, dport, packettest.Payload(100))
				}
				return h.TCP(sport, dport, flags, packettest.Payload(100))
			}
			w.Hook(LocalIn, packettest.Arrived(data(request, 1024, 80, syn), true))
			w.Hook(LocalIn, packettest.Arrived(data(request, 1024, 80, ack), true))
			noAllocations(t, w, LocalIn, data(request, 1024, 80, ack))
			noAllocations(t, w, Forward, data(reply, port, 1024, ack))
		})
	}
}

// noAllocations sends copies of a packet, which must be handled.
func noAllocations(t *testing.T, w *world, pt Point, b []byte) {
	t.Helper()
	buf := append(make([]byte, packet.Headroom), b...)
	rt := &packet.Route{Family: packet.Family(b[0] >> 4), Local: pt == LocalIn, Input: true, MTU: 1500}
	var p packet.Packet
	if n := testing.AllocsPerRun(100, func() {
		copy(buf[packet.Headroom:], b)
		p.Set(rt.Family, buf, packet.Headroom)
		p.InIf, p.Route = 1, rt
		w.Hook(pt, &p)
	}); n != 0 {
		t.Errorf("%v: %v allocations", pt, n)
	}
	if !p.Ours {
		t.Errorf("%v: not handled:\n%s", pt, packettest.Text(b))
	}
}

// Nor does a packet that is none of IPVS's business.
func TestNoAllocationsPassing(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	svc{vip: vip6}.add(w, rs6)
	for _, b := range [][]byte{
		from(1).TCP(1024, 8000, syn, nil),
		from(1).TCP(1024, 80, ack, nil),
		from(1).ICMP(8, 0, 0, nil),
		from6(1).UDP(1024, 53, nil),
	} {
		for _, pt := range []Point{LocalIn, Forward, LocalOut} {
			p := packettest.Arrived(b, pt != Forward)
			if n := testing.AllocsPerRun(100, func() { w.Hook(pt, p) }); n != 0 || p.Ours {
				t.Errorf("%v: %v allocations for\n%s", pt, n, packettest.Text(b))
			}
		}
	}
}
