package route_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"goipvs/internal/live/nstest"
	"goipvs/internal/live/route"
	"goipvs/packet"
	"goipvs/xmit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func addr(s string) packet.Addr {
	if s == "" {
		return packet.Addr{}
	}
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

func family(s string) packet.Family {
	_, f := packet.AddrFrom(netip.MustParseAddr(s))
	return f
}

// open makes a host with eth0 (index 2) and its table.
func open(t *testing.T) (*nstest.NS, *route.Table) {
	ns, far := nstest.New(t), nstest.New(t)
	nstest.Join(t, ns, "eth0", far, "eth0")
	ns.Addr(t, "eth0", "10.0.0.1/24")
	ns.Addr(t, "eth0", "2001:db8::1/64")
	ns.Addr(t, "lo", "203.0.113.9/32")
	ns.Addr(t, "lo", "2001:db8:f::9/128")
	ns.Route(t, "198.51.100.0/24", "10.0.0.254")
	ns.Route(t, "2001:db8:c::/48", "2001:db8::fe")
	var table *route.Table
	ns.Do(t, func() {
		var err error
		for _, c := range []struct {
			dst  string
			typ  int
			mtu  int
			link int
		}{
			{"192.0.2.0/24", unix.RTN_UNREACHABLE, 0, 0},
			{"192.0.3.0/24", unix.RTN_BLACKHOLE, 0, 0},
			{"192.0.4.0/24", unix.RTN_PROHIBIT, 0, 0},
			{"2001:db8:d::/48", unix.RTN_UNREACHABLE, 0, 0},
			{"192.0.5.0/24", unix.RTN_UNICAST, 1400, 2},
		} {
			dst, _ := netlink.ParseIPNet(c.dst)
			if err := netlink.RouteAdd(&netlink.Route{Dst: dst, Type: c.typ, MTU: c.mtu, LinkIndex: c.link}); err != nil {
				t.Errorf("%s: %v", c.dst, err)
			}
		}
		if table, err = route.Open(); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(table.Close)
	return ns, table
}

func TestOutput(t *testing.T) {
	_, table := open(t)
	for _, c := range []struct {
		name  string
		dst   string
		flags xmit.RouteFlags
		want  *packet.Route
	}{
		{"on the link", "10.0.0.7", 0, &packet.Route{OutIf: 2, MTU: 1500, Src: addr("10.0.0.1")}},
		{"on the link, known next hop", "10.0.0.7", xmit.KnownNextHop, &packet.Route{OutIf: 2, MTU: 1500, NextHop: addr("10.0.0.7"), Src: addr("10.0.0.1")}},
		{"by a gateway", "198.51.100.7", 0, &packet.Route{OutIf: 2, MTU: 1500, NextHop: addr("10.0.0.254"), Src: addr("10.0.0.1")}},
		{"by a gateway, known next hop", "198.51.100.7", xmit.KnownNextHop, &packet.Route{OutIf: 2, MTU: 1500, NextHop: addr("10.0.0.254"), Src: addr("10.0.0.1")}},
		{"source bound", "198.51.100.7", xmit.BindSource, &packet.Route{OutIf: 2, MTU: 1500, NextHop: addr("10.0.0.254"), Src: addr("10.0.0.1")}},
		{"with an MTU", "192.0.5.1", 0, &packet.Route{OutIf: 2, MTU: 1400, Src: addr("10.0.0.1")}},
		{"local", "10.0.0.1", 0, &packet.Route{Local: true, OutIf: 1, MTU: 65535, Src: addr("10.0.0.1")}},
		{"local on lo", "203.0.113.9", 0, &packet.Route{Local: true, OutIf: 1, MTU: 65535, Src: addr("203.0.113.9")}},
		{"no route", "192.0.9.1", 0, nil},
		{"unreachable", "192.0.2.1", 0, nil},
		{"blackhole", "192.0.3.1", 0, nil},
		{"prohibit", "192.0.4.1", 0, nil},
		{"on the link, 6", "2001:db8::7", 0, &packet.Route{OutIf: 2, MTU: 1500, Src: addr("2001:db8::1")}},
		{"by a gateway, 6", "2001:db8:c::7", xmit.KnownNextHop, &packet.Route{OutIf: 2, MTU: 1500, NextHop: addr("2001:db8::fe"), Src: addr("2001:db8::1")}},
		{"local, 6", "2001:db8::1", 0, &packet.Route{Local: true, OutIf: 1, MTU: 65536, Src: addr("2001:db8::1")}},
		{"no route, 6", "2001:db8:e::1", 0, nil},
		{"unreachable, 6", "2001:db8:d::1", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := family(c.dst)
			got := table.Output(f, addr(c.dst), c.flags)
			if got != nil {
				if got.Gen != table.Gen() || got.Family != f {
					t.Errorf("generation %d, family %v", got.Gen, got.Family)
				}
				if table.Output(f, addr(c.dst), c.flags) != got {
					t.Error("not remembered")
				}
			}
			if d := cmp.Diff(c.want, got, cmpopts.IgnoreFields(packet.Route{}, "Gen", "Family")); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestAddrType(t *testing.T) {
	_, table := open(t)
	for a, want := range map[string]xmit.AddrType{
		"10.0.0.1": xmit.AddrLocal, "203.0.113.9": xmit.AddrLocal, "127.0.0.3": xmit.AddrLocal,
		"10.0.0.255": xmit.AddrBroadcast, "255.255.255.255": xmit.AddrBroadcast, "0.0.0.0": xmit.AddrBroadcast,
		"224.0.0.1": xmit.AddrMulticast, "10.0.0.7": xmit.AddrUnicast, "192.0.9.1": xmit.AddrUnicast, "192.0.3.1": xmit.AddrUnicast,
		"2001:db8::1": xmit.AddrLocal, "::1": xmit.AddrLocal, "2001:db8::7": xmit.AddrUnicast,
		"ff02::1": xmit.AddrMulticast, "::": xmit.AddrInvalid, "2001:db8:d::1": xmit.AddrInvalid,
	} {
		for range 2 {
			if got := table.AddrType(family(a), addr(a)); got != want {
				t.Errorf("%s: %v, want %v", a, got, want)
			}
		}
	}
}

func TestFrom(t *testing.T) {
	_, table := open(t)
	for _, c := range []struct{ src, dst, want string }{
		{"", "198.51.100.7", "10.0.0.1"},
		{"203.0.113.9", "198.51.100.7", "203.0.113.9"},
		{"203.0.113.8", "198.51.100.7", "none"},
		{"", "2001:db8:c::7", "2001:db8::1"},
		{"2001:db8:f::9", "2001:db8:c::7", "2001:db8:f::9"},
		{"2001:db8:f::8", "2001:db8:c::7", "none"},
	} {
		got := table.From(family(c.dst), addr(c.src), addr(c.dst), 0xc0, 0)
		if c.want == "none" {
			if got != nil {
				t.Errorf("%s to %s: %+v", c.src, c.dst, got)
			}
		} else if got == nil || got.Src != addr(c.want) {
			t.Errorf("%s to %s: %+v, want source %s", c.src, c.dst, got, c.want)
		}
	}
}

// eventually waits for what the kernel tells.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func TestFollowsChanges(t *testing.T) {
	ns, table := open(t)
	dst := addr("198.51.100.7")
	gateway := func(a string) func() bool {
		return func() bool {
			r := table.Output(packet.IPv4, dst, 0)
			return r != nil && r.NextHop == addr(a)
		}
	}
	eventually(t, "first", gateway("10.0.0.254"))
	ns.Route(t, "198.51.100.0/25", "10.0.0.253")
	eventually(t, "a route", gateway("10.0.0.253"))
	gen := table.Gen()
	if table.Policy(packet.IPv4) || table.Policy(packet.IPv6) {
		t.Error("policy without a rule")
	}
	ns.Do(t, func() {
		l, err := netlink.LinkByName("eth0")
		if err == nil {
			err = netlink.LinkSetMTU(l, 1400)
		}
		if err != nil {
			t.Error(err)
		}
	})
	eventually(t, "an MTU", func() bool { return table.Output(packet.IPv4, dst, 0).MTU == 1400 })
	if table.Gen() == gen {
		t.Error("the same generation")
	}
	ns.Do(t, func() {
		r := netlink.NewRule()
		r.Family, r.Mark, r.Table = unix.AF_INET, 1, 100
		if err := netlink.RuleAdd(r); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "a rule", func() bool { return table.Policy(packet.IPv4) })
	ns.Addr(t, "lo", "203.0.113.10/32")
	eventually(t, "an address", func() bool { return table.AddrType(packet.IPv4, addr("203.0.113.10")) == xmit.AddrLocal })
	ns.Do(t, func() {
		l, err := netlink.LinkByName("eth0")
		if err == nil {
			err = netlink.LinkSetDown(l)
		}
		if err != nil {
			t.Error(err)
		}
	})
	eventually(t, "a link", func() bool { return table.Output(packet.IPv4, dst, 0) == nil })
}

func TestUpdatePMTU(t *testing.T) {
	_, table := open(t)
	dst := addr("198.51.100.7")
	mtu := func() int { return table.Output(packet.IPv4, dst, 0).MTU }
	for _, c := range []struct{ told, want int }{{1600, 1500}, {1400, 1400}, {1450, 1400}, {100, 552}, {0, 552}} {
		gen := table.Gen()
		old := mtu()
		table.UpdatePMTU(packet.IPv4, dst, c.told)
		if got := mtu(); got != c.want {
			t.Errorf("told %d: %d, want %d", c.told, got, c.want)
		}
		if (table.Gen() != gen) != (c.told < old) {
			t.Errorf("told %d: generation %d, was %d", c.told, table.Gen(), gen)
		}
	}
	if got := table.Output(packet.IPv4, addr("198.51.100.8"), 0).MTU; got != 1500 {
		t.Errorf("another address: %d", got)
	}
}
