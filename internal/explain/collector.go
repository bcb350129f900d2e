package explain

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"time"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/internal/host"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
	"goipvs/internal/trace"
	"goipvs/packet"
	"goipvs/sched"
)

// Sink gets the lines of an explanation, in order of time.
type Sink interface {
	Start(*trace.Start) error
	Passage(*trace.Passage) error
	Listing(*trace.Listing) error
	End(*trace.End) error
}

// worldly is a Sink that wants to know what is replayed on.
type worldly interface{ made(replay.World) }

// Run replays c and explains it to the sink. Its errors are those of
// replay.Run, then those of the sink.
func Run(c replay.Config, to Sink) (*replay.Report, error) {
	x := &collector{sink: to, config: c}
	c.Listener, c.Made = x, x.made
	report, err := replay.Run(c, x)
	if err != nil {
		return nil, err
	}
	x.finish(report)
	return report, x.err
}

// collector makes passages of a replay's events.
type collector struct {
	replay.Quiet
	sink   Sink
	config replay.Config
	err    error // the sink's

	world replay.World
	rec   trace.Recorder

	started  bool
	devices  []trace.Device
	services []trace.Service
	now      *trace.Passage // what happens now; nil: time passes
	timers   []moment       // what happened by time, not handed on yet
	over     bool           // nothing more counts
	packets  int
	outputs  int
	last     time.Duration
}

// moment is what happened by time at once.
type moment struct {
	*trace.Passage
	met []conntrack.Ref
}

func (x *collector) made(w replay.World) {
	x.world = w
	x.rec.IfName = w.Host.IfName
	if s, ok := x.sink.(worldly); ok {
		s.made(w)
	}
}

// Event implements packet.Listener.
func (x *collector) Event(p *packet.Packet, e packet.Event) {
	if x.over {
		return
	}
	if x.now == nil {
		x.timer(e)
	}
	x.rec.Event(p, e)
}

// timer sees to it that what happens by time has a passage: one for each moment.
func (x *collector) timer(e packet.Event) {
	x.start()
	at := x.world.Host.Now()
	if e, ok := e.(hooks.Ended); ok {
		at = e.At
	}
	t := trace.Seconds(x.world.Time(at))
	if n := len(x.timers); n > 0 && x.timers[n-1].Time == t {
		return
	}
	x.takeTimer()
	x.rec.Begin(false)
	x.timers = append(x.timers, moment{Passage: &trace.Passage{Type: "timer", Time: t}})
}

// takeTimer ends the passage of the last moment. The connections are looked up
// later, in pass: where a timer fires, their table is locked.
func (x *collector) takeTimer() {
	if n := len(x.timers); n > 0 && !x.rec.Empty() {
		m := &x.timers[n-1]
		m.met = x.rec.Take(m.Passage)
	}
}

// pass hands on what happened by time.
func (x *collector) pass() {
	if len(x.timers) == 0 {
		return
	}
	x.takeTimer()
	all := x.timers
	x.timers = nil
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Compare(a.Time, b.Time) })
	x.changes(all[len(all)-1].Passage)
	for _, m := range all {
		x.rec.Fill(m.Passage, m.met, x.world.Director.Conn)
		x.give(m.Passage)
	}
}

// begin begins what happens on account of a packet or command.
func (x *collector) begin(g *trace.Passage) {
	x.start()
	x.pass()
	x.now = g
	x.rec.Begin(g.Type == "packet")
}

// end ends it.
func (x *collector) end() {
	g := x.now
	x.now = nil
	x.rec.Fill(g, x.rec.Take(g), x.world.Director.Conn)
	x.changes(g)
	x.give(g)
}

// start tells of the director before anything happens.
func (x *collector) start() {
	if x.started {
		return
	}
	x.started = true
	s := trace.Started(x.world.Epoch())
	s.Kernel, s.Interfaces = x.config.Kernel.String(), slices.Clone(x.devices)
	for _, l := range x.config.Setup {
		s.Setup = append(s.Setup, l.Text)
	}
	x.services = x.table()
	s.Services = x.services
	x.keep(x.sink.Start(s))
}

func (x *collector) table() (all []trace.Service) {
	x.world.Director.View(func(t *sched.Table) { all = trace.ServicesOf(t) })
	return all
}

// changes tells in g what changed of the services.
func (x *collector) changes(g *trace.Passage) {
	now := x.table()
	trace.Update(g, x.services, now)
	x.services = now
}

func (x *collector) give(g *trace.Passage) {
	trace.Conclude(g)
	x.last = max(x.last, time.Duration(g.Time))
	if x.err == nil {
		x.keep(x.sink.Passage(g))
	}
}

func (x *collector) keep(err error) {
	if x.err == nil {
		x.err = err
	}
}

// Interface implements replay.Observer.
func (x *collector) Interface(_ int, i replay.CaptureIf) {
	link := "ethernet"
	if i.Name == replay.LocalName {
		link = "raw"
	}
	x.devices = append(x.devices, trace.Device{Name: i.Name, Link: link})
}

// Input implements replay.Observer.
func (x *collector) Input(f *replay.Frame, iface int) {
	x.packets++
	x.begin(&trace.Passage{
		Type: "packet", N: f.N, Time: trace.Seconds(f.Time - x.world.Epoch()), Interface: x.devices[iface].Name,
		Frame: bytes.Clone(f.Data), Link: x.config.Capture.Interfaces()[f.If].Link.String(),
	})
}

// Handled implements replay.Observer.
func (x *collector) Handled(err error) {
	switch {
	case errors.Is(err, replay.ErrCut):
		trace.PassedOver(x.now, host.ReasonCut)
	case errors.Is(err, replay.ErrOutgoing) || x.own(x.now):
		trace.PassedOver(x.now, host.ReasonOutgoing)
	case err != nil:
		trace.NotSent(x.now, err)
	}
	x.end()
}

// own reports whether a frame comes from the host's own address, as in a capture
// that has both ways. The host takes no notice of it.
func (x *collector) own(g *trace.Passage) bool {
	return g.Link == "ethernet" && len(g.Frame) >= 14 && g.Frame[0]&1 == 0 && [6]byte(g.Frame[6:12]) == x.world.MAC(g.Interface) &&
		[6]byte(g.Frame[:6]) != x.world.MAC(g.Interface)
}

// Output implements replay.Observer.
func (x *collector) Output(iface int, _ time.Duration, frame []byte) {
	x.outputs++
	x.rec.Output(x.devices[iface].Name, frame)
}

// Begin implements replay.Observer.
func (x *collector) Begin(l setup.Line) {
	x.begin(&trace.Passage{Type: "command", Time: trace.Seconds(l.At), Command: l.Text})
}

// Command implements replay.Observer.
func (x *collector) Command(_ setup.Line, err error) {
	if err != nil {
		x.now.Error = err.Error()
	}
	x.end()
}

// Listing implements replay.Observer.
func (x *collector) Listing(l replay.Listing) {
	x.start()
	x.pass()
	x.over = x.over || l.File == replay.ListFile
	if x.err == nil {
		x.keep(x.sink.Listing(&trace.Listing{Type: "listing", Time: trace.Seconds(l.At), Command: l.Command, Text: l.Text}))
	}
}

// finish tells how it ended.
func (x *collector) finish(r *replay.Report) {
	x.start()
	x.pass()
	if x.err == nil {
		x.keep(x.sink.End(&trace.End{Type: "end", Time: trace.Seconds(x.last), Packets: x.packets, Outputs: x.outputs, Notes: r.Notes()}))
	}
}
