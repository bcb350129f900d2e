package tap

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goipvs/hooks"
	"goipvs/internal/filter"
	"goipvs/internal/trace"
	"goipvs/packet"
)

// Config is what a Hub is made from.
type Config struct {
	Director *hooks.Director
	Clock    time.Time              // when the director's clock was 0
	IfName   func(index int) string // of an interface; safe for concurrent use
	Services func() []trace.Service // as they are now; nil where they are too many to be looked at often; safe for concurrent use
	Start    func(s *trace.Start)   // fills in what the first line says of the director; safe for concurrent use
}

// Hub has the tracers of a daemon. It is safe for concurrent use.
type Hub struct {
	Config
	audience atomic.Pointer[audience] // nil: no tracer

	clock func() time.Time // of budgets

	mu     sync.Mutex // held by who attaches or detaches
	closed chan struct{}

	ends struct { // what happens by time
		sync.Mutex
		rec    trace.Recorder
		budget budget
	}
}

// audience are the tracers of a time, and the numbers that connections have for
// them: those of the first one's beginning.
type audience struct {
	tracers []*tracer
	ids     *trace.IDs
}

// Limits. What is remembered of connections is their numbers.
const (
	maxTracers = 8
	maxIDs     = 1 << 16
)

// NewHub returns a Hub without tracers.
func NewHub(c Config) *Hub {
	h := &Hub{Config: c, clock: time.Now, closed: make(chan struct{})}
	h.ends.rec.IfName = c.IfName
	return h
}

// Close ends all tracers.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
	default:
		close(h.closed)
	}
}

// On reports whether there is a tracer.
func (h *Hub) On() bool { return h.audience.Load() != nil }

// attach adds a tracer; it fails with syscall.EBUSY where there are too many.
func (h *Hub) attach(f *filter.Filter) (*tracer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := audience{ids: &trace.IDs{Most: maxIDs}}
	if old := h.audience.Load(); old != nil {
		now = *old
	}
	if len(now.tracers) >= maxTracers {
		return nil, fmt.Errorf("%d tracers are there already: %w", maxTracers, syscall.EBUSY)
	}
	t := &tracer{filter: f, queue: make(chan told, queueLen)}
	now.tracers = append(slices.Clone(now.tracers), t)
	h.audience.Store(&now)
	h.Director.Listen(h)
	return t, nil
}

// detach takes a tracer away. Workers that are at it may still tell it something.
func (h *Hub) detach(t *tracer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := *h.audience.Load()
	now.tracers = slices.DeleteFunc(slices.Clone(now.tracers), func(x *tracer) bool { return x == t })
	if len(now.tracers) > 0 {
		h.audience.Store(&now)
		return
	}
	h.Director.Listen(nil)
	h.audience.Store(nil)
}

// time returns how late it is on the director's clock.
func (h *Hub) time() trace.Seconds { return trace.Seconds(time.Since(h.Clock)) }

// Event implements packet.Listener: a connection ends by time or by command.
func (h *Hub) Event(_ *packet.Packet, e packet.Event) {
	end, ok := e.(hooks.Ended)
	now := h.audience.Load()
	if !ok || now == nil {
		return
	}
	h.ends.Lock()
	defer h.ends.Unlock()
	if !h.ends.budget.take(h.clock(), 0) {
		if end.Why != hooks.ReasonPutOff {
			now.ids.Ended(end.Conn)
		}
		for _, t := range now.tracers {
			if t.filter == nil {
				t.others.Add(1)
			}
		}
		return
	}
	rec := &h.ends.rec
	rec.IDs = now.ids
	rec.Begin(false)
	rec.Event(nil, e)
	g := &trace.Passage{Type: "timer", Time: trace.Seconds(end.At)}
	rec.Take(g) // the connections are locked
	for _, t := range now.tracers {
		if t.filter == nil {
			t.offer(g)
		}
	}
}
