package sched

import (
	"testing"
	"time"

	"goipvs/packet"
)

// Features: C11.
func TestTrashTimes(t *testing.T) {
	s := newService(t, "rr", 0, 1, 1)
	tab := s.table
	a, b := s.Dest(server(1)), s.Dest(server(2))
	if tab.NextTimer() != never {
		t.Fatal("a timer without trash")
	}
	tab.Advance(10 * time.Second)
	del(t, s, server(1))
	if got := tab.NextTimer(); got != 70*time.Second {
		t.Errorf("first look at %v", got)
	}
	tab.Advance(30 * time.Second)
	b.Bind(false, true)
	del(t, s, server(2))
	// a is seen idle at 70 s, 130 s, and freed at 190 s.
	tab.Advance(189 * time.Second)
	if tab.Dest(a.ID) != a {
		t.Error("freed early")
	}
	tab.Advance(190 * time.Second)
	if tab.Dest(a.ID) != nil || tab.Dest(b.ID) != b {
		t.Error("not freed, or freed with a connection")
	}
	b.Unbind(false, true)
	// Seen idle at 250 s.
	tab.Advance(369 * time.Second)
	if tab.Dest(b.ID) != b || tab.NextTimer() != 370*time.Second {
		t.Errorf("freed early; next at %v", tab.NextTimer())
	}
	tab.Advance(370 * time.Second)
	if tab.Dest(b.ID) != nil || tab.NextTimer() != never {
		t.Errorf("not freed; next at %v", tab.NextTimer())
	}
}

// Features: C11.
func TestTrashTakesBack(t *testing.T) {
	s := newService(t, "rr", 0, 1, 1)
	tab := s.table
	d := s.Dest(server(1))
	d.Stats.Add(&Counters{Conns: 1})
	d.Stats.Estimate()
	d.Bind(false, false)
	d.Route.Store(&packet.Route{})
	del(t, s, server(1))
	if d.Available || tab.Dest(d.ID) != d || s.Dest(server(1)) != nil || s.NumDests() != 1 {
		t.Error("not deleted")
	}
	if got := add(t, s, DestConfig{DestKey: server(1), Weight: 7}); got != d || !d.Available || s.First() != d {
		t.Error("another one, or not the newest")
	}
	if total, _ := d.Stats.Read(); total.Conns != 1 || d.Active.Load() != 1 || d.LastWeight != 7 || d.Route.Load() != nil {
		t.Error("connections or counters lost, or route kept")
	}

	// A new service of the same identity takes it, too; its counters start anew.
	if err := tab.DelService(testSvc); err != nil {
		t.Fatal(err)
	}
	if d.Service() != s {
		t.Error("lost its service")
	}
	s2 := addService(t, tab, ServiceConfig{ServiceKey: testSvc, Scheduler: "wlc"})
	if got := add(t, s2, DestConfig{DestKey: server(1), Weight: 1}); got != d || d.Service() != s2 {
		t.Error("another one")
	}
	if total, _ := d.Stats.Read(); total.Conns != 0 || d.Active.Load() != 1 {
		t.Error("counters kept, or connections lost")
	}

	// Another service doesn't.
	del(t, s2, server(1))
	other := addService(t, tab, ServiceConfig{ServiceKey: testKey(packet.ProtoUDP, "192.0.2.1:80"), Scheduler: "rr"})
	if got := add(t, other, DestConfig{DestKey: server(1), Weight: 1}); got == d || got.ID == d.ID {
		t.Error("another service's server taken back")
	}
}

func TestTrashOrder(t *testing.T) {
	s := newService(t, "rr", 0, 1, 1, 1)
	tab := s.table
	del(t, s, server(2))
	tab.Flush()
	var got []int
	tab.Trash(func(d *Dest) { got = append(got, octet(d)) })
	// The flush went through the list, newest first.
	if len(got) != 3 || got[0] != 1 || got[1] != 3 || got[2] != 2 {
		t.Errorf("%v", got)
	}
}

// A number is a server's own as long as anything refers to it.
func TestNumbers(t *testing.T) {
	s := newService(t, "rr", 0, 1, 1)
	tab := s.table
	if tab.Dest(0) != nil || tab.Dest(99) != nil {
		t.Error("a server for no number")
	}
	d := s.Dest(server(1))
	id := d.ID
	d.Bind(true, true)
	del(t, s, server(1))
	tab.Advance(time.Hour)
	if tab.Dest(id) != d {
		t.Fatal("freed with a template")
	}
	d.Unbind(true, true)
	tab.Advance(2 * time.Hour)
	if n := add(t, s, DestConfig{DestKey: server(1)}); n == d || n.ID != id {
		t.Errorf("number %d not reused but %d", id, n.ID)
	}
}

// A mark's services of both families are one to the trash; of two servers that
// fit, the one deleted last comes back.
func TestTrashMarks(t *testing.T) {
	tab := NewTable()
	v4 := addService(t, tab, ServiceConfig{ServiceKey: ServiceKey{Family: packet.IPv4, FWMark: 1}, Scheduler: "rr"})
	v6 := addService(t, tab, ServiceConfig{ServiceKey: ServiceKey{Family: packet.IPv6, FWMark: 1}, Scheduler: "rr", Netmask: 128})
	c := DestConfig{DestKey: server(1), Forward: Tunnel}
	a, b := add(t, v4, c), add(t, v6, c)
	del(t, v4, c.DestKey)
	del(t, v6, c.DestKey)
	if add(t, v4, c) != b || add(t, v6, c) != a {
		t.Error("not the one deleted last first")
	}
}

// Deleted again, a server has its two minutes again.
//
// Features: C11.
func TestTrashAgain(t *testing.T) {
	s := newService(t, "rr", 0, 1)
	tab, d := s.table, s.First()
	del(t, s, server(1))
	tab.Advance(70 * time.Second)
	add(t, s, d.DestConfig)
	tab.Advance(80 * time.Second)
	del(t, s, server(1))
	tab.Advance(259 * time.Second)
	if tab.Dest(d.ID) != d {
		t.Error("freed early")
	}
	tab.Advance(260 * time.Second)
	if tab.Dest(d.ID) != nil {
		t.Error("not freed")
	}
}
