package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/live/inject"
	"goipvs/internal/live/machine"
	"goipvs/internal/live/metrics"
	"goipvs/internal/live/queue"
	"goipvs/internal/live/route"
	"goipvs/internal/live/rules"
	"goipvs/internal/live/tap"
	"goipvs/internal/live/yield"
	"goipvs/internal/setup"
)

// Options are what a daemon is told.
type Options struct {
	Setup []setup.Line // run in this order before anything is balanced
	// Reload asks for Setup anew: Reread then returns it, and the differences
	// are applied, or none if something is wrong. nil: never.
	Reload  <-chan os.Signal
	Reread  func() ([]setup.Line, error)
	Socket  string       // of control
	State   string       // file of what is to be undone; "": Socket with .state for .sock
	Queue   uint16       // the first queue's number; after a crash it may be one behind those used before
	Queues  int          // workers; 0: Workers(). With queue.Batch each takes two queue numbers
	IO      queue.IO     // how packets are taken from the queues
	Bit     uint32       // the bit of the mark that says "ours"; 0: DefaultBit
	Inject  Inject       // how packets are sent on
	Kernel  hooks.Kernel // whose rules hold where versions differ
	Metrics string       // ADDRESS:PORT where metrics are shown; "": nowhere
	Stdout  io.Writer    // what listings in the setup print
	Log     func(string) // what the user should know; safe for concurrent use
	Ready   func()       // called once when the rules are in and the socket is served
}

// Defaults of Options.
const (
	DefaultBit   = 1 << 30
	DefaultQueue = 7000
)

// ErrRunning is returned where a daemon runs already in the network namespace,
// or on the socket.
var ErrRunning = errors.New("another goipvs is running")

// daemon is what Run works with; what is nil was not made yet.
type daemon struct {
	Options
	director *hooks.Director
	clock    *clock
	tap      *tap.Hub
	engine   *control.Engine
	backend  *backend
	stack    *stack
	tables   *rules.Tables
	routes   *route.Table
	machine  *machine.Machine
	journal  *machine.Journal
	workers  []*worker
	direct   [2]atomic.Bool     // IPv4, IPv6: packets are sent on by packet socket
	injects  string             // what was said about it last
	hops     *inject.Neighbours // nil: raw sockets alone
	status   *queue.Status      // with metrics, and
	metrics  *metrics.Server
	closers  []func() error // of what was opened, in order
	counts   Counters
	lines    sync.Mutex // guards Setup once the socket is served
}

// Run is the daemon in the calling thread's network namespace, which the
// goroutine must be locked to if it is not the process's. It returns when ctx is
// done, or the daemon can't go on, after all that it put into the system was
// removed. Errors in the setup are *setup.Error; ErrRunning; unix.EPERM where
// CAP_NET_ADMIN or CAP_NET_RAW are missing; or what the kernel lacks.
func Run(ctx context.Context, o Options) error {
	d := &daemon{Options: o}
	d.complete()
	err := d.open()
	if err == nil {
		err = d.run(ctx)
	}
	return errors.Join(err, d.close())
}

// Workers is how many workers a daemon has that isn't told: one for two CPUs. The
// other half of the work with a packet is the kernel's, which takes it in and
// sends it out: with a worker for each CPU they are in each other's way.
func Workers() int { return (runtime.NumCPU() + 1) / 2 }

func (d *daemon) complete() {
	if d.Queues == 0 {
		d.Queues = Workers()
	}
	if d.Bit == 0 {
		d.Bit = DefaultBit
	}
	if d.State == "" && d.Socket != "" {
		d.State = strings.TrimSuffix(d.Socket, ".sock") + ".state"
	}
	if d.Log == nil {
		d.Log = func(string) {}
	}
	if d.Ready == nil {
		d.Ready = func() {}
	}
	if d.Stdout == nil {
		d.Stdout = io.Discard
	}
}

// opened remembers how to close what was opened.
func (d *daemon) opened(f func() error) { d.closers = append(d.closers, f) }

// close undoes open, the last first.
func (d *daemon) close() error {
	var errs error
	for len(d.closers) > 0 {
		n := len(d.closers) - 1
		errs = errors.Join(errs, d.closers[n]())
		d.closers = d.closers[:n]
	}
	return errs
}

// open opens what the daemon needs of the kernel. Nothing of the machine is
// changed so far, but for the queues, which no rule leads to.
func (d *daemon) open() error {
	if err := d.alone(); err != nil {
		return err
	}
	j, left, err := machine.OpenJournal(d.State)
	if err != nil {
		return err
	}
	if j.Queue, err = d.freeQueues(left); err != nil {
		return err
	}
	j.Queues = d.numbers()
	d.journal = j
	if d.routes, err = route.Open(); err != nil {
		return err
	}
	d.opened(func() error { d.routes.Close(); return nil })
	if d.Inject != InjectRaw {
		if d.hops, err = inject.OpenNeighbours(); err != nil {
			return err
		}
		d.opened(func() error { d.hops.Close(); return nil })
	}
	sender, err := d.openSender()
	if err != nil {
		return err
	}
	d.stack = &stack{
		routes: d.routes, sender: sender, counts: &d.counts,
		limit: newErrorLimit(), pathMTUs: newPathMTUs(), receivers: newReceivers(),
	}
	d.director = hooks.New(hooks.Config{
		Stack: d.stack, Kernel: d.Kernel, Shards: 8 * d.Queues, Seed: rand.Uint64(), Random: rand.Uint32,
		Yield: yield.Processor,
	})
	d.clock = newClock(d.director)
	d.tap = tap.NewHub(tap.Config{Director: d.director, Clock: d.clock.start, IfName: d.routes.Name, Services: d.services, Start: d.describe})
	d.opened(func() error { d.tap.Close(); return nil })
	if err := d.openQueues(); err != nil {
		return err
	}
	if err := d.openMetrics(); err != nil {
		return err
	}
	d.tables, err = rules.Open(rules.Config{Queue: j.Queue, Queues: uint16(d.Queues), Super: d.super(), Bit: d.Bit})
	if err != nil {
		return err
	}
	d.opened(d.tables.Close)
	for _, s := range d.tables.Lacks() {
		d.Log(s)
	}
	d.backend = newBackend(d.director, d.tables, d.Bit, d.Log)
	d.backend.now, d.backend.figures, d.backend.tap = d.clock.catchUp, d.figures, d.tap
	d.engine = control.NewEngine(d.backend)
	d.engine.Interface = machine.HasLink
	d.machine, err = machine.Open(j, left, d, d.Log)
	return err
}

// numbers is how many queue numbers are used: each worker has one queue, and a
// second for TCP where super-packets can come whole.
func (d *daemon) numbers() int {
	if d.IO == queue.Batch {
		return 2 * d.Queues
	}
	return d.Queues
}

// super is the first of the queues for TCP, 0 where there are none.
func (d *daemon) super() uint16 {
	if d.IO == queue.Batch {
		return d.journal.Queue + uint16(d.Queues)
	}
	return 0
}

// freeQueues returns the first queue's number. Rules that were left behind go on
// dropping packets until ours replace them; with other numbers than theirs none
// comes to our queues before.
func (d *daemon) freeQueues(left machine.State) (uint16, error) {
	first := int(d.Queue)
	if end := int(left.Queue) + left.Queues; first < end && int(left.Queue) < first+d.numbers() {
		first = end
	}
	if first+d.numbers() > 1<<16 {
		return 0, fmt.Errorf("%d queues from %d on: there are %d", d.numbers(), first, 1<<16)
	}
	return uint16(first), nil
}

// alone makes sure that no other daemon works in the network namespace, whose
// tables would be replaced. The name of the socket is the namespace's, and gone
// with the process, however that ends.
func (d *daemon) alone() error {
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "@goipvs", Net: "unixgram"})
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("%w in this network namespace", ErrRunning)
	} else if err != nil {
		return err
	}
	d.opened(l.Close)
	if c, err := net.Dial("unixpacket", d.Socket); err == nil {
		c.Close()
		return fmt.Errorf("%w on %s", ErrRunning, d.Socket)
	}
	return nil
}

func (d *daemon) openSender() (*inject.Sender, error) {
	s, err := inject.Open(inject.Config{Bit: d.Bit, Random: rand.Uint32, Neighbours: d.hops, Direct: &d.direct})
	if err == nil {
		d.opened(s.Close)
	}
	return s, err
}

func (d *daemon) openQueues() error {
	for i := range d.Queues {
		s, err := d.openSender()
		if err != nil {
			return err
		}
		var served *queue.Counters // nobody looks without metrics
		if d.Metrics != "" {
			served = &queue.Counters{}
		}
		c := queue.Config{IO: d.IO, Number: d.journal.Queue + uint16(i), Counters: served}
		if super := d.super(); super != 0 {
			c.Super = new(super + uint16(i))
		}
		q, err := queue.Listen(c)
		if err != nil {
			return err
		}
		d.opened(q.Close)
		d.workers = append(d.workers, &worker{queue: q, served: served, sender: s, stack: d.stack, hook: d.director.Hook, now: d.clock.nudge, bit: d.Bit, scribe: d.tap.Scribe()})
	}
	return nil
}
