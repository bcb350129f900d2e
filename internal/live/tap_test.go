package live

import (
	"testing"
	"time"

	"goipvs/hooks"
	"goipvs/internal/live/handed"
	"goipvs/internal/live/nstest"
	"goipvs/internal/live/queue"
	"goipvs/internal/live/route"
	"goipvs/internal/live/tap"
	"goipvs/internal/packettest"
	"goipvs/internal/trace"
	"goipvs/packet"
	"goipvs/sched"
)

// tapped is a worker without a queue, whose packets are for a service's address but
// another port, and the packet.
func tapped(t testing.TB) (*worker, *tap.Hub, *queue.Packet) {
	t.Helper()
	ns := nstest.New(t)
	var routes *route.Table
	var err error
	ns.Do(t, func() { routes, err = route.Open() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(routes.Close)
	s := &stack{routes: routes, counts: &Counters{}, limit: newErrorLimit(), pathMTUs: newPathMTUs(), receivers: newReceivers()}
	d := hooks.New(hooks.Config{Stack: s, Shards: 8})
	k := sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoUDP, Addr: packettest.Addr("127.0.0.2"), Port: 53}
	if err := d.AddService(sched.ServiceConfig{ServiceKey: k, Scheduler: "rr", Netmask: 0xffffffff}); err != nil {
		t.Fatal(err)
	}
	h := tap.NewHub(tap.Config{Director: d, Clock: time.Now(), IfName: routes.Name, Start: func(*trace.Start) {}})
	w := &worker{stack: s, hook: d.Hook, now: func() {}, bit: DefaultBit, scribe: h.Scribe()}
	b := packettest.IP{Src: "127.0.0.1", Dst: "127.0.0.2"}.UDP(40000, 54, packettest.Payload(100))
	q := &queue.Packet{Protocol: etherIPv4, Hook: queue.HookLocalIn, InIf: 1, Full: len(b), Buf: append(make([]byte, packet.Headroom), b...), Off: packet.Headroom}
	return w, h, q
}

// Without a tracer a packet is not put in words, and nothing is allocated for it;
// with one it is.
func TestNoTracer(t *testing.T) {
	w, h, q := tapped(t)
	decide := func() {
		if v := w.decide(q); v.Action != queue.Accept {
			t.Errorf("verdict %v", v.Action)
		}
	}
	if n := testing.AllocsPerRun(1000, decide); n != 0 {
		t.Errorf("%v allocations for a packet without a tracer", n)
	}
	var said []trace.Passage
	begun := make(chan struct{}, 100)
	done := make(chan error)
	go func() {
		done <- h.Trace(tap.Options{Packets: 1}, func(line []byte) error {
			if x, err := trace.ReadLine(line); err == nil {
				if g, ok := x.(*trace.Passage); ok {
					said = append(said, *g)
				}
			}
			begun <- struct{}{}
			return nil
		})
	}()
	<-begun
	decide()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || said[0].Outcome != trace.Delivered || said[0].Steps[len(said[0].Steps)-1].Reason != handed.ReasonGoesOn {
		t.Errorf("%+v", said)
	}
	if n := testing.AllocsPerRun(1000, decide); n != 0 {
		t.Errorf("%v allocations for a packet after a tracer", n)
	}
}

// BenchmarkTracers is what a worker takes for a packet that passes: without a
// tracer, with one, and with one beyond its share of time.
func BenchmarkTracers(b *testing.B) {
	w, h, q := tapped(b)
	b.Run("none", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.decide(q)
		}
	})
	begun := make(chan struct{})
	done := make(chan error)
	go func() {
		first := true
		done <- h.Trace(tap.Options{}, func([]byte) error {
			if first {
				close(begun)
			}
			first = false
			return nil
		})
	}()
	<-begun
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.scribe = h.Scribe() // whose share is not used up
			w.decide(q)
		}
	})
	b.Run("beyond", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.decide(q)
		}
	})
	h.Close()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
