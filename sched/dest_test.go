package sched

import (
	"testing"

	"goipvs/packet"
)

// Features: T1.
func TestThresholds(t *testing.T) {
	type step struct {
		do   string // "bind", "unbind", or "edit"
		n    int    // how many times
		x, y uint32 // thresholds of an edit
		want bool   // overloaded then
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"upper alone", []step{
			{do: "edit", x: 8},
			{do: "bind", n: 7, want: false}, {do: "bind", n: 1, want: true},
			{do: "unbind", n: 2, want: true},  // 6 = 8 - 8/4
			{do: "unbind", n: 1, want: false}, // 5
			{do: "bind", n: 2, want: false},   // 7
			{do: "bind", n: 1, want: true},
		}},
		{"lower", []step{
			{do: "edit", x: 4, y: 2},
			{do: "bind", n: 4, want: true},
			{do: "unbind", n: 2, want: true},
			{do: "unbind", n: 1, want: false},
		}},
		{"templates and held connections go past it", []step{
			{do: "edit", x: 2},
			{do: "bind", n: 5, want: true},
			{do: "unbind", n: 3, want: true},
			{do: "unbind", n: 1, want: false},
		}},
		{"one", []step{
			{do: "edit", x: 1},
			{do: "bind", n: 1, want: true},
			{do: "unbind", n: 1, want: false},
		}},
		{"edits between the thresholds leave it", []step{
			{do: "edit", x: 4},
			{do: "bind", n: 4, want: true},
			{do: "edit", x: 5, want: true}, // 5 - 5/4 = 4
			{do: "edit", x: 8, y: 5, want: false},
			{do: "edit", x: 8, y: 1, want: false},
			{do: "edit", x: 4, y: 1, want: true},
			{do: "edit", x: 8, y: 1, want: true},
			{do: "edit", want: false},
		}},
		{"an edit of the lower one alone", []step{
			{do: "edit", x: 8, y: 2},
			{do: "bind", n: 8, want: true},
			{do: "unbind", n: 4, want: true},
			{do: "edit", x: 8, y: 5, want: false},
		}},
		{"an edit finds it overloaded", []step{
			{do: "bind", n: 3},
			{do: "edit", x: 3, want: true},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t, "rr", 0, 1)
			d := s.First()
			for i, st := range tt.steps {
				for range st.n {
					if st.do == "bind" {
						d.Bind(false, true)
					} else {
						d.Unbind(false, true)
					}
				}
				if st.do == "edit" {
					edit(t, s, DestConfig{DestKey: server(1), Weight: 1, Upper: st.x, Lower: st.y})
				}
				if got := d.Overloaded(); got != st.want {
					t.Errorf("step %d (%+v), %d connections: %v", i+1, st, d.Total.Load(), got)
				}
				if want := map[bool]int{true: 0, false: 1}[st.want]; choose(s, "10.9.9.9:1") != want {
					t.Errorf("step %d: chosen %v", i+1, want == 0)
				}
			}
		})
	}
}

// Features: C7.
func TestBindCounts(t *testing.T) {
	d := newService(t, "rr", 0, 1).First()
	check := func(step string, active, inactive, persist int32) {
		t.Helper()
		if a, i, p := d.Active.Load(), d.InactiveConns(), d.Persist.Load(); a != active || i != inactive || p != persist {
			t.Errorf("%s: %d active, %d inactive, %d templates", step, a, i, p)
		}
	}
	d.Bind(false, false)
	d.Bind(false, true)
	d.Bind(true, true)
	check("bound", 1, 1, 1)
	d.SetActive(true)
	check("second active", 2, 0, 1)
	d.SetActive(false)
	check("and not", 1, 1, 1)
	d.Unbind(true, true)
	d.Unbind(false, false)
	check("two gone", 0, 1, 0)
	d.Unbind(false, true)
	check("all gone", 0, 0, 0)
	if n := d.refs.Load(); n != 0 {
		t.Errorf("%d references", n)
	}
}

// Features: C5.
func TestConnFlags(t *testing.T) {
	for f, want := range map[Forward]uint32{Masq: 0x100, LocalNode: 0x181, Tunnel: 0x182, DRoute: 0x183, Bypass: 0x184} {
		d := Dest{DestConfig: DestConfig{Forward: f}}
		if got := d.ConnFlags(); got != want {
			t.Errorf("%v: %#x, want %#x", f, got, want)
		}
	}
}

// Features: S8.
func TestEditDest(t *testing.T) {
	s := newService(t, "wlc", 0, 3, 1)
	d := s.Last()
	d.Route.Store(&packet.Route{})
	edit(t, s, DestConfig{DestKey: server(1), Weight: 0, Forward: Tunnel})
	if d.Route.Load() != nil || d.Weight != 0 || d.LastWeight != 3 || d.Forward != Tunnel {
		t.Errorf("route %v, weight %d, last %d, %v", d.Route.Load(), d.Weight, d.LastWeight, d.Forward)
	}
	edit(t, s, DestConfig{DestKey: server(1), Weight: 2})
	if d.LastWeight != 2 || s.Last() != d || s.Dest(server(1)) != d {
		t.Errorf("last weight %d", d.LastWeight)
	}
	if d := add(t, s, DestConfig{DestKey: server(3)}); d.LastWeight != 0 || s.First() != d {
		t.Errorf("added with weight 0: last weight %d", d.LastWeight)
	}
}

func TestRealService(t *testing.T) {
	tab := NewTable()
	tcp := addService(t, tab, ServiceConfig{ServiceKey: testSvc, Scheduler: "rr"})
	udp := addService(t, tab, ServiceConfig{ServiceKey: testKey(packet.ProtoUDP, "192.0.2.1:80"), Scheduler: "rr"})
	mark := addService(t, tab, ServiceConfig{ServiceKey: ServiceKey{Family: packet.IPv4, FWMark: 1}, Scheduler: "rr"})
	find := func(proto uint8) *Service {
		k := server(1)
		if d := tab.RealService(k.Family, proto, k.Addr, k.Port); d != nil {
			return d.Service()
		}
		return nil
	}
	check := func(step string, overTCP, overUDP *Service) {
		t.Helper()
		if got := find(packet.ProtoTCP); got != overTCP {
			t.Errorf("%s: TCP: %v", step, got)
		}
		if got := find(packet.ProtoUDP); got != overUDP {
			t.Errorf("%s: UDP: %v", step, got)
		}
	}
	check("none", nil, nil)
	masq, tunnel := DestConfig{DestKey: server(1)}, DestConfig{DestKey: server(1), Forward: Tunnel}
	add(t, tcp, masq)
	add(t, udp, masq)
	check("each", tcp, udp)
	add(t, mark, masq)
	check("of a mark", mark, mark)
	edit(t, tcp, masq)
	check("edited, same place", mark, mark)
	edit(t, tcp, tunnel)
	edit(t, mark, tunnel)
	check("tunnelled", nil, udp)
	edit(t, tcp, masq)
	check("again", tcp, udp)
	del(t, tcp, server(1))
	del(t, udp, server(1))
	check("deleted", nil, nil)
	add(t, udp, masq)
	check("taken back", nil, udp)
	if err := tab.DelService(udp.ServiceKey); err != nil {
		t.Fatal(err)
	}
	check("without service", nil, nil)
	if len(tab.real) != 1 { // the mark's tunnel
		t.Errorf("%d addresses", len(tab.real))
	}
}

func TestTunnelTo(t *testing.T) {
	s := newService(t, "rr", 0)
	tunnel := func(n int, typ TunType, port uint16) DestConfig {
		return DestConfig{DestKey: server(n), Forward: Tunnel, TunType: typ, TunPort: port}
	}
	add(t, s, tunnel(1, TunIPIP, 0))
	add(t, s, tunnel(2, TunGUE, 6080))
	add(t, s, tunnel(3, TunGRE, 0))
	add(t, s, tunnel(4, 3, 0))                // no such type
	add(t, s, tunnel(5, TunIPIP, 0x10))       // kept by port 0, another bucket
	add(t, s, tunnel(6, TunIPIP, 0x11))       // kept by port 0, same bucket
	add(t, s, DestConfig{DestKey: server(7)}) // NAT
	for _, tt := range []struct {
		n    int
		port uint16
		want bool
	}{
		{1, 0, true}, {1, 6080, false},
		{2, 6080, true}, {2, 0, false}, {2, 6081, false},
		{3, 0, true}, {4, 0, false},
		{5, 0x10, false}, {5, 0, false}, {6, 0x11, true}, {6, 0, false},
		{7, 0, false}, {7, 80, false},
	} {
		if got := s.table.TunnelTo(packet.IPv4, server(tt.n).Addr, tt.port); (got != nil) != tt.want {
			t.Errorf("server %d, port %d: %v", tt.n, tt.port, got != nil)
		}
	}
	edit(t, s, tunnel(2, TunGUE, 7000))
	if s.table.TunnelTo(packet.IPv4, server(2).Addr, 6080) != nil || s.table.TunnelTo(packet.IPv4, server(2).Addr, 7000) == nil {
		t.Error("edited port")
	}
}
