package host

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
	"goipvs/xmit"
)

func addr(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

func TestRouteOutput(t *testing.T) {
	w := newWorld(t)
	w.route("172.16.0.0/16", "10.1.0.11")
	w.route("172.16.5.0/24", "192.0.2.254")
	w.route("fd00::/8", "2001:db8:1::b")
	w.do(w.h.AddAddr("lo", netip.MustParsePrefix("198.18.0.1/24")))
	w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix("198.18.0.128/25"), Via: netip.MustParseAddr("10.1.0.11")}))
	for _, r := range []RouteSpec{{Type: Unreachable}, {Type: Blackhole}, {Type: Prohibit}} {
		r.Dst = netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 20 + byte(r.Type)}), 16)
		w.do(w.h.AddRoute(r))
	}
	type found struct {
		Local          bool
		If, Next, From string
	}
	tests := []struct {
		dst   string
		flags xmit.RouteFlags
		want  *found
	}{
		{"198.51.100.1", 0, &found{If: "eth0", Next: "192.0.2.254", From: "192.0.2.1"}},
		{"10.1.0.11", 0, &found{If: "eth1", Next: "0.0.0.0", From: "10.1.0.1"}},
		{"10.1.0.11", xmit.KnownNextHop, &found{If: "eth1", Next: "10.1.0.11", From: "10.1.0.1"}},
		{"172.16.1.1", 0, &found{If: "eth1", Next: "10.1.0.11", From: "10.1.0.1"}},
		{"172.16.1.1", xmit.KnownNextHop, &found{If: "eth1", Next: "10.1.0.11", From: "10.1.0.1"}},
		{"172.16.5.1", 0, &found{If: "eth0", Next: "192.0.2.254", From: "192.0.2.1"}},
		{"10.1.0.1", 0, &found{Local: true, If: "lo", Next: "0.0.0.0", From: "10.1.0.1"}},
		{"127.9.9.9", 0, &found{Local: true, If: "lo", Next: "0.0.0.0", From: "127.0.0.1"}},
		{"198.18.0.7", 0, &found{Local: true, If: "lo", Next: "0.0.0.0", From: "198.18.0.1"}},
		{"198.18.0.200", 0, &found{If: "eth1", Next: "10.1.0.11", From: "10.1.0.1"}}, // the longer prefix, though local is asked first
		{"172.22.0.1", 0, nil}, {"172.23.0.1", 0, nil}, {"172.24.0.1", 0, nil},
		{"2400::1", 0, &found{If: "eth0", Next: "2001:db8:a::fe", From: "2001:db8:a::1"}},
		{"2001:db8:1::b", 0, &found{If: "eth1", Next: "::", From: "2001:db8:1::1"}},
		{"2001:db8:1::b", xmit.KnownNextHop, &found{If: "eth1", Next: "2001:db8:1::b", From: "2001:db8:1::1"}},
		{"fd00::1", 0, &found{If: "eth1", Next: "2001:db8:1::b", From: "2001:db8:1::1"}},
		{"2001:db8:1::1", 0, &found{Local: true, If: "lo", Next: "::", From: "2001:db8:1::1"}},
		{"2001:db8:a::", 0, &found{Local: true, If: "lo", Next: "::", From: "2001:db8:a::1"}},
	}
	for _, tt := range tests {
		a, f := packet.AddrFrom(netip.MustParseAddr(tt.dst))
		var got *found
		if r := w.h.RouteOutput(f, a, tt.flags); r != nil {
			got = &found{r.Local, w.h.IfName(r.OutIf), r.NextHop.Netip(f).String(), r.Src.Netip(f).String()}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.dst, diff)
		}
	}
}

// TestRules: the newest rule goes first, behind the local table alone; what a
// table doesn't know goes on; an error ends the search.
func TestRules(t *testing.T) {
	w := newWorld(t)
	w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix("0.0.0.0/0"), Type: LocalRoute, Dev: "lo", Table: 100}))
	w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.1.0.11"), Table: 200}))
	w.do(w.h.AddRoute(RouteSpec{Dst: netip.MustParsePrefix("8.8.0.0/16"), Type: Blackhole, Table: 300}))
	w.do(w.h.AddRule(RuleSpec{Family: packet.IPv4, Mark: 3, Table: 100}))
	w.do(w.h.AddRule(RuleSpec{Family: packet.IPv4, From: netip.MustParsePrefix("198.51.100.0/24"), Table: 200}))
	w.do(w.h.AddRule(RuleSpec{Family: packet.IPv4, From: netip.MustParsePrefix("198.51.100.9/32"), Table: 300}))
	w.do(w.h.AddRule(RuleSpec{Family: packet.IPv4, Mark: 4, Table: 400})) // no such table
	w.do(w.h.AddMark(MarkRule{Family: packet.IPv4, Dst: netip.MustParsePrefix("9.0.0.0/8"), Mark: 3}))
	w.do(w.h.AddMark(MarkRule{Family: packet.IPv4, Dst: netip.MustParsePrefix("9.9.0.0/16"), Mark: 4}))
	for _, tt := range []struct{ src, dst, want string }{
		{"198.18.0.1", "8.8.8.8", "eth0 0200000000fe 198.18.0.1 > 8.8.8.8"},
		{"198.51.100.1", "8.8.8.8", "eth1 02000000010b 198.51.100.1 > 8.8.8.8"},
		{"198.51.100.9", "8.8.8.8", ""},
		{"198.51.100.9", "8.9.8.8", "eth1 02000000010b 198.51.100.9 > 8.9.8.8"},
		{"198.18.0.1", "9.1.1.1", "local 198.18.0.1 > 9.1.1.1"},
		{"198.51.100.1", "9.1.1.1", "eth1 02000000010b 198.51.100.1 > 9.1.1.1"},
		{"198.18.0.1", "9.9.1.1", "eth0 0200000000fe 198.18.0.1 > 9.9.1.1"},
		{"198.51.100.1", "10.1.0.1", "local 198.51.100.1 > 10.1.0.1"},
		{"192.0.2.255", "10.1.0.1", ""}, // with rules, sources are looked up
	} {
		var want []string
		if tt.want != "" {
			want = []string{tt.want}
		}
		if diff := cmp.Diff(want, w.in("eth0", udp4(tt.src, tt.dst, 8))); diff != "" {
			t.Errorf("%s > %s (-want +got)\n%s", tt.src, tt.dst, diff)
		}
	}
}

func TestConfigurationErrors(t *testing.T) {
	w := newWorld(t)
	p := netip.MustParsePrefix
	a := netip.MustParseAddr
	w.do(w.h.AddRule(RuleSpec{Family: packet.IPv4, Mark: 3, Table: 100}))
	for name, tt := range map[string]struct{ got, want error }{
		"interface twice":         {w.h.AddInterface("eth0", Dummy), ErrExists},
		"loopback twice":          {w.h.AddInterface("lo", Dummy), ErrExists},
		"no interface":            {w.h.SetUp("eth7", true), ErrNoDevice},
		"multicast MAC":           {w.h.SetMAC("eth0", [6]byte{1}), ErrAddressUnavailable},
		"MTU too small":           {w.h.SetMTU("eth0", 67), ErrInvalid},
		"address twice":           {w.h.AddAddr("eth0", p("192.0.2.1/24")), ErrExists},
		"IPv6 address twice":      {w.h.AddAddr("eth1", p("2001:db8:a::1/128")), ErrExists},
		"multicast address":       {w.h.AddAddr("eth0", p("224.0.0.1/32")), ErrInvalid},
		"no prefix":               {w.h.AddAddr("eth0", netip.Prefix{}), ErrInvalid},
		"neighbour twice":         {w.h.AddNeigh("eth1", a("10.1.0.11"), server), ErrExists},
		"neighbour of nothing":    {w.h.AddNeigh("eth9", a("10.1.0.11"), server), ErrNoDevice},
		"route twice":             {w.h.AddRoute(RouteSpec{Dst: p("0.0.0.0/0"), Via: a("192.0.2.254")}), ErrExists},
		"route with host bits":    {w.h.AddRoute(RouteSpec{Dst: p("10.9.0.1/24"), Via: a("192.0.2.254")}), ErrInvalid},
		"gateway beyond":          {w.h.AddRoute(RouteSpec{Dst: p("10.9.0.0/24"), Via: a("198.51.100.1")}), ErrGateway},
		"gateway of the other":    {w.h.AddRoute(RouteSpec{Dst: p("10.9.0.0/24"), Via: a("2001:db8:a::fe")}), ErrInvalid},
		"gateway by a wrong link": {w.h.AddRoute(RouteSpec{Dst: p("10.9.0.0/24"), Via: a("192.0.2.254"), Dev: "eth1"}), ErrGateway},
		"link that is down":       {w.h.AddRoute(RouteSpec{Dst: p("10.9.0.0/24"), Dev: "ipvs0"}), ErrDown},
		"neither via nor dev":     {w.h.AddRoute(RouteSpec{Dst: p("10.9.0.0/24")}), ErrNoDevice},
		"unknown link":            {w.h.AddRoute(RouteSpec{Dst: p("10.9.0.0/24"), Dev: "eth9"}), ErrNoDevice},
		"rule twice":              {w.h.AddRule(RuleSpec{Family: packet.IPv4, Mark: 3, Table: 100}), ErrExists},
		"rule to no table":        {w.h.AddRule(RuleSpec{Family: packet.IPv4, Mark: 3}), ErrInvalid},
		"rule of no family":       {w.h.AddRule(RuleSpec{Table: 1}), ErrInvalid},
		"mark for a UDP port":     {w.h.AddMark(MarkRule{Family: packet.IPv4, Protocol: 17, HasDPort: true}), ErrInvalid},
		"IPv6 below its MTU":      {errors.Join(w.h.SetMTU("ipvs0", 1279), w.h.AddAddr("ipvs0", p("2001:db8:f::1/128"))), ErrInvalid},
	} {
		if !errors.Is(tt.got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, tt.got, tt.want)
		}
	}
}

// TestPathMTU: what an error teaches about one destination is heeded by this
// host's packets to it, for ten minutes, and by forwarded ones only if it is
// below the least.
func TestPathMTU(t *testing.T) {
	w := newWorld(t)
	dst := addr("10.1.0.11")
	route := func() *packet.Route { return w.h.RouteOutput(packet.IPv4, dst, 0) }
	neighbour := w.h.RouteOutput(packet.IPv4, dst, xmit.KnownNextHop)
	shared := route()
	learn := func(mtu int) { w.h.UpdatePMTU(packet.IPv4, addr("10.1.0.1"), dst, packet.ProtoIPIP, mtu) }
	learn(1300)
	if shared.Gen == w.h.RouteGen() {
		t.Error("the link's route is still of this generation")
	}
	if neighbour.Gen != w.h.RouteGen() || neighbour.MTU != 1500 {
		t.Errorf("the route by the neighbour's name: generation %d of %d, MTU %d", neighbour.Gen, w.h.RouteGen(), neighbour.MTU)
	}
	r := route()
	if r.MTU != 1300 {
		t.Errorf("MTU %d after an error says 1300", r.MTU)
	}
	if o := w.h.RouteOutput(packet.IPv4, addr("10.1.0.12"), 0); o.MTU != 1500 {
		t.Errorf("MTU %d of another destination", o.MTU)
	}
	learn(1400)
	learn(1000)
	if r.MTU != 1000 || route() != r {
		t.Errorf("MTU %d of the route in use after an error says 1000", r.MTU)
	}
	big := udp4("198.51.100.1", "10.1.0.11", 1200)
	if got := w.in("eth0", big); len(got) != 1 {
		t.Errorf("forwarded: %q", got)
	}
	learn(300)
	if r.MTU != minPMTU {
		t.Errorf("MTU %d after an error says 300", r.MTU)
	}
	if got := w.in("eth0", big); len(got) != 3 {
		t.Errorf("forwarded where 552 is locked: %q", got)
	}
	learn(400)
	w.h.Advance(w.now + pmtuLifetime + time.Second)
	if r.MTU != 1500 {
		t.Errorf("MTU %d after ten minutes", r.MTU)
	}
	if f := route(); f.MTU != 1500 {
		t.Errorf("MTU %d of a route found after ten minutes", f.MTU)
	}
}

func TestAddrType(t *testing.T) {
	w := newWorld(t)
	for s, want := range map[string]xmit.AddrType{
		"10.1.0.1": xmit.AddrLocal, "127.3.3.3": xmit.AddrLocal, "203.0.113.10": xmit.AddrLocal,
		"10.1.0.255": xmit.AddrBroadcast, "255.255.255.255": xmit.AddrBroadcast, "0.0.0.0": xmit.AddrBroadcast,
		"224.1.1.1": xmit.AddrMulticast, "10.1.0.0": xmit.AddrUnicast, "8.8.8.8": xmit.AddrUnicast,
		"::": xmit.AddrInvalid, "::1": xmit.AddrLocal, "2001:db8:a::1": xmit.AddrLocal,
		"ff02::1": xmit.AddrMulticast, "2400::1": xmit.AddrUnicast,
	} {
		a, f := packet.AddrFrom(netip.MustParseAddr(s))
		if got := w.h.AddrType(f, a); got != want {
			t.Errorf("%s: got %d, want %d", s, got, want)
		}
	}
}

func TestSelectAddr(t *testing.T) {
	w := newWorld(t)
	for _, a := range [][2]string{
		{"eth1", "10.1.0.2/24"}, {"eth1", "10.9.0.1/24"}, {"eth1", "fd00:1::1/64"}, {"eth1", "2001:db8:1::2/64"},
		{"ipvs0", "2002:db8::1/128"},
	} {
		w.do(w.h.AddAddr(a[0], netip.MustParsePrefix(a[1])))
	}
	eth1, err := w.h.device("eth1")
	w.do(err)
	lo := w.h.ifaces[loopbackIf]
	for _, tt := range []struct {
		dev       *iface
		dst, want string
		scope     uint8
	}{
		{eth1, "10.1.0.77", "10.1.0.1", scopeGlobal},
		{eth1, "10.9.0.77", "10.9.0.1", scopeGlobal},
		{eth1, "8.8.8.8", "10.1.0.1", scopeGlobal},
		{eth1, "0.0.0.0", "10.1.0.1", scopeGlobal},
		{lo, "8.8.8.8", "192.0.2.1", scopeGlobal}, // none there: the first interface that has one
		{lo, "127.0.0.1", "127.0.0.1", scopeHost},
	} {
		if got := w.h.selectAddr4(tt.dev, addr(tt.dst), tt.scope); got != addr(tt.want) {
			t.Errorf("%s on %s: got %s, want %s", tt.dst, tt.dev.name, got.Netip(packet.IPv4), tt.want)
		}
	}
	for _, tt := range []struct {
		dev       *iface
		dst, want string
	}{
		{eth1, "2400::1", "2001:db8:1::2"},       // of equal ones the latest
		{eth1, "2001:db8:1::1", "2001:db8:1::1"}, // the address itself
		{eth1, "fd00:77::1", "fd00:1::1"},        // the same label
		{eth1, "2002:77::1", "2001:db8:1::2"},    // the interface goes before the label
		{nil, "2002:77::1", "2002:db8::1"},
		{nil, "2001:db8:a::99", "2001:db8:a::1"}, // the longest common prefix
		{lo, "::1", "::1"},
	} {
		if got := w.h.selectAddr6(tt.dev, addr(tt.dst)); got != addr(tt.want) {
			t.Errorf("%s: got %s, want %s", tt.dst, got.Netip(packet.IPv6), tt.want)
		}
	}
}
