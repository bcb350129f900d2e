package explain

import (
	"io"
	"maps"
	"slices"

	"goipvs/hooks"
	"goipvs/internal/trace"
)

// Lives is a Sink that tells the lives of connections and templates: each when
// it ended, and at the end those that are there still.
type Lives struct {
	Chosen func(*trace.Passage) bool // the connections of these packets only; nil: all
	Tell   func(*trace.Life) error

	lives map[int]*life
}

// life is one under way.
type life struct {
	trace.Life
	chosen bool
}

// Start implements Sink.
func (*Lives) Start(*trace.Start) error { return nil }

// Listing implements Sink.
func (*Lives) Listing(*trace.Listing) error { return nil }

// Passage implements Sink.
func (x *Lives) Passage(g *trace.Passage) error {
	if x.lives == nil {
		x.lives = map[int]*life{}
	}
	chosen := g.Type == "packet" && (x.Chosen == nil || x.Chosen(g))
	how := ""
	met := map[int]*trace.Moment{}
	var ends []*trace.Step
	for i := range g.Steps {
		s := &g.Steps[i]
		if s.Choice != nil && s.Choice.Dest != "" {
			how = s.Choice.Scheduler + " chose " + s.Choice.Dest
		}
		if s.Reason == hooks.ReasonTemplate {
			how = "the client's template"
		}
		if s.Conn == 0 {
			continue
		}
		if s.Kind == "end" {
			ends = append(ends, s)
			continue
		}
		l := x.lives[s.Conn]
		if l == nil {
			l = &life{Life: trace.Life{Type: "life", Made: g.Time, By: g.N, How: how}}
			x.lives[s.Conn] = l
		}
		l.chosen = l.chosen || chosen
		if g.Type != "packet" {
			continue
		}
		m := met[s.Conn]
		if m == nil {
			m = &trace.Moment{N: g.N, Time: g.Time, Summary: g.Summary, Outcome: g.Outcome, Direction: direction(g)}
			met[s.Conn] = m
		}
		if s.State != nil {
			m.State = s.State
		}
		if s.Kind == "conn" && s.Reason != hooks.ReasonCreated {
			m.Text = s.Text
		}
	}
	for _, c := range slices.Concat(g.Last, g.Conns) {
		if l := x.lives[c.ID]; l != nil {
			l.Conn = c
		}
	}
	for id, m := range met {
		x.lives[id].add(m, g)
	}
	for _, s := range ends {
		if err := x.end(s, g.Time); err != nil {
			return err
		}
	}
	return nil
}

// direction says whose packet it is by the verdict about it.
func direction(g *trace.Passage) string {
	for i := range g.Steps {
		s := &g.Steps[i]
		if s.Packet == 1 && s.Kind == "verdict" && (s.Reason == hooks.ReasonRequest || s.Reason == hooks.ReasonReply) {
			switch {
			case s.Func == "ip_vs_in_icmp" || s.Func == "ip_vs_in_icmp_v6" || s.Func == "handle_response_icmp":
				return "error"
			case s.Reason == hooks.ReasonReply:
				return "out"
			}
			return "in"
		}
	}
	return "in"
}

// add adds a packet to a life.
func (l *life) add(m *trace.Moment, g *trace.Passage) {
	l.Moments = append(l.Moments, *m)
	if m.Outcome != trace.Sent && m.Outcome != trace.Delivered {
		return
	}
	n := len(g.Frame)
	if g.Link == "ethernet" {
		n -= 14
	}
	switch m.Direction {
	case "in":
		l.InPkts, l.InBytes = l.InPkts+1, l.InBytes+n
	case "out":
		l.OutPkts, l.OutBytes = l.OutPkts+1, l.OutBytes+n
	}
}

// end ends a life, unless it was put off.
func (x *Lives) end(s *trace.Step, at trace.Seconds) error {
	l := x.lives[s.Conn]
	if l == nil || s.Reason == hooks.ReasonPutOff {
		return nil
	}
	delete(x.lives, s.Conn)
	l.Ended, l.Why = at, s.Reason
	if !l.chosen {
		return nil
	}
	return x.Tell(&l.Life)
}

// End implements Sink.
func (x *Lives) End(*trace.End) error {
	for _, id := range slices.Sorted(maps.Keys(x.lives)) {
		if l := x.lives[id]; l.chosen {
			if err := x.Tell(&l.Life); err != nil {
				return err
			}
		}
	}
	return nil
}

// LivesText returns a Sink that writes lives for reading.
func LivesText(w io.Writer, st trace.Style, chosen func(*trace.Passage) bool) *Lives {
	return &Lives{Chosen: chosen, Tell: func(l *trace.Life) error { return trace.WriteLife(w, l, st) }}
}

// LivesJSON returns a Sink that writes each life as a JSON object.
func LivesJSON(w io.Writer, chosen func(*trace.Passage) bool) *Lives {
	j := NewJSON(w)
	return &Lives{Chosen: chosen, Tell: func(l *trace.Life) error { return j.enc.Encode(l) }}
}
