package xmit_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// What goes wrong on the way to a server, and what its sender is told.
//
// Features: X8, X9, X11, G2.
func TestErrors(t *testing.T) {
	big4, big6 := to4.UDP(1024, 80, packettest.Payload(1273)), to6.UDP(1024, 80, packettest.Payload(1253))
	small4, small6 := to4.UDP(1024, 80, packettest.Payload(3)), to6.UDP(1024, 80, packettest.Payload(3))
	masq := sched.DestConfig{}
	v6later := to6
	v6later.Ext = []packettest.Ext{packettest.FragmentHeader(1280, false, 9)}
	gone := func(a string) func(*packettest.Stack) {
		return func(s *packettest.Stack) { s.Gone[packettest.Addr(a)] = true }
	}
	reassembled := func(largest int) func(*packet.Packet) {
		return func(p *packet.Packet) { p.FragMax = largest }
	}
	super := func(segment int) func(*packet.Packet) { return func(p *packet.Packet) { p.GSOSize = segment } }
	notLocal := func(s *packettest.Stack) {
		delete(s.Local, packettest.Addr(vip4))
		delete(s.Local, packettest.Addr(vip6))
	}
	plays(t, "errors", []scene{
		{name: "NAT, fits", packet: big4, dest: masq, stack: mtu(1301)},
		{name: "NAT, one too big", packet: big4, dest: masq, stack: mtu(1300)},
		{name: "NAT, too big but may be fragmented", packet: fragments(to4, 0).UDP(1024, 80, packettest.Payload(1273)), dest: masq, stack: mtu(1300)},
		{name: "NAT v6, fits", packet: big6, dest: masq, stack: mtu(1301)},
		{name: "NAT v6, one too big", packet: big6, dest: masq, stack: mtu(1300)},
		{name: "NAT v6, put together from fragments that fit", packet: big6, dest: masq, stack: mtu(1300), change: reassembled(1300)},
		{name: "NAT v6, put together from fragments that don't", packet: small6, dest: masq, stack: mtu(1300), change: reassembled(1301)},
		{name: "NAT v6, later fragment too big: dropped in silence", packet: v6later.Wrap(packet.ProtoUDP, packettest.Payload(1300)), dest: masq, stack: mtu(1300)},
		{name: "NAT, super-packet whose segments fit", packet: to4.TCP(1024, 80, packettest.ACK, packettest.Payload(3000)), dest: masq, change: super(1460)},
		{name: "NAT, super-packet whose segments don't", packet: to4.TCP(1024, 80, packettest.ACK, packettest.Payload(3000)), dest: masq, change: super(1461)},
		{name: "NAT, UDP super-packet whose segments fit", packet: to4.UDP(1024, 80, packettest.Payload(3000)), dest: masq, change: super(1472)},
		{name: "NAT, UDP super-packet whose segments don't", packet: to4.UDP(1024, 80, packettest.Payload(3000)), dest: masq, change: super(1473)},
		{name: "DR, too big", packet: big4, dest: direct, stack: mtu(1300)},
		{name: "tunnel, too big", packet: big4, dest: tun(sched.TunIPIP, 0, server4), stack: mtu(1300)},
		{name: "tunnel, too big without DF", packet: fragments(to4, 0).UDP(1024, 80, packettest.Payload(60)), dest: tun(sched.TunIPIP, 0, server4), stack: mtu(100)},
		{name: "tunnel, too big with pmtu_disc off", packet: big4, dest: tun(sched.TunIPIP, 0, server4), stack: mtu(1300), noPMTU: true},
		{name: "tunnel v6, too big", packet: big6, dest: tun(sched.TunIPIP, 0, server6), stack: mtu(1330)},
		{name: "tunnel, 68 octets left", packet: small4, dest: tun(sched.TunIPIP, 0, server4), stack: mtu(88)},
		{name: "tunnel, 67 octets left", packet: small4, dest: tun(sched.TunIPIP, 0, server4), stack: mtu(87)},
		{name: "tunnel v6, 1280 octets left", packet: small6, dest: tun(sched.TunIPIP, 0, server6), stack: mtu(1320)},
		{name: "tunnel v6, 1279 octets left", packet: small6, dest: tun(sched.TunIPIP, 0, server6), stack: mtu(1319)},
		{name: "IPv4 in IPv6, 1279 octets left", packet: small4, dest: tun(sched.TunIPIP, 0, server6), stack: mtu(1319)},
		{name: "TTL 2", packet: ttl(to4, 2).UDP(1024, 80, nil), dest: masq},
		{name: "TTL 1", packet: ttl(to4, 1).UDP(1024, 80, nil), dest: masq},
		{name: "TTL 0", packet: packettest.Change(small4, 8, 0), dest: masq},
		{name: "TTL 1, DR", packet: ttl(to4, 1).UDP(1024, 80, nil), dest: direct},
		{name: "TTL 1, tunnel", packet: ttl(to4, 1).UDP(1024, 80, nil), dest: tun(sched.TunIPIP, 0, server4)},
		{name: "hop limit 1", packet: ttl(to6, 1).UDP(1024, 80, nil), dest: masq},
		{name: "hop limit 1, from a process here", packet: ttl(to6, 1).UDP(1024, 80, nil), dest: masq, made: true},
		{name: "no route to the server", packet: small4, dest: masq, stack: gone(server4)},
		{name: "no route to the server v6", packet: small6, dest: masq, stack: gone(server6)},
		{name: "no route to the server, DR", packet: small4, dest: direct, stack: gone(server4)},
		{name: "no route to the server, tunnel", packet: small6, dest: tun(sched.TunIPIP, 0, server4), stack: gone(server4)},
		{name: "the virtual address isn't this host's", packet: ttl(to4, 1).UDP(1024, 80, nil), dest: masq, stack: notLocal},
		{name: "the virtual address isn't this host's, forwarded", packet: ttl(to4, 1).UDP(1024, 80, nil), dest: masq, stack: notLocal, forward: true},
		{name: "the virtual address isn't this host's v6", packet: ttl(to6, 1).UDP(1024, 80, nil), dest: masq, stack: notLocal},
		{name: "TOS comes back as a control packet's", packet: ttl(tos(to4, 0xff), 1).UDP(1024, 80, nil), dest: masq},
		{name: "traffic class doesn't", packet: ttl(tos(to6, 0xff), 1).UDP(1024, 80, nil), dest: masq},
	})
}

// About some packets there must be no error, or can be none.
func TestErrorForbidden(t *testing.T) {
	kind := func(k packet.Kind) func(*packet.Packet) { return func(p *packet.Packet) { p.Kind = k } }
	dst := func(h packettest.IP, a string) packettest.IP { h.Dst = a; return h }
	src := func(h packettest.IP, a string) packettest.IP { h.Src = a; return h }
	later6 := to6
	later6.Ext = []packettest.Ext{packettest.FragmentHeader(8, false, 9)}
	const allowed, forbidden = true, false
	for _, c := range []struct {
		name   string
		packet []byte
		change func(*packet.Packet)
		want   bool
	}{
		{"TCP", to4.TCP(1, 2, 0, nil), nil, allowed},
		{"echo request", to4.ICMP(8, 0, 0, nil), nil, allowed},
		{"echo reply", to4.ICMP(0, 0, 0, nil), nil, allowed},
		{"timestamp request", to4.ICMP(13, 0, 0, nil), nil, allowed},
		{"address mask reply", to4.ICMP(18, 0, 0, nil), nil, allowed},
		{"unreachable", to4.ICMP(3, 3, 0, nil), nil, forbidden},
		{"source quench", to4.ICMP(4, 0, 0, nil), nil, forbidden},
		{"redirect", to4.ICMP(5, 0, 0, nil), nil, forbidden},
		{"time exceeded", to4.ICMP(11, 0, 0, nil), nil, forbidden},
		{"parameter problem", to4.ICMP(12, 0, 0, nil), nil, forbidden},
		{"unknown ICMP", to4.ICMP(19, 0, 0, nil), nil, forbidden},
		{"ICMP without a type", to4.Wrap(packet.ProtoICMP, nil), nil, forbidden},
		{"first fragment", fragments(to4, packet.FlagMF).UDP(1, 2, nil), nil, allowed},
		{"later fragment", fragments(to4, 1).UDP(1, 2, nil), nil, forbidden},
		{"to a broadcast address", dst(to4, "255.255.255.255").UDP(1, 2, nil), nil, forbidden},
		{"to a multicast address", dst(to4, "224.0.0.1").UDP(1, 2, nil), nil, forbidden},
		{"by broadcast frame", to4.UDP(1, 2, nil), kind(packet.ToBroadcast), forbidden},
		{"by multicast frame", to4.UDP(1, 2, nil), kind(packet.ToMulticast), forbidden},
		{"not routed", to4.UDP(1, 2, nil), func(p *packet.Packet) { p.Route = nil }, forbidden},
		{"header cut off", to4.UDP(1, 2, nil)[:19], nil, forbidden},
		{"no more than a header", to4.Wrap(99, nil), nil, allowed},

		{"v6 TCP", to6.TCP(1, 2, 0, nil), nil, allowed},
		{"v6 echo request", to6.ICMP(128, 0, 0, nil), nil, allowed},
		{"v6 unreachable", to6.ICMP(1, 0, 0, nil), nil, forbidden},
		{"v6 unknown error", to6.ICMP(100, 0, 0, nil), nil, forbidden},
		{"v6 ICMP without a type", to6.Wrap(packet.ProtoICMPv6, nil), nil, forbidden},
		{"v6 unknown information", to6.ICMP(200, 0, 0, nil), nil, allowed},
		{"v6 to a multicast address", dst(to6, "ff02::1").UDP(1, 2, nil), nil, forbidden},
		{"v6 by multicast frame", to6.UDP(1, 2, nil), kind(packet.ToMulticast), forbidden},
		{"v6 from nobody", src(to6, "::").UDP(1, 2, nil), nil, forbidden},
		{"v6 from a multicast address", src(to6, "ff0e::1").UDP(1, 2, nil), nil, forbidden},
		{"v6 later fragment", later6.UDP(1, 2, nil), nil, allowed},
		{"v6 later fragment of an error", later6.ICMP(1, 0, 0, nil), nil, allowed},
		{"v6 cut off", to6.UDP(1, 2, nil)[:39], nil, forbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := packettest.NewStack(vip4, vip6)
			p := packettest.Arrived(c.packet, true)
			if c.change != nil {
				c.change(p)
			}
			typ, code := uint8(3), uint8(3)
			if p.Family == packet.IPv6 {
				typ, code = 1, 4
			}
			xmit.ICMPError(s, p, typ, code, 0)
			if got := len(s.Sent()) == 1; got != c.want {
				t.Errorf("sent: %v", got)
			}
		})
	}
}

// Only packet too big answers a multicast.
func TestTooBigAnswersMulticast(t *testing.T) {
	h := to6
	h.Dst = "ff0e::1"
	s := packettest.NewStack()
	xmit.ICMPError(s, packettest.Arrived(h.UDP(1, 2, nil), false), 2, 0, 1280)
	out := s.Sent()
	if len(out) != 1 {
		t.Fatal("not sent")
	}
	if got := packettest.Text(out[0].Data()); !strings.HasPrefix(got, "IPv6 2001:db8:a::1 > "+client6) {
		t.Error(got)
	}
}

// An error quotes as much as fits into 576 octets, 1280 with IPv6, or less by a
// smaller path.
func TestErrorQuotes(t *testing.T) {
	for _, c := range []struct {
		name    string
		six     bool
		payload int // of the answered packet, beyond its IP header
		mtu     int
		want    int // octets of the error; 0: none
	}{
		{"v4 small", false, 8, 1500, 20 + 8 + 28},
		{"v4 just fits", false, 528, 1500, 576},
		{"v4 one too many", false, 529, 1500, 576},
		{"v4 large", false, 1480, 1500, 576},
		{"v4 narrow path", false, 1480, 100, 100},
		{"v4 room for a header and one octet", false, 1480, 49, 49},
		{"v4 no room", false, 1480, 48, 0},
		{"v6 small", true, 8, 1500, 40 + 8 + 48},
		{"v6 just fits", true, 1192, 1500, 1280},
		{"v6 one too many", true, 1193, 1500, 1280},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := packettest.NewStack(vip4, vip6)
			s.MTU = c.mtu
			b, typ := to4.Wrap(99, packettest.Payload(c.payload)), uint8(3)
			if c.six {
				b, typ = to6.Wrap(99, packettest.Payload(c.payload)), 1
			}
			xmit.ICMPError(s, packettest.Arrived(b, true), typ, 3, 0)
			out := s.Sent()
			if len(out) == 0 && c.want == 0 {
				return
			}
			if len(out) != 1 || out[0].Len() != c.want {
				t.Fatalf("sent %v", out)
			}
			d, head := out[0].Data(), 28
			if c.six {
				head = 48
			}
			if string(d[head:]) != string(b[:len(d)-head]) {
				t.Error("quotes something else")
			}
			if text := packettest.Text(d); strings.Contains(text, "sum wrong") {
				t.Error(text)
			}
		})
	}
}

// What the second word of an error says is the caller's.
func TestErrorInfo(t *testing.T) {
	s := packettest.NewStack(vip4)
	x := xmit.Context{Stack: s}
	x.ICMPError(packettest.Arrived(to4.UDP(1, 2, nil), true), 12, 0, 0x14000000)
	if len(s.Sent()) != 0 {
		t.Error("sent before Flush")
	}
	x.Flush()
	out := s.Sent()
	if len(out) != 1 || binary.BigEndian.Uint32(out[0].Data()[24:]) != 0x14000000 {
		t.Errorf("sent %v", out)
	}
}

// The way to a server is looked up once, and again when the routes changed.
func TestRouteIsRemembered(t *testing.T) {
	sc := scene{packet: to4.TCP(1024, 80, packettest.ACK, nil), dest: sched.DestConfig{Forward: sched.DRoute}}
	p, h := sc.arrive(t)
	r := newRig(t, &sc, &h)
	send := func() {
		t.Helper()
		p, h := sc.arrive(t)
		if v := r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest}); v != xmit.Stolen || p.Route == nil {
			t.Fatal(v)
		}
		r.x.Flush()
	}
	for i, step := range []struct {
		do   func()
		want int // look-ups so far
	}{
		{func() {}, 1},
		{func() {}, 1},
		{func() { r.stack.Gen++ }, 2},
		{func() {}, 2},
		{func() { r.dest.Route.Store(nil) }, 3},
	} {
		step.do()
		send()
		if got := len(r.stack.Lookups); got != step.want {
			t.Errorf("step %d: %d look-ups, want %d", i, got, step.want)
		}
	}
	if r.stack.Lookups[0] != xmit.KnownNextHop {
		t.Errorf("looked up with %v", r.stack.Lookups[0])
	}
	// What is remembered is of no use to an unreachable server.
	r.stack.Gen++
	r.stack.NoRoute = true
	r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
	if r.dest.Route.Load() != nil {
		t.Error("still remembered")
	}
}

// Each method asks for its own kind of way.
func TestRouteFlags(t *testing.T) {
	for _, c := range []struct {
		name string
		dest sched.DestConfig
		six  bool
		want xmit.RouteFlags
	}{
		{"NAT", sched.DestConfig{}, false, 0},
		{"DR", direct, false, xmit.KnownNextHop},
		{"DR v6", direct, true, xmit.KnownNextHop},
		{"tunnel", tun(sched.TunIPIP, 0, server4), false, xmit.BindSource},
		{"tunnel v6", tun(sched.TunIPIP, 0, server6), true, 0},
		{"IPv6 in IPv4", tun(sched.TunIPIP, 0, server4), true, xmit.BindSource},
	} {
		sc := scene{packet: to4.TCP(1024, 80, 0, nil), dest: c.dest}
		if c.six {
			sc.packet = to6.TCP(1024, 80, 0, nil)
		}
		p, h := sc.arrive(t)
		r := newRig(t, &sc, &h)
		r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
		if len(r.stack.Lookups) != 1 || r.stack.Lookups[0] != c.want {
			t.Errorf("%s: looked up with %v, want %v", c.name, r.stack.Lookups, c.want)
		}
	}
}

func TestVerdictNames(t *testing.T) {
	if s := xmit.Accept.String() + xmit.Drop.String() + xmit.Stolen.String(); s != "ACCEPTDROPSTOLEN" {
		t.Error(s)
	}
}
