package engine

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

// pauses measures the longest pause of a packet loop: first without the engine,
// to see what the machine itself does to it; then in four phases: n connections
// are made; packets come for them all; packets come for a few of
// them, while all are listed; and while all the others expire. Before the last
// two there is a loop without the engine again, with all the connections there.
// Meanwhile the clock runs in the background, as the daemon runs it, and there is
// a collection each 100 ms.
func pauses(n int, done func(Figure)) error {
	// As in the daemon, the packet loop keeps a processor, in Go's sense, from nobody.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
	w, err := newWorld(packet.IPv4, shards)
	if err != nil {
		return err
	}
	stop, clock := make(chan struct{}), new(clock)
	var wg sync.WaitGroup
	wg.Go(func() { clock.run(w.Director, stop) })
	wg.Go(func() { collect(stop) })
	defer wg.Wait()
	defer close(stop)
	l := newLoop(w)
	report := func(phase string) {
		done(Figure{fmt.Sprintf("longest pause while %s, %s", phase, count(n)), "ms", l.longest.Seconds() * 1000})
		done(Figure{fmt.Sprintf("… with what the machine took, %s, %s", phase, count(n)), "ms", l.stolen.Seconds() * 1000})
		l.longest, l.stolen = 0, 0
	}
	// What the loop has to bear from the machine itself, with nobody's lock.
	bare := func() error {
		w.bare = true
		defer func() { w.bare = false }()
		until := time.Now().Add(2 * time.Second)
		return l.run(ack, func(i int) bool { return i%256 != 0 || time.Now().Before(until) }, fewConns)
	}
	if err := bare(); err != nil {
		return err
	}
	report("making packets for no hook")
	all := func(client int) bool { return client < n }
	if err := l.run(syn, all, n); err != nil {
		return err
	}
	report("making")
	if err := l.run(ack, all, n); err != nil {
		return err
	}
	report("using")
	if err := bare(); err != nil {
		return err
	}
	report("making packets for no hook beside all")

	var over atomic.Bool
	wg.Go(func() {
		defer over.Store(true)
		w.Conns(func(*hooks.ConnInfo) bool { return true })
	})
	if err := l.run(ack, func(int) bool { return !over.Load() }, fewConns); err != nil {
		return err
	}
	report("listing")

	// Those of which no more packets come are over after 15 minutes.
	clock.ahead.Store(int64(20 * time.Minute))
	least := time.Now().Add(time.Second)
	if err := l.run(ack|again, func(i int) bool {
		return i%256 != 0 || w.numConns() > 2*fewConns || time.Now().Before(least)
	}, fewConns); err != nil {
		return err
	}
	report("expiring")
	return nil
}

// clock moves a director's clock on.
type clock struct{ ahead atomic.Int64 }

func (c *clock) run(d *hooks.Director, stop chan struct{}) {
	begin := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		d.Advance(time.Since(begin) + time.Duration(c.ahead.Load()))
	}
}

func collect(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		runtime.GC()
	}
}

// loop sends packets and notes the longest time from one to the next.
type loop struct {
	*world
	longest time.Duration
	stolen  time.Duration // the same, of those in which the machine took the core away
}

func newLoop(w *world) *loop { return &loop{world: w} }

// again is no flag on the wire: a packet without a connection makes it anew.
const again = 0x100

// run sends packets of clients, n of them in turns, as long as more says so.
func (l *loop) run(flags int, more func(i int) bool, n int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t := l.template(firstPort, byte(flags))
	opening := l.template(firstPort, syn)
	last, switches := time.Now(), preempted()
	for i := 0; more(i); i++ {
		setClient(t, i%n)
		v := l.send(hooks.LocalIn, t)
		if v != xmit.Stolen && flags&again != 0 {
			setClient(opening, i%n)
			v = l.send(hooks.LocalIn, opening)
		}
		if v != xmit.Stolen {
			return fmt.Errorf("packet %d: %v: %w", i, v, errVerdict)
		}
		now := time.Now()
		if gap := now.Sub(last); gap > 200*time.Microsecond {
			s := preempted()
			if s == switches {
				l.longest = max(l.longest, gap)
			} else {
				l.stolen = max(l.stolen, gap)
			}
			switches = s
		}
		last = now
	}
	return nil
}

// numConns returns the number of connections, also of older directors.
func (w *world) numConns() (n int) {
	if d, ok := any(w.Director).(interface{ NumConns() int }); ok {
		return d.NumConns()
	}
	w.Conns(func(*hooks.ConnInfo) bool {
		n++
		return true
	})
	return n
}

// preempted returns how often the machine took the core away from this thread.
func preempted() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return u.Nivcsw
}
