package sched

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEstimator follows the arithmetic of estimation_timer by hand.
//
// Features: 13.
func TestEstimator(t *testing.T) {
	var s Stats
	check := func(step string, total, rate Counters) {
		t.Helper()
		gotTotal, gotRate := s.Read()
		if d := cmp.Diff([]Counters{total, rate}, []Counters{gotTotal, gotRate}); d != "" {
			t.Errorf("%s:\n%s", step, d)
		}
	}
	for range 100 {
		s.Add(&Counters{1, 1, 2, 60, 1540})
	}
	check("before the first estimate", Counters{}, Counters{})
	s.Estimate()
	// 100/2 s is 51200 scaled; a quarter of it is 12800, decoded (12800+511)>>10.
	all := Counters{100, 100, 200, 6000, 154000}
	check("first", all, Counters{12, 12, 25, 750, 19250})
	s.Estimate()
	// Nothing new: 12800 - 12800/4 = 9600, (9600+511)>>10; 24000 - 6000 = 18000.
	check("second", all, Counters{9, 9, 19, 562, 14437})
	s.Add(&Counters{InPkts: 1, InBytes: 9})
	s.Zero()
	check("zero", Counters{}, Counters{})
	s.Estimate()
	// 1 packet in 2 s: 512 >> 2 = 128; 9 octets: 144 >> 2 = 36, (36+15)>>5.
	check("after zero", Counters{InPkts: 1, InBytes: 9}, Counters{InBytes: 1})
	// Averages sink to where a quarter rounds down to -1 each time, so to 0.
	for range 50 {
		s.Estimate()
	}
	if s.rate != (Counters{}) {
		t.Errorf("rates left over: %+v", s.rate)
	}
}

func TestTableEstimate(t *testing.T) {
	s := newService(t, "rr", 0, 1, 1)
	tab := s.table
	in, out := s.Dest(server(1)), s.Dest(server(2))
	del(t, s, server(2))
	all := []*Stats{tab.Total, &s.Stats, &in.Stats, &out.Stats}
	for _, st := range all {
		st.Add(&Counters{Conns: 1})
	}
	tab.Estimate()
	for i, want := range []uint64{1, 1, 1, 0} {
		if total, _ := all[i].Read(); total.Conns != want {
			t.Errorf("%d: %d connections, want %d", i, total.Conns, want)
		}
	}
	if err := tab.Zero(testSvc); err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{1, 0, 0, 0} {
		if total, _ := all[i].Read(); total.Conns != want {
			t.Errorf("zeroed service, %d: %d connections, want %d", i, total.Conns, want)
		}
	}
	tab.ZeroAll()
	if total, _ := tab.Total.Read(); total.Conns != 0 {
		t.Error("total not zeroed")
	}
}
