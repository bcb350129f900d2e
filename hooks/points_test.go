package hooks

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// The table is what the kernel registers (ip_vs_core.c, ip_vs_ops4, 6.1).
//
// Features: H1, H2, H3, H4, H5, H6.
func TestPlaces(t *testing.T) {
	var got []string
	for _, p := range Places {
		got = append(got, fmt.Sprintf("%v %d %s", p.Point, p.Priority, p.Kernel))
		if p.Name == "" || p.Purpose == "" {
			t.Errorf("%v %d: not described", p.Point, p.Priority)
		}
	}
	want := []string{
		"LOCAL_IN 98 ip_vs_out_hook", "LOCAL_IN 99 ip_vs_in_hook",
		"LOCAL_OUT -99 ip_vs_out_hook", "LOCAL_OUT -98 ip_vs_in_hook",
		"FORWARD 99 ip_vs_forward_icmp", "FORWARD 100 ip_vs_out_hook",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// At each point the functions run in the order of their priority, until one does
// not accept.
//
// Features: H2.
func TestHookOrder(t *testing.T) {
	for _, c := range []struct {
		pt     Point
		packet []byte
		want   []string
	}{
		{LocalIn, from(1).ICMP(8, 0, 0, nil), []string{"ip_vs_out_hook", "ip_vs_in_hook"}},
		{LocalOut, from(1).ICMP(8, 0, 0, nil), []string{"ip_vs_out_hook", "ip_vs_in_hook"}},
		{Forward, from(1).ICMP(8, 0, 0, nil), []string{"ip_vs_forward_icmp", "ip_vs_out_hook"}},
		{LocalIn, from(1).TCP(1, 80, packettest.SYN, nil), []string{"ip_vs_out_hook", "ip_vs_in_hook"}},
	} {
		w := newWorld(t)
		svc{}.add(w, rs4)
		var got []string
		p := packettest.Arrived(c.packet, true)
		p.Listener = eventFunc(func(e packet.Event) {
			if e, ok := e.(Entered); ok {
				if e.Point != c.pt {
					t.Errorf("%v: entered at %v", c.pt, e.Point)
				}
				got = append(got, e.Func())
			}
		})
		w.Hook(c.pt, p)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%v: -want +got:\n%s", c.pt, d)
		}
	}
	// A reply that the first function handled is not the second one's.
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.steps(
		step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.11:8080"},
		step{func() string {
			return w.in(packettest.IP{Src: rs4, Dst: client4}.TCP(8080, 1024, packettest.SYN|packettest.ACK, nil))
		}, "ACCEPT already-ours: 203.0.113.10:80 > 198.51.100.1:1024"},
	)
}

// eventFunc is a Listener.
type eventFunc func(packet.Event)

func (f eventFunc) Event(_ *packet.Packet, e packet.Event) { f(e) }

// The hooks of a family exist while it has a service; connections survive.
//
// Features: H2.
func TestHooksExistWithServices(t *testing.T) {
	w := newWorld(t)
	in6 := func() string { return w.in(from6(1).TCP(1024, 80, packettest.SYN, nil)) }
	var k sched.ServiceKey
	w.steps(
		step{w.syn(1, 1024), "ACCEPT no-hooks"},
		quietly(func() { k = svc{}.add(w, rs4) }),
		step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.11:8080"},
		step{in6, "ACCEPT no-hooks"},
		quietly(func() { svc{vip: vip6}.add(w, rs6) }),
		step{in6, "STOLEN request: [2001:db8:c::1]:1024 > [2001:db8:1::b]:8080"},
		quietly(func() {
			if err := w.DelService(k); err != nil {
				t.Fatal(err)
			}
		}),
		step{w.ack(1, 1024), "ACCEPT no-hooks"},
		step{in6, "STOLEN request: [2001:db8:c::1]:1024 > [2001:db8:1::b]:8080"},
		quietly(func() { svc{}.add(w, rs4) }),
		step{w.ack(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.11:8080"},
		quietly(w.Flush),
		step{w.ack(1, 1024), "ACCEPT no-hooks"},
		step{in6, "ACCEPT no-hooks"},
	)
	if w.Active(packet.IPv4) || w.Active(packet.IPv6) {
		t.Error("still active")
	}
	// A service by mark is one of its family only.
	svc{mark: 7, vip: vip6}.add(w)
	if w.Active(packet.IPv4) || !w.Active(packet.IPv6) {
		t.Error("a mark of IPv6 activates another family")
	}
}

// What no hook function looks at.
//
// Features: 1.1, 6.5.
func TestPasses(t *testing.T) {
	syn := from(1).TCP(1024, 80, packettest.SYN, nil)
	for _, c := range []struct {
		name   string
		pt     Point
		packet []byte
		change func(*packet.Packet)
		want   string
	}{
		{"already ours", LocalIn, syn, func(p *packet.Packet) { p.Ours = true }, "ACCEPT already-ours: 198.51.100.1:1024 > 203.0.113.10:80"},
		{"by a broadcast frame", LocalIn, syn, func(p *packet.Packet) { p.Kind = packet.ToBroadcast }, "ACCEPT not-for-host"},
		{"by a multicast frame", LocalIn, syn, func(p *packet.Packet) { p.Kind = packet.ToMulticast }, "ACCEPT not-for-host"},
		{"for another host", LocalIn, syn, func(p *packet.Packet) { p.Kind = packet.ToOther }, "ACCEPT not-for-host"},
		{"for another host, made here", LocalOut, syn, func(p *packet.Packet) { p.Kind, p.InIf = packet.ToOther, 0 }, "STOLEN request: 198.51.100.1:1024 > 10.1.0.11:8080"},
		{"not routed", LocalIn, syn, func(p *packet.Packet) { p.Route = nil }, "ACCEPT not-routed"},
		{"not routed, forwarded", Forward, from(1).TCP(1, 2, 0, nil), func(p *packet.Packet) { p.Route = nil }, "ACCEPT not-routed"},
		{"forwarded", Forward, syn, nil, "ACCEPT no-connection"},
		{"echo request", LocalIn, from(1).ICMP(8, 0, 0, nil), nil, "ACCEPT other-protocol"},
		{"IPIP", LocalIn, from(1).Wrap(packet.ProtoIPIP, syn), nil, "ACCEPT other-protocol"},
		{"protocol 99", LocalIn, from(1).Wrap(99, nil), nil, "ACCEPT other-protocol"},
		{"ESP without IKE", LocalIn, from(1).Wrap(packet.ProtoESP, packettest.Payload(8)), nil, "ACCEPT related-only"},
		{"AH without IKE", LocalIn, from(1).Wrap(packet.ProtoAH, packettest.Payload(8)), nil, "ACCEPT related-only"},
		{"IPv6 that can't be parsed", LocalIn, packettest.Change(from6(1).Wrap(0, nil), 6, 0), nil, "ACCEPT other-protocol"},
		{"another port", LocalIn, from(1).TCP(1024, 81, packettest.SYN, nil), nil, "ACCEPT no-service"},
		{"another protocol on the port", LocalIn, from(1).UDP(1024, 80, nil), nil, "ACCEPT no-service"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			svc{}.add(w, rs4)
			svc{vip: vip6}.add(w, rs6)
			p := packettest.Arrived(c.packet, true)
			if c.change != nil {
				c.change(p)
			}
			before := string(p.Data())
			if got := w.hook(c.pt, p); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			if c.want[:6] == "ACCEPT" && string(p.Data()) != before {
				t.Error("changed")
			}
		})
	}
}

// What IPVS doesn't balance has come through a tunnel: with ignore_tunneled what
// is inside passes, too.
//
// Features: 11.
func TestIgnoreTunneled(t *testing.T) {
	for value, want := range map[string]bool{"0": false, "1": true} {
		w := newWorld(t)
		svc{}.add(w, rs4)
		w.set("ignore_tunneled=" + value)
		for _, pt := range []Point{LocalIn, LocalOut} {
			p := packettest.Arrived(from(1).Wrap(packet.ProtoIPIP, nil), true)
			w.Hook(pt, p)
			if p.Ours != want {
				t.Errorf("ignore_tunneled=%s at %v: ours %v", value, pt, p.Ours)
			}
		}
		p := packettest.Arrived(from(1).Wrap(packet.ProtoIPIP, nil), false)
		if w.Hook(Forward, p); p.Ours {
			t.Error("forwarded")
		}
	}
}

// backup_only is for directors that are backups, which there are none of.
//
// Features: 11.
func TestBackupOnly(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.set("backup_only=1")
	w.steps(step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.11:8080"})
}

func TestNames(t *testing.T) {
	if s := fmt.Sprint(LocalIn, Forward, LocalOut); s != "LOCAL_IN FORWARD LOCAL_OUT" {
		t.Error(s)
	}
}

// Which addresses a server may have.
func TestValidAddr(t *testing.T) {
	for addr, want := range map[string]bool{
		"10.1.0.11": true, "10.1.0.1": true, "127.0.0.1": true,
		"0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false,
		"2001:db8:1::b": true, "2001:db8:1::1": true, "::1": true, "fe80::1": true,
		"::": false, "ff02::1": false, "fe80::2": false, "::ffff:10.1.0.11": false, "::10.1.0.11": true,
		"2001:db8:2::1": true, "192.0.2.99": true, // without a route
	} {
		w := newWorld(t)
		w.stack.Local[packettest.Addr("fe80::1")] = true
		w.stack.Gone = map[packet.Addr]bool{packettest.Addr("2001:db8:2::1"): true, packettest.Addr("192.0.2.99"): true}
		k := svc{}.add(w)
		if err := w.AddDest(k, w.dest(addr+" -i")); (err == nil) != want {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
