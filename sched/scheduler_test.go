package sched

import (
	"errors"
	"fmt"
	"slices"
	"testing"

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
//
// Features: SC1, SC2, SC3, SC4, SC5, SC6, SC7, SC8, SC9, SC10, SC11, SC12, SC13.
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
//
// Features: SC7, SC8, SC9.
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
//
// Features: SC8.
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

// Features: SC1.
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
//
// Features: SC9.
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
//
// Features: SC9.
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

// Features: S6.
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

// Features: SC14.
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
