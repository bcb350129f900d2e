package tap

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"goipvs/internal/filter"
	"goipvs/internal/trace"
)

// What waits for a tracer's reader: so many passages, of so many octets.
const (
	queueLen = 1024
	queueMax = 16 << 20
)

// beat is how often a reader hears something, so that it is known to be there.
const beat = time.Second

// tracer is who is told.
type tracer struct {
	filter *filter.Filter // nil: of everything
	queue  chan told
	octets atomic.Int64 // of what is in the queue

	lost, others atomic.Uint64 // packets and ends of connections that it wasn't told of
}

// told is something to tell.
type told struct {
	*trace.Passage // others have it, too
	octets         int64
}

// leaves reports whether the filter holds for something that left.
func (t *tracer) leaves(g *trace.Passage) bool {
	return slices.ContainsFunc(g.Outputs, func(o trace.Output) bool { return t.filter.Match(filter.Of("raw", o.Frame)) })
}

// offer hands something over, unless the reader is behind by too much.
func (t *tracer) offer(g *trace.Passage) {
	x := told{g, size(g)}
	if t.octets.Add(x.octets) <= queueMax {
		select {
		case t.queue <- x:
			return
		default:
		}
	}
	t.octets.Add(-x.octets)
	if g.Type == "packet" {
		t.lost.Add(1)
	} else {
		t.others.Add(1)
	}
}

// size is about how much memory a passage takes.
func size(g *trace.Passage) int64 {
	n := int64(8192 + len(g.Frame)) // steps and headers
	for _, o := range g.Outputs {
		n += int64(len(o.Frame))
	}
	return n
}

// Options say what is traced.
type Options struct {
	Filter  *filter.Filter // holds for the packet as it came or for what left on its account; nil: all, and ends of connections
	Packets int            // so many; 0: without an end

	Services bool // what changed of services each second in which something was told
}

// Trace calls send with one line of JSON after the other (docs/explain-json.md),
// and each second with none, until it was told of so many packets, send fails, or
// the Hub is closed. It returns send's error, or syscall.EBUSY where there are
// too many tracers.
func (h *Hub) Trace(o Options, send func(line []byte) error) error {
	began := h.time()
	start := trace.Started(time.Duration(time.Now().UnixNano()))
	h.Start(start)
	t, err := h.attach(o.Filter)
	if err != nil {
		return err
	}
	defer h.detach(t)
	r := &reading{tracer: t, send: send, began: began}
	r.enc = json.NewEncoder(&r.buf)
	r.enc.SetEscapeHTML(false)
	r.line(start)
	r.services = start.Services
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for r.err == nil && (o.Packets == 0 || r.packets < o.Packets) {
		select {
		case x := <-t.queue:
			r.tell(x, h.time())
		case <-tick.C:
			r.losses(h.time())
			if o.Services && r.news {
				r.update(h.Services(), h.time())
			}
			if r.err == nil {
				r.err = send(nil)
			}
		case <-h.closed:
			for len(t.queue) > 0 && r.err == nil {
				r.tell(<-t.queue, h.time())
			}
			r.losses(h.time())
			return r.err
		}
	}
	r.losses(h.time())
	return r.err
}

// reading is a tracer's reader being told.
type reading struct {
	*tracer
	send    func([]byte) error
	buf     bytes.Buffer
	enc     *json.Encoder
	began   trace.Seconds // on the director's clock
	packets int
	err     error

	services []trace.Service // as last told
	news     bool            // something was told since
}

func (r *reading) line(v any) {
	if r.err != nil {
		return
	}
	r.buf.Reset()
	if r.err = r.enc.Encode(v); r.err == nil {
		r.err = r.send(r.buf.Bytes())
	}
}

// tell tells of what was in the queue, and before it of what was lost.
func (r *reading) tell(x told, now trace.Seconds) {
	r.octets.Add(-x.octets)
	r.losses(now)
	r.passage(x.Passage)
}

// passage tells of a packet, or an end of a connection.
func (r *reading) passage(shared *trace.Passage) {
	g := *shared
	g.Time -= r.began
	if g.Type == "packet" {
		r.packets++
		g.N = r.packets
	}
	g.Steps = slices.Clone(g.Steps)
	for i := range g.Steps {
		if s := &g.Steps[i]; s.Kind == "end" {
			s.Time -= r.began
		}
	}
	trace.Conclude(&g)
	r.line(&g)
	r.news = true
}

// update tells what changed of the services.
func (r *reading) update(now []trace.Service, at trace.Seconds) {
	r.news = false
	if now == nil {
		return
	}
	if s := trace.Since(r.services, now); s != nil {
		s.Time = at - r.began
		r.line(s)
	}
	r.services = now
}

// losses tells of what was lost since the last time.
func (r *reading) losses(now trace.Seconds) {
	l := trace.Lost{Type: "lost", Time: now - r.began, Packets: r.lost.Swap(0), Others: r.others.Swap(0)}
	if l.Packets > 0 || l.Others > 0 {
		r.line(&l)
	}
}
