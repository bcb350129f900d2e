package hooks

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"goipvs/conntrack"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// Four goroutines send while services are edited, the clock runs and everything
// is listed; afterwards the counters agree with the tables.
func TestConcurrently(t *testing.T) {
	const workers, packets = 4, 1500
	stack := packettest.NewStack(vip4, vip6)
	stack.Drop = true
	var chance atomic.Uint32
	w := &world{Director: New(Config{Stack: stack, Kernel: Linux7_3, Shards: 4, Random: func() uint32 { return chance.Add(0x9e3779b9) }}), t: t, stack: stack}
	keys := []sched.ServiceKey{
		svc{sched: "wlc"}.add(w, rs4, "10.1.0.12|80 -g", "10.1.0.13|80 -i"),
		persistent(svc{port: 81, sched: "wrr", netmask: 0xffffff00}).add(w, rs4, "10.1.0.12|81 -g"),
		svc{proto: packet.ProtoUDP, flags: sched.OnePacket, sched: "sh"}.add(w, rs4, "10.1.0.12"),
		svc{vip: vip6, sched: "lblcr"}.add(w, rs6, "10.1.0.13|80 -i gue"),
	}
	var senders, others sync.WaitGroup
	for i := range workers {
		senders.Go(func() { sendAll(w, rand.New(rand.NewPCG(1, uint64(i))), packets) })
	}
	stop := make(chan struct{})
	loop := func(f func(i int)) {
		others.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					f(i)
				}
			}
		})
	}
	loop(func(i int) { w.Advance(time.Duration(i) * 50 * time.Millisecond) })
	loop(func(i int) { editAll(w, keys, i) })
	// The table of 7.3 gets another size, and its chains turn around.
	loop(func(i int) { w.set(fmt.Sprintf("conn_lfactor=%d", i%17-8)) })
	loop(func(int) {
		w.Conns(func(c *ConnInfo) bool { return c.State != "" })
		w.Totals()
		w.Reasons()
		w.Timeouts()
	})
	senders.Wait()
	close(stop)
	others.Wait()
	checkCounts(t, w.Director)
	// Let everything end.
	w.Advance(w.Now() + 3000*time.Second)
	w.Advance(w.Now() + 3000*time.Second)
	if n := w.Director.conns.Len(); n != 0 {
		t.Errorf("%d connections never end", n)
	}
	checkCounts(t, w.Director)
}

// sendAll sends packets of all sorts of a few clients.
func sendAll(w *world, r *rand.Rand, n int) {
	for range n {
		c, port := from(1+r.IntN(20)), uint16(1024+r.IntN(8))
		flags := []byte{syn, syn, ack, ack, fin, rst}[r.IntN(6)]
		var b []byte
		pt := LocalIn
		switch r.IntN(6) {
		case 0, 1:
			b = c.TCP(port, 80, flags, nil)
		case 2:
			b = c.TCP(port, 81, flags, nil)
		case 3:
			b = c.UDP(port, 80, nil)
		case 4:
			b = from6(1+r.IntN(20)).TCP(port, 80, flags, nil)
		case 5:
			b, pt = packettest.IP{Src: rs4, Dst: c.Src}.TCP(8080, port, flags, nil), Forward
		}
		w.Hook(pt, packettest.Arrived(b, pt == LocalIn))
	}
}

// editAll changes the configuration in the i-th way.
func editAll(w *world, keys []sched.ServiceKey, i int) {
	server := fmt.Sprintf("10.1.0.%d", 20+i%3)
	k := keys[i%3]
	switch i % 7 {
	case 0:
		_ = w.AddDest(k, w.dest(server)) // may be there
	case 1:
		_ = w.DelDest(k, w.dest(server).DestKey) // may not be there
	case 2:
		_ = w.EditDest(k, w.dest(fmt.Sprintf("%s -w %d", rs4, i%3)))
	case 3:
		w.ZeroAll()
	case 4:
		_ = w.SetSetting("expire_nodest_conn", fmt.Sprint(i%2))
	case 5:
		_ = w.EditService(sched.ServiceConfig{ServiceKey: keys[0], Scheduler: []string{"wlc", "rr", "mh"}[i%3], Netmask: 0xffffffff})
	case 6:
		_ = w.DelService(keys[1])
		persistent(svc{port: 81, sched: "wrr", netmask: 0xffffff00}).add(w, rs4, "10.1.0.12|81 -g")
	}
}

// checkCounts compares each server's counters with the connections that there
// are, while nothing happens.
func checkCounts(t testing.TB, d *Director) {
	t.Helper()
	type counts struct{ active, total, persist int32 }
	want := map[uint32]*counts{}
	d.conns.Each(func(_ *conntrack.Shard, x *conntrack.Conn) bool {
		c := want[x.DestID]
		if c == nil {
			c = new(counts)
			want[x.DestID] = c
		}
		switch {
		case x.Flags&conntrack.Template != 0:
			c.persist++
		case x.Flags&conntrack.Inactive != 0:
			c.total++
		default:
			c.total++
			c.active++
		}
		return true
	})
	check := func(x *sched.Dest) {
		t.Helper()
		c := want[x.ID]
		if c == nil {
			c = new(counts)
		}
		if got := (counts{x.Active.Load(), x.Total.Load(), x.Persist.Load()}); got != *c {
			t.Errorf("server %v counts %+v, the table has %+v", x.DestKey, got, *c)
		}
		delete(want, x.ID)
	}
	for _, s := range d.table.Services() {
		for x := s.First(); x != nil; x = s.Next(x) {
			check(x)
		}
	}
	d.table.Trash(check)
	delete(want, 0)
	if len(want) != 0 {
		t.Errorf("connections to servers that are not there: %v", want)
	}
}
