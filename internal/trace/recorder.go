package trace

import (
	"bytes"
	"slices"
	"time"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/internal/host"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// Recorder is a packet.Listener that keeps what it hears, in order, from one
// goroutine at a time, until Take.
type Recorder struct {
	// IfName returns the name of the interface with an index; nil: interfaces
	// have numbers.
	IfName func(index int) string
	IDs    *IDs // of connections; nil: its own

	steps   []Step
	packets []*tracked
	outputs []Output
	decoder decoder
	fresh   Kind // what a packet is that wasn't heard of before
	about   map[*packet.Packet]*tracked
	at      Step // the place where the last packet is: Point, Hook, Priority
	inside  bool // that function is running
	last    int  // id of the packet of the last step

	touched []conntrack.Ref
	ended   []int
	gone    []Conn // as they were
}

// Kind is what a packet of a Passage is.
type Kind = string

// The kinds of packets.
const (
	KindInput    Kind = "input"
	KindError    Kind = "icmp-error"
	KindFragment Kind = "fragment"
	KindCopy     Kind = "copy"
	KindKept     Kind = "kept"
)

// tracked is a packet that was heard of.
type tracked struct {
	Packet
	data   []byte // as it was at its last step
	layers []Layer
	family packet.Family
}

var _ packet.Listener = (*Recorder)(nil)

// Begin starts what comes next with a packet that comes in, or with none.
func (r *Recorder) Begin(input bool) {
	r.fresh = KindKept
	if input {
		r.fresh = KindInput
	}
}

// Event implements packet.Listener.
func (r *Recorder) Event(p *packet.Packet, e packet.Event) {
	e = r.numbers().ends(e)
	s := Step{Func: e.Func(), Reason: e.Reason()}
	if en, ok := e.(hooks.Entered); ok {
		r.at = Step{Point: en.Point.String(), Hook: en.Place.Name, Priority: en.Place.Priority}
		r.inside = true
	}
	if p != nil {
		r.follow(&s, p, e)
	}
	r.describe(&s, p, e)
	if s.Host && !r.inside {
		r.at = Step{}
	}
	s.Point, s.Hook, s.Priority = r.at.Point, r.at.Hook, r.at.Priority
	if _, ok := e.(hooks.Decided); ok {
		r.inside = false // a hook function ends with its verdict
	}
	r.steps = append(r.steps, s)
}

// follow notes which packet a step is about, and what changed in it.
func (r *Recorder) follow(s *Step, p *packet.Packet, e packet.Event) {
	if e, ok := e.(xmit.Encapsulated); ok && e.Dest != nil && e.Dest.TunType == sched.TunGUE {
		r.decoder.learn(e.Dest.TunPort)
	}
	t := r.about[p]
	if t == nil {
		t = r.meet(p, e)
	} else if !bytes.Equal(t.data, p.Data()) {
		now := r.decoder.layers(p.Family, p.Data())
		s.Changes, s.Added, s.Removed = diff(t.layers, now)
		t.layers, t.family, t.data = now, p.Family, append(t.data[:0], p.Data()...)
	}
	s.Packet = t.ID
	if _, ok := e.(hooks.Entered); !ok && r.last != t.ID {
		r.at, r.inside = Step{}, false
	}
	r.last = t.ID
	if e, ok := e.(xmit.Errored); ok && e.Error != nil {
		r.add(e.Error, KindError, t.ID)
	}
	if _, ok := e.(host.Transmitted); ok && t.Kind == KindFragment {
		delete(r.about, p) // the next fragment lies in the same place
	}
}

// meet notes a packet that wasn't heard of before.
func (r *Recorder) meet(p *packet.Packet, e packet.Event) *tracked {
	kind, parent := r.fresh, 0
	if kind == KindInput {
		r.fresh = KindKept
	} else {
		parent = r.last
		switch e.(type) {
		case host.Looped:
			kind = KindCopy
		case host.Transmitted, host.Unresolved:
			if parent != 0 {
				kind = KindFragment
			}
		}
	}
	return r.add(p, kind, parent)
}

func (r *Recorder) add(p *packet.Packet, kind Kind, parent int) *tracked {
	t := &tracked{
		Packet: Packet{ID: len(r.packets) + 1, Kind: kind, Parent: parent, Summary: Summary(p)},
		data:   bytes.Clone(p.Data()), family: p.Family,
	}
	t.layers = r.decoder.layers(p.Family, p.Data())
	t.Layers = t.layers
	if r.about == nil {
		r.about = map[*packet.Packet]*tracked{}
	}
	r.about[p] = t
	r.packets = append(r.packets, t)
	return t
}

// Output notes a frame that left, which the last step was about. iface is
// "local" for one that a process of this host got.
func (r *Recorder) Output(iface string, frame []byte) {
	o := Output{Interface: iface, Frame: bytes.Clone(frame)}
	for i := len(r.steps) - 1; i >= 0; i-- {
		s := &r.steps[i]
		if s.Kind != "transmit" && s.Kind != "deliver" || s.Output != 0 {
			continue
		}
		s.Output = len(r.outputs) + 1
		o.Packet = s.Packet
		break
	}
	for _, t := range r.packets {
		if t.ID == o.Packet {
			o.Summary = summary(t.family, t.data, 0)
		}
	}
	r.outputs = append(r.outputs, o)
}

// conn returns the id of a connection, and notes that it was touched.
func (r *Recorder) conn(c *conntrack.Conn) int {
	ref := c.Ref()
	id := r.id(ref)
	if !slices.Contains(r.touched, ref) {
		r.touched = append(r.touched, ref)
	}
	if c.Control != 0 && !slices.Contains(r.touched, c.Control) {
		r.touched = append(r.touched, c.Control)
	}
	return id
}

func (r *Recorder) id(ref conntrack.Ref) int {
	return r.numbers().of(ref)
}

// numbers returns the IDs, the Recorder's own if it was given none.
func (r *Recorder) numbers() *IDs {
	if r.IDs == nil {
		r.IDs = &IDs{}
	}
	return r.IDs
}

// end notes that a connection ended: what comes in its place gets an id of its
// own.
func (r *Recorder) end(c *conntrack.Conn) {
	ref := c.Ref()
	r.ended = append(r.ended, r.id(ref))
	r.gone = append(r.gone, r.connOf(&hooks.ConnInfo{
		Family: c.Family, DestFamily: c.DestFamily, Protocol: c.Protocol, Client: c.Client, Virtual: c.Virtual, Dest: c.Dest,
		CPort: c.CPort, VPort: c.VPort, DPort: c.DPort, State: c.StateName(), Template: c.Flags&conntrack.Template != 0,
		Ref: ref, Flags: c.Flags, Timeout: time.Duration(c.Timeout) * conntrack.Tick, InPkts: c.InPkts, Control: c.Control, NControl: c.NControl,
	}))
	r.IDs.forget(ref)
	r.touched = slices.DeleteFunc(r.touched, func(x conntrack.Ref) bool { return x == ref })
}

// Take fills in what was heard since the last call, and forgets it: packets,
// steps, outputs. It returns the connections that were met, for Fill.
func (r *Recorder) Take(g *Passage) []conntrack.Ref {
	for _, t := range r.packets {
		g.Packets = append(g.Packets, t.Packet)
	}
	g.Steps, g.Outputs, g.Ended, g.Last = r.steps, r.outputs, r.ended, r.gone
	touched := r.touched
	r.steps, r.packets, r.outputs, r.touched, r.ended, r.gone = nil, nil, nil, nil, nil, nil
	clear(r.about)
	r.at, r.inside, r.last = Step{}, false, 0
	return touched
}

// Fill adds to g the connections that are still there, by asking get for them.
// That may lock, which a listener must not: some events come with a part of the
// connection table locked.
func (r *Recorder) Fill(g *Passage, met []conntrack.Ref, get func(conntrack.Ref) (hooks.ConnInfo, bool)) {
	for _, ref := range met {
		if i, ok := get(ref); ok {
			g.Conns = append(g.Conns, r.connOf(&i))
		}
	}
}

// Empty reports whether nothing was heard since the last Take.
func (r *Recorder) Empty() bool { return len(r.steps) == 0 && len(r.outputs) == 0 }

// connOf puts a connection in words.
func (r *Recorder) connOf(i *hooks.ConnInfo) Conn {
	c := Conn{
		ID: r.id(i.Ref), Template: i.Template, Protocol: packet.ProtoName(i.Protocol),
		Client: endpoint(i.Client, i.Family, i.CPort).String(), Virtual: endpoint(i.Virtual, i.Family, i.VPort).String(),
		Dest: endpoint(i.Dest, i.DestFamily, i.DPort).String(), Forward: sched.Forward(i.Flags & conntrack.FwdMask).String(),
		State: i.State, Timeout: Seconds(i.Timeout), Expires: Seconds(i.Expires), InPkts: i.InPkts,
		Control: r.id(i.Control), Controls: i.NControl,
		OnePacket: i.Flags&conntrack.OnePacket != 0, Inactive: i.Flags&conntrack.Inactive != 0,
		PE: i.PEName, PEData: i.PEData,
	}
	if i.Template && i.Protocol == packet.ProtoIP {
		c.Mark = i.Virtual.Word(0)
		c.Virtual = ""
	}
	return c
}

// Started returns the first line but for what the caller knows: kernel,
// interfaces, setup, services.
func Started(epoch time.Duration) *Start {
	s := &Start{Type: "start", Schema: Schema, Epoch: Seconds(epoch)}
	for _, pl := range hooks.Places {
		s.Hooks = append(s.Hooks, Hook{pl.Point.String(), pl.Priority, pl.Name, pl.Kernel, pl.Purpose})
	}
	return s
}
