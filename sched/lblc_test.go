package sched

import (
	"slices"
	"testing"
	"time"

	"goipvs/packet"
)

// to returns the server for a destination address.
func to(s *Service, dst uint32) *Dest {
	r := Request{Protocol: packet.ProtoTCP, Dst: packet.Addr4(dst), Now: s.table.now}
	return s.Schedule(&r)
}

// Features: SC10.
func TestLBLCExpiration(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, name, 0, 1, 1)
			tab := s.table
			tab.Settings = Settings{LBLCExpiration: 1000, LBLCRExpiration: 1000}
			c := cacheOf(s)
			d := to(s, 1)
			tab.Advance(800 * time.Second)
			to(s, 2)
			if d.refs.Load() != 2 {
				t.Errorf("%d references", d.refs.Load())
			}
			// The first full check comes with the 30th tick.
			tab.Advance(1799 * time.Second)
			if c.entries != 2 {
				t.Errorf("%d entries", c.entries)
			}
			tab.Advance(1800 * time.Second)
			if c.entries != 0 || d.refs.Load() != 0 {
				t.Errorf("%d entries, %d references", c.entries, d.refs.Load())
			}
			to(s, 3)
			tab.Advance(2700 * time.Second)
			to(s, 4)
			tab.Advance(3599 * time.Second)
			if c.entries != 2 {
				t.Errorf("%d entries", c.entries)
			}
			tab.Advance(3600 * time.Second) // the 30th tick after
			if c.entries != 1 {
				t.Errorf("%d entries", c.entries)
			}
			if err := tab.DelService(testSvc); err != nil {
				t.Fatal(err)
			}
			if d.refs.Load() != 0 || len(tab.timers) != 0 {
				t.Errorf("%d references, %d timers", d.refs.Load(), len(tab.timers))
			}
		})
	}
}

func cacheOf(s *Service) *cache {
	switch x := s.sched.(type) {
	case *lblc:
		return &x.cache
	case *lblcr:
		return &x.cache
	}
	return nil
}

// Features: SC10.
func TestLBLCTooMany(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, name, 0, 1)
			tab, c := s.table, cacheOf(s)
			for i := range uint32(cacheLimit + 10) {
				if to(s, i) == nil {
					t.Fatal("no server")
				}
			}
			if c.entries != cacheLimit {
				t.Fatalf("%d entries", c.entries)
			}
			tab.Advance(5 * time.Minute)
			if c.entries != cacheLimit {
				t.Errorf("%d entries before they were old", c.entries)
			}
			tab.Advance(6 * time.Minute)
			// The goal is min((24576-16384)*4/3, 8192), met by whole buckets.
			if gone := cacheLimit - c.entries; gone < 8192 || gone > 8192+100 {
				t.Errorf("%d forgotten", gone)
			}
			rover := c.rover
			tab.Advance(7 * time.Minute)
			if c.rover != rover || cacheLimit-c.entries > 8192+100 {
				t.Error("more forgotten though there was room")
			}
		})
	}
}

// Features: SC10.
func TestLBLCCrowded(t *testing.T) {
	s := newService(t, "lblc", 0, 2, 4)
	a, b := s.Dest(server(1)), s.Dest(server(2))
	check := func(step string, want *Dest) {
		t.Helper()
		if got := to(s, 1); got != want {
			t.Errorf("%s: %v, want %v", step, got.DestKey, want.DestKey)
		}
	}
	check("first", b)
	for range 4 {
		b.Bind(false, false)
	}
	check("full, not more", b)
	b.Bind(false, false)
	check("more than full, the other idle", a)
	check("stays", a)
	for range 3 {
		a.Bind(false, false)
	}
	check("more than full, none half idle", a)
	edit(t, s, DestConfig{DestKey: server(1), Weight: 0})
	check("weight 0", b)
	del(t, s, server(2))
	edit(t, s, DestConfig{DestKey: server(1), Weight: 1})
	check("deleted", a)
	if b.refs.Load() != 5 {
		t.Errorf("the deleted one still held: %d", b.refs.Load())
	}
}

// Features: SC11.
func TestLBLCRSet(t *testing.T) {
	s := newService(t, "lblcr", 0, 1, 1, 1)
	tab := s.table
	tab.Settings.LBLCRExpiration = 100
	a, b, c := s.Dest(server(1)), s.Dest(server(2)), s.Dest(server(3))
	check := func(step string, want *Dest, set ...*Dest) {
		t.Helper()
		if got := to(s, 1); got != want {
			t.Errorf("%s: %v, want %v", step, got.DestKey, want.DestKey)
		}
		if got := cacheOf(s).find(packet.Addr4(1)).set; !slices.Equal(got, set) {
			t.Errorf("%s: %d in the set, want %d, or others", step, len(got), len(set))
		}
	}
	check("first", c, c)
	c.Bind(false, false)
	c.Bind(false, false)
	check("crowded", b, c, b)
	check("least of the set", b, c, b)
	tab.Advance(100 * time.Second)
	check("not yet", b, c, b)
	tab.Advance(101 * time.Second)
	check("too long: without the most loaded", b, b)
	tab.Advance(300 * time.Second)
	check("but never empty", b, b)
	if c.refs.Load() != 2 {
		t.Errorf("dropped server still held: %d", c.refs.Load())
	}
	edit(t, s, DestConfig{DestKey: server(2), Weight: 0})
	check("none that takes any", a, b, a)
	tab.Advance(500 * time.Second)
	check("weight 0 doesn't count as most loaded", a, b)
	edit(t, s, DestConfig{DestKey: server(2), Weight: 1})
	check("takes connections again", b, b)
	b.Bind(false, false)
	b.Bind(false, false)
	check("crowded again", a, b, a)
	a.Bind(false, false)
	a.Bind(false, false)
	tab.Advance(1000 * time.Second)
	check("equal loads: without the newest", a, b)
}
