package hooks

import (
	"encoding/binary"
	"net/netip"

	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// testStack is a machine whose eth1 (2) leads to 10.1.0.0/16 and 2001:db8:1::/48,
// eth0 (1) to all else, and whose own addresses are in local.
type testStack struct {
	local map[packet.Addr]bool
	gone  bool // there are no routes
	mtu   int
	out   []*packet.Packet // what was sent into LOCAL_OUT
	keep  bool             // keep it in out
}

func newStack(local ...string) *testStack {
	s := &testStack{local: map[packet.Addr]bool{}, mtu: 1500, keep: true}
	for _, a := range local {
		s.local[addr(a)] = true
	}
	return s
}

func addr(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

func family(s string) packet.Family {
	_, f := packet.AddrFrom(netip.MustParseAddr(s))
	return f
}

func (s *testStack) RouteOutput(f packet.Family, dst packet.Addr, flags xmit.RouteFlags) *packet.Route {
	if s.gone {
		return nil
	}
	rt := &packet.Route{Family: f, OutIf: 1, MTU: s.mtu, Src: addr("192.0.2.1")}
	if f == packet.IPv6 {
		rt.Src = addr("2001:db8:a::1")
	}
	switch {
	case s.local[dst]:
		rt.Local = true
	case dst[0] == 10:
		rt.OutIf, rt.Src = 2, addr("10.1.0.1")
	case f == packet.IPv6 && dst[5] == 1:
		rt.OutIf, rt.Src = 2, addr("2001:db8:1::1")
	}
	if flags&xmit.KnownNextHop != 0 {
		rt.NextHop = dst
	}
	return rt
}

func (s *testStack) RouteGen() uint32 { return 0 }

func (s *testStack) RouteReply(p *packet.Packet, src, dst packet.Addr, tos uint8) *packet.Route {
	if !src.IsZero() && !s.local[src] {
		return nil
	}
	return s.RouteOutput(p.Family, dst, 0)
}

func (s *testStack) AddrType(f packet.Family, a packet.Addr) xmit.AddrType {
	switch {
	case s.local[a]:
		return xmit.AddrLocal
	case a.IsMulticast(f):
		return xmit.AddrMulticast
	case a.IsZero():
		return xmit.AddrInvalid
	}
	return xmit.AddrUnicast
}

func (s *testStack) LocalOut(p *packet.Packet) {
	if s.keep {
		q := *p
		s.out = append(s.out, &q)
	}
}

func (s *testStack) Reroute(*packet.Packet) bool                     { return !s.gone }
func (s *testStack) Defrag(p *packet.Packet, _ xmit.DefragUser) bool { return false }
func (s *testStack) RandomID() uint16                                { return 0x1234 }

func (s *testStack) UpdatePMTU(packet.Family, packet.Addr, packet.Addr, uint8, int) {}

// datagram makes a whole packet with right checksums.
func datagram(proto uint8, src, dst string, sport, dport uint16, flags byte, payload int) []byte {
	var l4 []byte
	switch proto {
	case packet.ProtoTCP:
		l4 = make([]byte, packet.SizeTCP+payload)
		l4[12], l4[13] = 5<<4, flags
	default:
		l4 = make([]byte, packet.SizeUDP+payload)
		binary.BigEndian.PutUint16(l4[4:], uint16(len(l4)))
	}
	binary.BigEndian.PutUint16(l4, sport)
	binary.BigEndian.PutUint16(l4[2:], dport)
	f, a, b := family(src), addr(src), addr(dst)
	at := 16
	if proto == packet.ProtoUDP {
		at = 6
	}
	binary.BigEndian.PutUint16(l4[at:], packet.TransportChecksum(f, a, b, proto, l4))
	if f == packet.IPv6 {
		h := make([]byte, packet.SizeIPv6, packet.SizeIPv6+len(l4))
		h[0], h[6], h[7] = 0x60, proto, 64
		binary.BigEndian.PutUint16(h[4:], uint16(len(l4)))
		copy(h[8:], a[:])
		copy(h[24:], b[:])
		return append(h, l4...)
	}
	h := make([]byte, packet.SizeIPv4, packet.SizeIPv4+len(l4))
	h[0], h[8], h[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(h[2:], uint16(packet.SizeIPv4+len(l4)))
	copy(h[12:], a[:4])
	copy(h[16:], b[:4])
	packet.SetIPv4Checksum(h, 0)
	return append(h, l4...)
}

// arrived returns a packet that came in by eth0 for this host, or for another.
func arrived(b []byte, local bool) *packet.Packet {
	p := new(packet.Packet)
	buf := append(make([]byte, packet.Headroom), b...)
	p.Set(packet.Family(b[0]>>4), buf, packet.Headroom)
	p.InIf = 1
	p.Route = &packet.Route{Family: p.Family, Local: local, Input: true, MTU: 1500}
	return p
}

// web is a TCP service on a virtual address with servers of one method.
func web(d *Director, vip, scheduler string, fwd sched.Forward, servers ...string) sched.ServiceKey {
	k := sched.ServiceKey{Family: family(vip), Protocol: packet.ProtoTCP, Addr: addr(vip), Port: 80}
	c := sched.ServiceConfig{ServiceKey: k, Scheduler: scheduler, Netmask: 0xffffffff}
	if k.Family == packet.IPv6 {
		c.Netmask = 128
	}
	must(d.AddService(c))
	for _, s := range servers {
		must(d.AddDest(k, sched.DestConfig{DestKey: sched.DestKey{Family: family(s), Addr: addr(s), Port: 80}, Forward: fwd, Weight: 1}))
	}
	return k
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
