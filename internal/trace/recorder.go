package trace

import (
	"goipvs/hooks"
	"goipvs/packet"
)

// Step is one event of a packet's way.
type Step struct {
	Point   string        `json:"point,omitempty"`    // the hook point, where a hook function begins,
	Hook    string        `json:"function,omitempty"` // that function,
	Place   int           `json:"priority,omitempty"` // its priority
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

// Event implements packet.Listener.
func (r *Recorder) Event(p *packet.Packet, e packet.Event) {
	s := Step{Func: e.Func(), Reason: e.Reason()}
	describe(&s, e)
	now := Summary(p)
	if en, ok := e.(hooks.Entered); ok {
		if point := en.Point.String(); point != r.point || p != r.packet {
			s.Point, r.point, s.Packet = point, point, now
		}
	} else if now != r.last || p != r.packet {
		s.Packet = now
	}
	r.packet, r.last = p, now
	r.Steps = append(r.Steps, s)
}

// Reset forgets what was heard.
func (r *Recorder) Reset() { *r = Recorder{Steps: r.Steps[:0]} }
