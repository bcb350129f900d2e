package hooks

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// figures are the counters and rates of the director, a service and its servers,
// newest first.
func (w *world) figures(k sched.ServiceKey) (all []string) {
	show := func(name string, s *sched.Stats) {
		c, r := s.Read()
		all = append(all, fmt.Sprintf("%s: %d conns %d/%d packets %d/%d octets; %d, %d/%d, %d/%d a second", name,
			c.Conns, c.InPkts, c.OutPkts, c.InBytes, c.OutBytes, r.Conns, r.InPkts, r.OutPkts, r.InBytes, r.OutBytes))
	}
	w.View(func(t *sched.Table) {
		show("all", t.Total)
		s := t.Lookup(k)
		show("service", &s.Stats)
		for d := s.First(); d != nil; d = s.Next(d) {
			show(d.Addr.Netip(d.Family).String(), &d.Stats)
		}
	})
	return all
}

// Counters are shown as of the last estimate, each two seconds.
//
// Features: 13.
func TestStatistics(t *testing.T) {
	w := newWorld(t)
	k := svc{}.add(w, rs4, "10.1.0.12")
	check := func(when string, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, w.figures(k)); d != "" {
			t.Errorf("%s: -want +got:\n%s", when, d)
		}
	}
	const nothing = ": 0 conns 0/0 packets 0/0 octets; 0, 0/0, 0/0 a second"
	w.syn(1, 1)()
	w.reply("10.1.0.12", 1, 1, syn|ack)()
	w.in(from(1).TCP(1, 80, ack, packettest.Payload(100)))
	w.syn(2, 2)()
	w.in(from(9).TCP(9, 81, syn, nil)) // for no service: not counted
	check("at once", "all"+nothing, "service"+nothing, "10.1.0.12"+nothing, "10.1.0.11"+nothing)
	w.after(1999 * time.Millisecond)
	check("after 1.999 s", "all"+nothing, "service"+nothing, "10.1.0.12"+nothing, "10.1.0.11"+nothing)
	w.after(time.Millisecond)
	// The rates go a quarter of the way: 220 octets in 2 s are 110 a second.
	check("after 2 s",
		"all: 2 conns 3/1 packets 220/40 octets; 0, 0/0, 27/5 a second",
		"service: 2 conns 3/1 packets 220/40 octets; 0, 0/0, 27/5 a second",
		"10.1.0.12: 1 conns 2/1 packets 180/40 octets; 0, 0/0, 22/5 a second",
		"10.1.0.11: 1 conns 1/0 packets 40/0 octets; 0, 0/0, 5/0 a second")

	// A deleted server's packets don't count any more, nor does what is dropped.
	w.delDest(k, "10.1.0.12")
	w.ack(1, 1)()
	w.reply("10.1.0.12", 1, 1, ack)()
	w.after(2 * time.Second)
	check("without the server",
		"all: 2 conns 3/1 packets 220/40 octets; 0, 0/0, 21/4 a second",
		"service: 2 conns 3/1 packets 220/40 octets; 0, 0/0, 21/4 a second",
		"10.1.0.11: 1 conns 1/0 packets 40/0 octets; 0, 0/0, 4/0 a second")
}

// Zeroing sets what is shown to zero; what was counted since the last estimate
// comes with the next.
//
// Features: 13.
func TestZero(t *testing.T) {
	w := newWorld(t)
	k := svc{}.add(w, rs4)
	w.syn(1, 1)()
	w.after(2 * time.Second)
	w.ack(1, 1)()
	if err := w.Zero(k); err != nil {
		t.Fatal(err)
	}
	if got := w.figures(k); got[1] != "service: 0 conns 0/0 packets 0/0 octets; 0, 0/0, 0/0 a second" || got[0][:23] != "all: 1 conns 1/0 packet" {
		t.Errorf("after Zero: %v", got)
	}
	w.after(2 * time.Second)
	if got := w.figures(k); got[1] != "service: 0 conns 1/0 packets 40/0 octets; 0, 0/0, 5/0 a second" {
		t.Errorf("then: %v", got)
	}
	w.ZeroAll()
	if got := w.figures(k); got[0] != "all: 0 conns 0/0 packets 0/0 octets; 0, 0/0, 0/0 a second" {
		t.Errorf("after ZeroAll: %v", got)
	}
	if err := w.Zero(svc{port: 81}.key()); err == nil {
		t.Error("zeroed what isn't there")
	}
}

// With a steady load the rate comes near it, and goes when the load does.
//
// Features: 13.
func TestRates(t *testing.T) {
	w := newWorld(t)
	k := svc{proto: packet.ProtoUDP}.add(w, rs4)
	rate := func() (r sched.Counters) {
		w.View(func(t *sched.Table) { _, r = t.Lookup(k).Stats.Read() })
		return r
	}
	for range 30 {
		for i := range 200 {
			w.udp(1, 1)()
			if i%20 == 19 {
				w.after(200 * time.Millisecond)
			}
		}
	}
	if r := rate(); r.InPkts < 99 || r.InPkts > 100 || r.InBytes < 3250 || r.InBytes > 3300 {
		t.Errorf("100 packets of 33 octets a second: %+v", r)
	}
	w.after(40 * time.Second)
	if r := rate(); r.InPkts != 0 {
		t.Errorf("after 40 s: %+v", r)
	}
}

// Features: 13.
func TestRunEstimation(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.set("run_estimation=0")
	w.syn(1, 1)()
	w.after(10 * time.Second)
	if total, _ := w.Totals(); total.Conns != 0 {
		t.Errorf("shown without estimation: %+v", total)
	}
	w.set("run_estimation=1")
	w.after(2 * time.Second)
	if total, _ := w.Totals(); total.Conns != 1 {
		t.Errorf("shown with it: %+v", total)
	}
}

// Connections count with their server, active or not, until they are gone.
//
// Features: C7.
func TestServerCounts(t *testing.T) {
	w := newWorld(t)
	k := svc{}.add(w, rs4)
	ku := svc{proto: packet.ProtoUDP}.add(w, rs4)
	for _, s := range []struct {
		do   func()
		want string // of TCP
	}{
		{func() { w.syn(1, 1)() }, "10.1.0.11 1 0 0"},
		{func() { w.reply(rs4, 1, 1, syn|ack)() }, "10.1.0.11 1 0 0"},
		{func() { w.ack(1, 1)() }, "10.1.0.11 1 0 0"},
		{func() { w.tcp(1, 1, fin)() }, "10.1.0.11 0 1 0"},
		{func() { w.reply(rs4, 1, 1, fin)() }, "10.1.0.11 0 1 0"},
		{func() { w.udp(1, 1)() }, "10.1.0.11 0 1 0"},
		{func() { w.syn(1, 1)() }, "10.1.0.11 1 1 0"}, // a new connection beside the old
		{func() { w.after(time.Second) }, "10.1.0.11 1 0 0"},
		{func() { w.after(62 * time.Second) }, "10.1.0.11 0 0 0"},
	} {
		s.do()
		if d := cmp.Diff([]string{s.want}, w.servers(k)); d != "" {
			t.Errorf("at %v: -want +got:\n%s", w.Now(), d)
		}
	}
	if d := cmp.Diff([]string{"10.1.0.11 0 1 0"}, w.servers(ku)); d != "" {
		t.Errorf("UDP: -want +got:\n%s", d)
	}
}

// Listings show what the table has.
func TestConns(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	persistent(svc{vip: vip6, timeout: 60}).add(w, rs4+" -i")
	w.syn(1, 1)()
	w.in(from6(1).TCP(2, 80, syn, nil))
	want := []string{
		"TCP SYN_RECV 198.51.100.1:1 203.0.113.10:80 10.1.0.11:8080",
		"template TCP NONE 2001:db8:c::1:0 2001:db8:f::10:80 10.1.0.11:8080",
		"TCP SYN_RECV 2001:db8:c::1:2 2001:db8:f::10:80 10.1.0.11:8080",
	}
	if d := cmp.Diff(want, w.conns()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	seen := 0
	w.Conns(func(c *ConnInfo) bool {
		seen++
		if c.Expires != 60*time.Second {
			t.Errorf("%+v", c)
		}
		return false
	})
	if seen != 1 {
		t.Errorf("went on: %d", seen)
	}
}
