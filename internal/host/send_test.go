package host

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

func TestSendLocal(t *testing.T) {
	w := newWorld(t)
	w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix("172.20.0.0/16"), Type: Unreachable}))
	w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix("172.21.0.0/16"), Type: Blackhole}))
	w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix("172.22.0.0/16"), Type: Prohibit}))
	const own = "192.0.2.1"
	zero := func(at, n int) func([]byte) { return func(b []byte) { clear(b[at : at+n]) } }
	for _, tt := range []struct {
		name string
		b    []byte
		want []string
		err  error
	}{
		{"to a neighbour", udp4(own, "10.1.0.11", 8), []string{"eth1 02000000010b 192.0.2.1 > 10.1.0.11"}, nil},
		{"to itself", udp4(own, "203.0.113.10", 8), []string{"local 192.0.2.1 > 203.0.113.10"}, nil},
		{"to loopback", udp4(own, "127.0.0.5", 8), []string{"local 192.0.2.1 > 127.0.0.5"}, nil},
		{"to nowhere", udp4(own, "0.0.0.0", 8), []string{"local 192.0.2.1 > 0.0.0.0"}, nil},
		{"without a source", udp4("0.0.0.0", "10.1.0.11", 8), []string{"eth1 02000000010b 10.1.0.1 > 10.1.0.11"}, nil},
		{"without a checksum", func() []byte { b := udp4(own, "10.1.0.11", 8); b[10]++; return b }(), []string{"eth1 02000000010b 192.0.2.1 > 10.1.0.11"}, nil},
		{"with a wrong length", udp4(own, "10.1.0.11", 8, func(b []byte) { b[3] = 99 }), []string{"eth1 02000000010b 192.0.2.1 > 10.1.0.11"}, nil},
		{"to everybody", udp4(own, "255.255.255.255", 8), []string{"eth0 ffffffffffff 192.0.2.1 > 255.255.255.255", "local 192.0.2.1 > 255.255.255.255"}, nil},
		{"to a link's everybody", udp4(own, "10.1.0.255", 8), []string{"eth1 ffffffffffff 192.0.2.1 > 10.1.0.255", "local 192.0.2.1 > 10.1.0.255"}, nil},
		{"to all systems", udp4(own, "224.0.0.1", 8), []string{"eth0 01005e000001 192.0.2.1 > 224.0.0.1", "local 192.0.2.1 > 224.0.0.1"}, nil},
		{"to all systems of this host", udp4(own, "224.0.0.1", 8, ttl(0)), []string{"local 192.0.2.1 > 224.0.0.1"}, nil},
		{"to a group", udp4(own, "239.129.2.3", 8), []string{"eth0 01005e010203 192.0.2.1 > 239.129.2.3"}, nil},
		{"as long as the MTU", udp4(own, "10.1.0.11", 1480), []string{"eth1 02000000010b 192.0.2.1 > 10.1.0.11"}, nil},
		{"longer", udp4(own, "10.1.0.11", 1481), nil, ErrMessageSize},
		{"unreachable", udp4(own, "172.20.0.1", 8), nil, ErrNoHost},
		{"blackhole", udp4(own, "172.21.0.1", 8), nil, ErrInvalid},
		{"prohibited", udp4(own, "172.22.0.1", 8), nil, ErrDenied},
		{"nothing", nil, nil, ErrInvalid},
		{"a header cut short", udp4(own, "10.1.0.11", 0)[:19], nil, ErrInvalid},
		{"a header longer than the packet", func() []byte { b := udp4(own, "10.1.0.11", 0); b[0] = 0x46; return b }(), nil, ErrInvalid},
		{"IPv6", udp6("2001:db8:1::1", "2001:db8:1::b", 8), []string{"eth1 02000000010b 2001:db8:1::1 > 2001:db8:1::b"}, nil},
		{"IPv6 to itself", udp6("2001:db8:1::1", "2001:db8:a::1", 8), []string{"local 2001:db8:1::1 > 2001:db8:a::1"}, nil},
		{"IPv6 cut short", udp6("2001:db8:1::1", "2001:db8:1::b", 0)[:39], nil, ErrInvalid},
	} {
		err := w.h.SendLocal(tt.b, w.now)
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.err)
		}
		if diff := cmp.Diff(tt.want, w.take()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	w.do(w.h.SendLocal(udp4(own, "10.1.0.11", 8, zero(4, 2)), w.now))
	if b := w.raw[len(w.raw)-1]; b[4] == 0 && b[5] == 0 {
		t.Error("an identification of zero stays")
	}
}

// TestLoopback: what this host sends to itself passes LOCAL_OUT and LOCAL_IN,
// and arrives once what sent it is done.
func TestLoopback(t *testing.T) {
	w := newWorld(t)
	var seen []string
	w.h.SetHooks(stubHooks{hook: func(pt hooks.Point, p *packet.Packet) xmit.Verdict {
		seen = append(seen, fmt.Sprintf("%s in %d lo %v ours %v local %v", pt, p.InIf, p.Loopback, p.Ours, p.Route.Local))
		if pt == hooks.LocalOut && !p.Ours {
			p.Ours = true
			w.h.LocalOut(p)
			seen = append(seen, "sent")
			return xmit.Stolen
		}
		return xmit.Accept
	}})
	w.do(w.h.SendLocal(udp4("192.0.2.1", "203.0.113.10", 8), w.now))
	want := []string{
		"LOCAL_OUT in 0 lo false ours false local true",
		"LOCAL_OUT in 0 lo false ours true local true",
		"sent",
		"LOCAL_IN in 1 lo true ours true local true",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestRefuse: without a route the sender is told, where it is a router's
// business, and not about blackholes; five times at most when nothing else was
// said to it, and then not before a second is over.
func TestRefuse(t *testing.T) {
	w := newWorld(t)
	for i, typ := range []RouteType{Unreachable, Blackhole, Prohibit} {
		w.do(w.h.AddRoute(RouteSpec{Dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 20 + byte(i)}), 16), Type: typ}))
		p, err := netip.AddrFrom16([16]byte{0x20, 1, 13, 0xb8, 0xde, 0xad + byte(i)}).Prefix(48)
		w.do(err)
		w.do(w.h.AddRoute(RouteSpec{Dst: p, Type: typ}))
	}
	const back = "eth0 0200000000fe 192.0.2.1 > %s icmp 3/%d"
	for i, tt := range []struct {
		dst  string
		code int
	}{{"172.20.0.1", 1}, {"172.22.0.1", 13}, {"172.21.0.1", -1}} {
		src := fmt.Sprintf("198.51.100.%d", i+1)
		var want []string
		if tt.code >= 0 {
			want = []string{fmt.Sprintf(back, src, tt.code)}
		}
		if diff := cmp.Diff(want, w.in("eth0", udp4(src, tt.dst, 8))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.dst, diff)
		}
	}
	count := 0
	for range 8 {
		count += len(w.in("eth0", udp4("198.51.100.9", "172.20.0.1", 8)))
	}
	w.now += 2 * time.Second
	for range 8 {
		count += len(w.in("eth0", udp4("198.51.100.9", "172.20.0.1", 8)))
	}
	if count != 2 {
		t.Errorf("%d errors in two seconds, want 2", count)
	}
	for dst, code := range map[string]int{"2001:db8:dead::1": 0, "2001:db8:deae::1": -1, "2001:db8:deaf::1": 1} {
		var want []string
		if code >= 0 {
			want = []string{fmt.Sprintf("eth0 0200000000fe 2001:db8:a::1 > 2001:db8:c::1 icmp 1/%d", code)}
		}
		if diff := cmp.Diff(want, w.in("eth0", udp6("2001:db8:c::1", dst, 8))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", dst, diff)
		}
	}
	w.h.SetForwarding(packet.IPv4, false)
	w.now += time.Minute
	for _, dst := range []string{"172.20.0.1", "10.1.0.11", "8.8.8.8"} {
		if got := w.in("eth0", udp4("198.51.100.1", dst, 8)); got != nil {
			t.Errorf("no router, to %s: %q", dst, got)
		}
	}
}

func TestForward(t *testing.T) {
	w := newWorld(t)
	w.do(w.h.SetMTU("eth1", 600))
	const src, dst = "198.51.100.1", "10.1.0.11"
	fwd := func(s string) string { return "eth1 02000000010b 198.51.100.1 > 10.1.0.11" + s }
	err := func(s string) []string { return []string{"eth0 0200000000fe 192.0.2.1 > 198.51.100.1 icmp " + s} }
	for _, tt := range []struct {
		name string
		b    []byte
		want []string
	}{
		{"fits", udp4(src, dst, 580), []string{fwd("")}},
		{"fits, not to be cut", udp4(src, dst, 580, df), []string{fwd(" DF 0+580")}},
		{"in fragments", udp4(src, dst, 1200), []string{fwd(" 0+576…"), fwd(" 576+576…"), fwd(" 1152+48")}},
		{"not to be cut", udp4(src, dst, 581, df), err("3/4 0x258")},
		{"a fragment, cut again", cut4(udp4(src, dst, 1400), 400, 800), []string{fwd(" 400+576…"), fwd(" 976+224…")}},
		{"hops left: one", udp4(src, dst, 8, ttl(1)), err("11/0")},
		{"hops left: none", udp4(src, dst, 8, ttl(0)), err("11/0")},
		{"about a later fragment nothing is said", cut4(udp4(src, dst, 1400, ttl(1)), 400, 800), nil},
	} {
		if diff := cmp.Diff(tt.want, w.in("eth0", tt.b)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	w = newWorld(t)
	w.do(w.h.SetMTU("eth1", 1300))
	const src6, dst6 = "2001:db8:c::1", "2001:db8:1::b"
	hops := func(n byte) []byte { b := udp6(src6, dst6, 8); b[7] = n; return b }
	for _, tt := range []struct {
		name string
		b    []byte
		want []string
	}{
		{"fits", udp6(src6, dst6, 1260), []string{"eth1 02000000010b 2001:db8:c::1 > 2001:db8:1::b"}},
		{"too big", udp6(src6, dst6, 1261), []string{"eth0 0200000000fe 2001:db8:a::1 > 2001:db8:c::1 icmp 2/0 0x514"}},
		{"hops left: one", hops(1), []string{"eth0 0200000000fe 2001:db8:a::1 > 2001:db8:c::1 icmp 3/0"}},
		{"from a link's own address", udp6("fe80::9", dst6, 8), []string{"eth0 0200000000fe 2001:db8:a::1 > fe80::9 icmp 1/2"}},
		{"from nobody", udp6("::", dst6, 8), nil},
	} {
		if diff := cmp.Diff(tt.want, w.in("eth0", tt.b)); diff != "" {
			t.Errorf("IPv6, %s (-want +got)\n%s", tt.name, diff)
		}
	}
}

// TestForwardHook: a hook may end a packet, keep it, or send it another way.
func TestForwardHook(t *testing.T) {
	w := newWorld(t)
	b := udp4("198.51.100.1", "10.1.0.11", 8)
	for v, want := range map[xmit.Verdict]int{xmit.Accept: 1, xmit.Drop: 0, xmit.Stolen: 0} {
		w.h.SetHooks(stubHooks{hook: func(pt hooks.Point, p *packet.Packet) xmit.Verdict {
			if pt != hooks.Forward || w.h.IfName(p.InIf) != "eth0" || w.h.IfName(p.OutIf) != "eth1" || p.TTL() != 63 {
				t.Errorf("%s from %d to %d, %d hops left", pt, p.InIf, p.OutIf, p.TTL())
			}
			return v
		}})
		if got := w.in("eth0", b); len(got) != want {
			t.Errorf("%s: %q", v, got)
		}
	}
	w.h.SetHooks(stubHooks{hook: func(_ hooks.Point, p *packet.Packet) xmit.Verdict {
		copy(p.Data()[16:20], []byte{198, 51, 100, 77})
		packet.SetIPv4Checksum(p.Data(), 0)
		if !w.h.Reroute(p) {
			t.Error("no way")
		}
		return xmit.Accept
	}})
	want := []string{"eth0 0200000000fe 198.51.100.1 > 198.51.100.77"}
	if diff := cmp.Diff(want, w.in("eth0", b)); diff != "" {
		t.Errorf("rerouted (-want +got)\n%s", diff)
	}
}

// TestNeighbours: who doesn't answer is asked for three seconds; then the
// senders of what waited are told, and it starts anew.
func TestNeighbours(t *testing.T) {
	w := newWorld(t)
	b := udp4("198.51.100.1", "10.1.0.77", 8)
	unreachable := "eth0 0200000000fe 192.0.2.1 > 198.51.100.1 icmp 3/1"
	steps := []struct {
		name  string
		after time.Duration
		b     []byte
		want  []string
	}{
		{"first", 0, b, nil},
		{"second", time.Second, b, nil},
		{"before the end", time.Second, nil, nil},
		{"at the end", 1200 * time.Millisecond, nil, []string{unreachable, unreachable}},
		{"later", time.Minute, nil, nil},
		{"anew", 0, b, nil},
		{"at the end again", 3200 * time.Millisecond, nil, []string{unreachable}},
	}
	for _, s := range steps {
		w.now += s.after
		w.h.Advance(w.now)
		if s.b != nil {
			w.do(w.h.Receive("eth0", append(append(append(mac0[:], gateway[:]...), 8, 0), s.b...), w.now))
		}
		if diff := cmp.Diff(s.want, w.take()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", s.name, diff)
		}
	}
	w.in("eth0", b)
	w.do(w.h.AddNeigh("eth1", netip.MustParseAddr("10.1.0.77"), [6]byte{2, 7}))
	if diff := cmp.Diff([]string{"eth1 020700000000 198.51.100.1 > 10.1.0.77"}, w.take()); diff != "" {
		t.Errorf("found (-want +got)\n%s", diff)
	}
	w.now += time.Minute
	w.h.Advance(w.now)
	if got := w.take(); got != nil {
		t.Errorf("found, and yet %q", got)
	}
	for range 500 {
		w.in("eth0", udp4("198.51.100.1", "10.1.0.78", 1000))
	}
	w.now += time.Minute
	w.h.Advance(w.now)
	if n := len(w.take()); n < 50 || n > 150 {
		t.Errorf("%d packets waited", n)
	}
	w.do(w.h.AddAddr("eth1", netip.MustParsePrefix("10.50.0.1/16")))
	for i := range 3000 {
		w.in("eth0", udp4("198.51.100.1", fmt.Sprintf("10.50.%d.%d", 1+i/250, 1+i%250), 8))
	}
	w.now += time.Minute
	w.h.Advance(w.now)
	if n := len(w.take()); n != maxAsked || len(w.h.neighs) > 10 {
		t.Errorf("asked for %d at a time, remembers %d", n, len(w.h.neighs))
	}
	six := udp6("2001:db8:c::1", "2001:db8:1::77", 8)
	w.in("eth0", six)
	w.now += 4 * time.Second
	w.h.Advance(w.now)
	if diff := cmp.Diff([]string{"eth0 0200000000fe 2001:db8:a::1 > 2001:db8:c::1 icmp 1/3"}, w.take()); diff != "" {
		t.Errorf("IPv6 (-want +got)\n%s", diff)
	}
}

// TestNestedErrors: while an ICMP error is on its way, nothing that happens to
// it causes another.
func TestNestedErrors(t *testing.T) {
	w := newWorld(t)
	errs := 0
	w.h.SetHooks(stubHooks{hook: func(pt hooks.Point, p *packet.Packet) xmit.Verdict {
		if pt == hooks.LocalOut {
			q := new(packet.Packet)
			b := udp4("198.51.100.7", "192.0.2.1", 8)
			q.Set(packet.IPv4, b, 0)
			q.Route = w.h.errorRoute(packet.IPv4)
			before := len(w.out)
			xmit.ICMPError(w.h, q, icmpUnreachable, icmpHostUnreach, 0)
			errs += len(w.out) - before
		}
		return xmit.Accept
	}})
	if got := w.in("eth0", udp4("198.51.100.1", "10.1.0.11", 8, ttl(1))); len(got) != 1 || errs != 0 {
		t.Errorf("%q and %d errors on the way", got, errs)
	}
	w.do(w.h.SendLocal(udp4("192.0.2.1", "10.1.0.11", 8), w.now))
	if errs != 1 {
		t.Errorf("%d errors about an ordinary packet", errs)
	}
}
