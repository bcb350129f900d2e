package sched

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a ledger counts is in the figures of server, service and total once it is
// folded, and not before.
func TestLedger(t *testing.T) {
	s := newService(t, "rr", 0, 1, 1)
	tab := s.table
	a, b := tab.NewLedger(), tab.NewLedger()
	one, two := s.Dest(server(1)), s.Dest(server(2))
	check := func(when string, total, service, d1, d2 Counters) {
		t.Helper()
		tab.Estimate()
		var got []Counters
		for _, st := range []*Stats{tab.Total, &s.Stats, &one.Stats, &two.Stats} {
			c, _ := st.Read()
			got = append(got, c)
		}
		if d := cmp.Diff([]Counters{total, service, d1, d2}, got); d != "" {
			t.Errorf("%s:\n%s", when, d)
		}
	}
	a.Conn(one, s)
	a.In(one, 40)
	a.In(one, 60)
	a.Out(two, 1500)
	b.In(two, 7)
	b.Conn(two, s)
	check("before", Counters{}, Counters{}, Counters{}, Counters{})
	a.Fold()
	check("one folded", Counters{1, 2, 1, 100, 1500}, Counters{1, 2, 1, 100, 1500}, Counters{1, 2, 0, 100, 0}, Counters{OutPkts: 1, OutBytes: 1500})
	a.Fold()
	b.Fold()
	all := Counters{2, 3, 1, 107, 1500}
	check("both", all, all, Counters{1, 2, 0, 100, 0}, Counters{1, 1, 1, 7, 1500})

	// What was counted while the server was one service's stays there.
	a.In(one, 10)
	a.Conn(one, s)
	if err := tab.DelService(testSvc); err != nil {
		t.Fatal(err)
	}
	s2 := addService(t, tab, ServiceConfig{ServiceKey: testSvc, Scheduler: "rr"})
	add(t, s2, DestConfig{DestKey: server(1), Weight: 1})
	s.Stats.Estimate()
	if c, _ := s.Stats.Read(); c != (Counters{3, 4, 1, 117, 1500}) {
		t.Errorf("the old service has %+v", c)
	}
	// A connection that another service's template led to is that service's.
	k := testSvc
	k.Port++
	other := addService(t, tab, ServiceConfig{ServiceKey: k, Scheduler: "rr"})
	a.Conn(one, other)
	a.Fold()
	s2.Stats.Estimate()
	other.Stats.Estimate()
	if c, _ := s2.Stats.Read(); c != (Counters{}) {
		t.Errorf("the server's service has %+v", c)
	}
	if c, _ := other.Stats.Read(); c != (Counters{Conns: 1}) {
		t.Errorf("the other service has %+v", c)
	}
}

// Servers that come after the ledger was made are counted like the others, and
// once, also beyond its first page. Counting takes no memory.
func TestLedgerGrows(t *testing.T) {
	s := newService(t, "rr", 0)
	l := s.table.NewLedger()
	var all []*Dest
	for i := range 2*pageLines + 1 {
		all = append(all, add(t, s, DestConfig{DestKey: server(i + 1), Weight: 1}))
	}
	for range 3 {
		s.Stats.Zero()
		if n := testing.AllocsPerRun(1, func() { // which runs it twice
			for i, d := range all {
				l.In(d, i)
				l.Out(d, 1)
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
		l.Fold()
		l.Fold()
		s.Stats.Estimate()
		want := Counters{InPkts: 514, OutPkts: 514, InBytes: 2 * 256 * 257 / 2, OutBytes: 514}
		if c, _ := s.Stats.Read(); c != want {
			t.Errorf("%+v, want %+v", c, want)
		}
	}
	all[0].Stats.Estimate()
	if c, _ := all[0].Stats.Read(); c.OutPkts != 6 {
		t.Errorf("the first server: %+v", c)
	}
}
