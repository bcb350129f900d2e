package sched

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

func TestSchedulers(t *testing.T) {
	want := []string{"dh", "fo", "lblc", "lblcr", "lc", "mh", "nq", "ovf", "rr", "sed", "sh", "twos", "wlc", "wrr"}
	if d := cmp.Diff(want, Schedulers()); d != "" {
		t.Error(d)
	}
}

// Every scheduler: nothing without servers, with weight 0 or overloaded ones
// alone; the one server that takes connections if there is one.
func TestNoDestination(t *testing.T) {
	for _, name := range Schedulers() {
		t.Run(name, func(t *testing.T) {
			s := newService(t, name, Sched1)
			check := func(step string, want int) {
				t.Helper()
				for i := range 9 {
					if got := choose(s, fmt.Sprintf("10.9.9.%d:1", i)); got != want {
						t.Errorf("%s: chose %d, want %d", step, got, want)
					}
				}
			}
			check("without servers", 0)
			add(t, s, DestConfig{DestKey: server(1)})
			check("weight 0", 0)
			d := add(t, s, DestConfig{DestKey: server(2), Weight: 1, Upper: 1})
			if name == "dh" { // its servers aren't replaced
				del(t, s, server(1))
			}
			check("one that takes connections", 2)
			d.Bind(false, true)
			if name == "lblc" { // it stays with a server that isn't crowded
				check("overloaded", 2)
			} else {
				check("overloaded", 0)
			}
			d.Unbind(false, true)
			check("free again", 2)
			del(t, s, server(2))
			check("deleted", 0)
		})
	}
}

// An ICMP error about a packet of a connection that isn't known: its quoted
// packet goes from the virtual service to the client.
func TestInverse(t *testing.T) {
	vip, _, _ := testAddrPort("192.0.2.1:80")
	for _, tt := range []struct {
		name  string
		flags ServiceFlags
		same  bool // as for the client's own packet
	}{
		{"sh", 0, true}, {"sh", Sched2, true}, {"mh", 0, true}, {"mh", Sched2, true},
		{"dh", 0, false}, // the quoted packet's destination is the client
	} {
		t.Run(fmt.Sprint(tt.name, tt.flags), func(t *testing.T) {
			s := newService(t, tt.name, tt.flags, 1, 1, 1, 1, 1)
			differ := 0
			for i := range 100 {
				client, _, port := testAddrPort(fmt.Sprintf("198.51.100.%d:%d", i, 1000+7*i))
				r := Request{Protocol: packet.ProtoTCP, Src: client, SrcPort: port, Dst: vip, DstPort: 80}
				q := Request{Protocol: packet.ProtoTCP, Src: vip, SrcPort: 80, Dst: client, DstPort: port, Inverse: true}
				if s.Schedule(&r) != s.Schedule(&q) {
					differ++
				}
			}
			if (differ == 0) != tt.same {
				t.Errorf("%d of 100 differ", differ)
			}
		})
	}
}

// Protocols without ports are hashed as port 0.
func TestHashPortOtherProtocol(t *testing.T) {
	s := newService(t, "sh", Sched2, 1, 1, 1, 1)
	for i := range 50 {
		r := Request{Protocol: packet.ProtoAH, Src: packet.Addr4(uint32(i)), SrcPort: 999}
		q := Request{Protocol: packet.ProtoTCP, Src: packet.Addr4(uint32(i))}
		if s.Schedule(&r) != s.Schedule(&q) {
			t.Fatalf("client %d differs", i)
		}
	}
}

func TestRRDelete(t *testing.T) {
	for _, tt := range []struct {
		picks, del int
		want       []int
	}{
		{0, 4, []int{3, 2, 1, 3}},
		{1, 4, []int{3, 2, 1, 3}}, // the pointed one, first of the list
		{2, 3, []int{2, 1, 4, 2}},
		{2, 4, []int{2, 1, 3, 2}},
		{4, 1, []int{4, 3, 2, 4}}, // last of the list
	} {
		s := newService(t, "rr", 0, 1, 1, 1, 1)
		for range tt.picks {
			choose(s, "10.9.9.9:1")
		}
		del(t, s, server(tt.del))
		var got []int
		for range tt.want {
			got = append(got, choose(s, "10.9.9.9:1"))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d chosen, %d deleted: %v, want %v", tt.picks, tt.del, got, tt.want)
		}
	}
}

// With more servers than places mh can't begin, and doesn't go on.
func TestMHTooMany(t *testing.T) {
	s := newService(t, "rr", 0)
	for i := range mhSize {
		add(t, s, DestConfig{DestKey: server(i + 1), Weight: 1})
	}
	tab := s.table
	mhConfig := ServiceConfig{ServiceKey: testSvc, Scheduler: "mh"}
	if err := tab.EditService(mhConfig); err != nil {
		t.Fatal(err)
	}
	places := s.sched.(*mh).table
	add(t, s, DestConfig{DestKey: server(mhSize + 1), Weight: 1})
	if s.sched.(*mh).table != places {
		t.Error("places dealt out for too many")
	}
	if err := tab.EditService(ServiceConfig{ServiceKey: testSvc, Scheduler: "rr"}); err != nil {
		t.Fatal(err)
	}
	if err := tab.EditService(mhConfig); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v, want %v", err, ErrInvalid)
	}
	if _, ok := s.sched.(*rr); !ok || s.Scheduler != "rr" {
		t.Errorf("left with %T, %s", s.sched, s.Scheduler)
	}
	for d := s.First(); d != nil; d = s.Next(d) {
		if n := d.refs.Load(); n != 0 {
			t.Fatalf("%v is held %d times", d.DestKey, n)
		}
	}
}

// However little a server weighs beside the others, it has a turn.
func TestMHWeights(t *testing.T) {
	for _, tt := range []struct {
		weights []int32
		turns   []int32 // newest first
	}{
		{[]int32{10, 20, 50}, []int32{5, 2, 1}},
		{[]int32{1, 63}, []int32{63, 1}},
		{[]int32{1, 64}, []int32{32, 1}},
		{[]int32{1, 1000, 65535}, []int32{63, 1, 1}},
		{[]int32{0, 7}, []int32{1}},
		{[]int32{0}, nil},
	} {
		var got []int32
		for _, x := range mhSeats(newService(t, "mh", 0, tt.weights...)) {
			got = append(got, x.turns)
		}
		if d := cmp.Diff(tt.turns, got); d != "" {
			t.Errorf("weights %v:\n%s", tt.weights, d)
		}
	}
}

func TestMHMixedFamily(t *testing.T) {
	s := newService(t, "mh", 0)
	a := add(t, s, DestConfig{DestKey: testDest("[2001:db8::1]:80"), Forward: Tunnel, Weight: 1})
	b := add(t, s, DestConfig{DestKey: testDest("[2001:db8::2]:80"), Forward: Tunnel, Weight: 1})
	// Both are hashed by 2001:0db8, so they have the same order of preference:
	// places alternate, each second try.
	n := map[*Dest]int{}
	for _, d := range s.sched.(*mh).table {
		n[d]++
	}
	if n[a]+n[b] != mhSize || n[b] != n[a]+1 {
		t.Errorf("%d and %d places", n[a], n[b])
	}
	first := mhHash(mhKey1, packet.IPv4, a.Addr, 80, 0) % mhSize
	if s.sched.(*mh).table[first] != b {
		t.Error("first place isn't the newest's")
	}
}

func TestTwos(t *testing.T) {
	s := newService(t, "twos", 0, 1, 2, 4) // list: 3 (4), 2 (2), 1 (1)
	one, three := s.Dest(server(1)), s.Dest(server(3))
	var lots []uint32
	s.table.Random = func() uint32 {
		x := lots[0]
		lots = lots[1:]
		return x
	}
	// A lot of 0..7 is random*8>>32: 0..4 is server 3, 5 and 6 are 2, 7 is 1.
	lot := func(n uint32) uint32 { return n << 29 }
	for _, tt := range []struct {
		a, b, want int
	}{
		{0, 4, 3}, {4, 5, 3}, {5, 0, 2}, {6, 7, 2}, {7, 7, 1},
	} {
		lots = []uint32{lot(uint32(tt.a)), lot(uint32(tt.b))}
		if got := choose(s, "10.9.9.9:1"); got != tt.want {
			t.Errorf("lots %d, %d: chose %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
	one.Bind(false, true)
	three.Bind(false, true)
	lots = []uint32{lot(7), lot(0)} // 1/1 against 1/4
	if got := choose(s, "10.9.9.9:1"); got != 3 {
		t.Errorf("less loaded for its weight: chose %d", got)
	}
}

// to returns the server for a destination address.
func to(s *Service, dst uint32) *Dest {
	r := Request{Protocol: packet.ProtoTCP, Dst: packet.Addr4(dst), Now: s.table.now}
	return s.Schedule(&r)
}

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

type listener struct{ got []packet.Event }

func (l *listener) Event(p *packet.Packet, e packet.Event) { l.got = append(l.got, e) }

func TestChosen(t *testing.T) {
	type row struct {
		Server                   int
		Weight, Active, Inactive int32
		Overhead                 int32
		Overloaded               bool
		Buckets                  int
	}
	for _, tt := range []struct {
		name   string
		reason packet.Reason
		mark   int32
		bucket int
		rows   []row // of servers 2 (weight 2, one active), 1 (weight 1, one inactive, overloaded)
	}{
		{"rr", ReasonScheduled, 0, -1, []row{{2, 2, 1, 0, 0, false, 0}, {1, 1, 0, 1, 0, true, 0}}},
		{"wrr", ReasonScheduled, 1, -1, []row{{2, 2, 1, 0, 0, false, 0}, {1, 1, 0, 1, 0, true, 0}}},
		{"wlc", ReasonScheduled, 0, -1, []row{{2, 2, 1, 0, 257, false, 0}, {1, 1, 0, 1, 1, true, 0}}},
		{"sed", ReasonScheduled, 0, -1, []row{{2, 2, 1, 0, 2, false, 0}, {1, 1, 0, 1, 1, true, 0}}},
		{"sh", ReasonNoDestination, 0, 77, []row{{2, 2, 1, 0, 0, false, 171}, {1, 1, 0, 1, 0, true, 85}}},
		{"dh", ReasonScheduled, 0, 50, []row{{2, 2, 1, 0, 0, false, 128}, {1, 1, 0, 1, 0, true, 128}}},
		{"none", ReasonNoDestination, 0, -1, []row{{2, 2, 1, 0, 0, false, 0}, {1, 1, 0, 1, 0, true, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t, tt.name, 0)
			add(t, s, DestConfig{DestKey: server(1), Weight: 1, Upper: 1}).Bind(false, true)
			add(t, s, DestConfig{DestKey: server(2), Weight: 2}).Bind(false, false)
			l := &listener{}
			r := Request{Protocol: packet.ProtoTCP, Src: packet.Addr4(0x0a000004), Dst: s.Addr, Packet: &packet.Packet{Listener: l}}
			d := s.Schedule(&r)
			if len(l.got) != 1 {
				t.Fatalf("%d events", len(l.got))
			}
			e := l.got[0].(Chosen)
			fn := "ip_vs_" + tt.name + "_schedule"
			if tt.name == "none" {
				fn = "ip_vs_schedule"
			}
			if e.Service != s || e.Dest != d || e.Scheduler != tt.name || e.Reason() != tt.reason || e.Func() != fn || e.Mark != tt.mark || e.Bucket != tt.bucket {
				t.Errorf("%+v, %s, %s", e, e.Reason(), e.Func())
			}
			var rows []row
			for _, c := range e.Candidates {
				rows = append(rows, row{octet(c.Dest), c.Weight, c.Active, c.Inactive, c.Overhead, c.Overloaded, c.Buckets})
			}
			if d := cmp.Diff(tt.rows, rows); d != "" {
				t.Error(d)
			}
		})
	}
}
