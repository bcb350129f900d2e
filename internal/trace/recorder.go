package trace

import (
	"goipvs/hooks"
	"goipvs/packet"
)

// Step is one event of a packet's way.
type Step struct {
	Host    bool          `json:"host,omitempty"`     // the machine around does it, not IPVS
	Point   string        `json:"point,omitempty"`    // the hook point, where the first hook function begins
	Hook    string        `json:"function,omitempty"` // the hook function that begins,
	Place   int           `json:"priority,omitempty"` // with its priority
	Func    string        `json:"kernel"`             // the kernel function that decides so
	Reason  packet.Reason `json:"reason,omitempty"`
	Verdict string        `json:"verdict,omitempty"` // where the step ends a function
	Detail  string        `json:"detail,omitempty"`
	Packet  string        `json:"packet,omitempty"` // the packet's headers, where they are new or have changed
}

// Recorder is a packet.Listener that keeps what it hears, in order, from one
// goroutine at a time. The zero value is ready.
type Recorder struct {
	Steps []Step

	packet *packet.Packet // that the last step was about
	last   string         // its headers then
	point  string         // where it was
}

var _ packet.Listener = (*Recorder)(nil)

// Event implements packet.Listener. What happens without a packet, such as a
// connection's end, is no step of one's way.
func (r *Recorder) Event(p *packet.Packet, e packet.Event) {
	if p == nil {
		return
	}
	s := Step{Func: e.Func(), Reason: e.Reason()}
	describe(&s, p, e)
	if p != nil {
		if now := Summary(p); p != r.packet || now != r.last {
			r.last, s.Packet = now, now
		}
	}
	switch en, ok := e.(hooks.Entered); {
	case ok && (p != r.packet || en.Point.String() != r.point):
		r.point = en.Point.String()
		s.Point = r.point
	case s.Host:
		r.point = ""
	}
	r.packet = p
	r.Steps = append(r.Steps, s)
}
