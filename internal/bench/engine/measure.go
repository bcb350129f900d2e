package engine

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

// Options say what is measured.
type Options struct {
	Sizes  []int         // of tables, in connections
	For    time.Duration // how long each figure of a packet is measured, at least; 0: none is, but for Pauses
	Pauses bool          // measure the pauses of a packet loop, too, with the largest table
}

// Figure is one result.
type Figure struct {
	Name  string
	Unit  string
	Value float64
}

// fewConns are so few connections that all that is needed of them is in a cache.
const fewConns = 64

// shards is what the daemon uses with two queues.
const shards = 16

var families = []packet.Family{packet.IPv4, packet.IPv6}

// errVerdict is a packet that was not handled as it should have been.
var errVerdict = errors.New("wrong verdict")

// Measure measures the engine. Each figure goes to done as soon as it is known.
func Measure(o Options, done func(Figure)) error {
	if o.For > 0 {
		if err := packets(o, done); err != nil {
			return err
		}
	}
	if o.Pauses && len(o.Sizes) > 0 {
		return pauses(o.Sizes[len(o.Sizes)-1], done)
	}
	return nil
}

// packets measures all but the pauses.
func packets(o Options, done func(Figure)) error {
	for _, f := range families {
		if err := bare(f, o.For, done); err != nil {
			return err
		}
		if err := byMethod(f, fewConns, o.For, done); err != nil {
			return err
		}
	}
	for _, n := range o.Sizes {
		for _, f := range families {
			if err := table(f, n, o.For, done); err != nil {
				return err
			}
			if err := byMethod(f, n, o.For, done); err != nil {
				return err
			}
		}
	}
	return nil
}

// bare measures what making a packet takes, which is part of all the others'
// figures.
func bare(f packet.Family, d time.Duration, done func(Figure)) error {
	w, err := newWorld(f, shards)
	if err != nil {
		return err
	}
	w.bare = true
	ns, err := w.perPacket(hooks.LocalIn, w.template(firstPort, ack), setClient, xmit.Stolen, 0, fewConns, d)
	if err != nil {
		return err
	}
	done(Figure{fmt.Sprintf("packet made, no hook, %v", f), "ns", ns})
	return nil
}

// count names a number of connections.
func count(n int) string {
	switch {
	case n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n%1000 == 0:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

// byMethod measures an existing connection's packets by method, in a table of n
// connections, of each method as many.
func byMethod(f packet.Family, n int, d time.Duration, done func(Figure)) error {
	w, err := newWorld(f, shards)
	if err != nil {
		return err
	}
	each := n / len(methods)
	for i := range methods {
		if err := w.open(firstPort+uint16(i), i*each, each); err != nil {
			return err
		}
	}
	for i, m := range methods {
		ns, err := w.perPacket(hooks.LocalIn, w.template(firstPort+uint16(i), ack), setClient, xmit.Stolen, i*each, each, d)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		done(Figure{fmt.Sprintf("%s, existing, %v, %s", m.name, f, count(n)), "ns", ns})
	}
	ns, err := w.perPacket(hooks.Forward, w.reply(), setReply, xmit.Accept, 0, each, d)
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	done(Figure{fmt.Sprintf("NAT, reply, %v, %s", f, count(n)), "ns", ns})
	return nil
}

// open makes connections of the clients first to first+n-1.
func (w *world) open(port uint16, first, n int) error {
	t := w.template(port, syn)
	for i := range n {
		setClient(t, first+i)
		if v := w.send(hooks.LocalIn, t); v != xmit.Stolen {
			return fmt.Errorf("client %d: %v: %w", first+i, v, errVerdict)
		}
	}
	return nil
}

// perPacket returns how long a packet takes of the core's time, each of another
// of n clients from the first on.
func (w *world) perPacket(pt hooks.Point, tmpl []byte, set func([]byte, int), want xmit.Verdict, first, n int, d time.Duration) (float64, error) {
	const batch = 4096
	// The first of a client's moves its connection to another state.
	for i := range n {
		set(tmpl, first+i)
		if v := w.send(pt, tmpl); v != want {
			return 0, fmt.Errorf("%v: %w", v, errVerdict)
		}
	}
	packets, client := 0, 0
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := cpuTime()
	for cpuTime()-begin < d {
		for range batch {
			set(tmpl, first+client)
			if client++; client == n {
				client = 0
			}
			if v := w.send(pt, tmpl); v != want {
				return 0, fmt.Errorf("%v: %w", v, errVerdict)
			}
		}
		packets += batch
	}
	return float64(cpuTime()-begin) / float64(packets), nil
}

// table measures a table of n NAT connections: what one takes to make and to
// keep, its packets, and collections.
func table(f packet.Family, n int, d time.Duration, done func(Figure)) error {
	figure := func(name, unit string, v float64) {
		done(Figure{fmt.Sprintf("%s, %v, %s", name, f, count(n)), unit, v})
	}
	before := heap()
	w, err := newWorld(f, shards)
	if err != nil {
		return err
	}
	if err := w.open(firstPort, 0, n); err != nil {
		return err
	}
	figure("memory of a connection", "B", float64(heap()-before)/float64(n))
	gc, pause := collections()
	figure("collection", "ms", gc)
	figure("longest stop of a collection", "ms", pause)
	ns, err := w.perPacket(hooks.LocalIn, w.template(firstPort, ack), setClient, xmit.Stolen, 0, n, d)
	if err != nil {
		return err
	}
	figure("NAT alone, existing", "ns", ns)
	ns, err = w.perPacket(hooks.Forward, w.reply(), setReply, xmit.Accept, 0, n, d)
	if err != nil {
		return err
	}
	figure("NAT alone, reply", "ns", ns)
	more := n / 10
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := cpuTime()
	if err := w.open(firstPort, n, more); err != nil {
		return err
	}
	figure("new connection", "ns", float64(cpuTime()-begin)/float64(more))
	return nil
}

// cpuTime is how long this thread has had a core: what others take away from it
// on a busy machine doesn't count.
func cpuTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // the clock is there on every Linux
	}
	return time.Duration(t.Nano())
}

func heap() uint64 {
	var m runtime.MemStats
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// collections returns the time of a full collection, of the quickest of five,
// and the longest that the world stood still in one of them, in ms.
func collections() (gc, pause float64) {
	const rounds = 5
	best := time.Duration(1 << 62)
	for range rounds {
		begin := time.Now()
		runtime.GC()
		best = min(best, time.Since(begin))
	}
	var s debug.GCStats
	debug.ReadGCStats(&s)
	longest := time.Duration(0)
	for _, p := range s.Pause[:min(rounds, len(s.Pause))] {
		longest = max(longest, p)
	}
	return best.Seconds() * 1000, longest.Seconds() * 1000
}
