package trace

import (
	"encoding/json"
	"fmt"
	"io"
)

// ReadLine reads a line of explain --json or trace --json: *Start, *Passage,
// *Listing, *Lost, *Services, *Life or *End.
func ReadLine(b []byte) (any, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, err
	}
	var x any
	switch head.Type {
	case "start":
		x = &Start{}
	case "packet", "timer", "command":
		x = &Passage{}
	case "listing":
		x = &Listing{}
	case "lost":
		x = &Lost{}
	case "services":
		x = &Services{}
	case "life":
		x = &Life{}
	case "end":
		x = &End{}
	default:
		return nil, fmt.Errorf("a line of type %q", head.Type)
	}
	if err := json.Unmarshal(b, x); err != nil {
		return nil, err
	}
	if g, ok := x.(*Passage); ok {
		if err := g.check(); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// check sees that a passage refers to nothing that it hasn't.
func (g *Passage) check() error {
	for i := range g.Packets {
		if g.Packets[i].ID != i+1 {
			return fmt.Errorf("packet %d in place %d", g.Packets[i].ID, i+1)
		}
	}
	for i := range g.Steps {
		s := &g.Steps[i]
		if s.Packet < 0 || s.Packet > len(g.Packets) || s.Output < 0 || s.Output > len(g.Outputs) || s.Output > 0 && s.Packet == 0 {
			return fmt.Errorf("step %d is about packet %d and output %d", i+1, s.Packet, s.Output)
		}
	}
	return nil
}

// WriteLost writes for reading what was lost.
func WriteLost(w io.Writer, l *Lost, st Style) error {
	t := &text{Style: st}
	said := "packets"
	if l.Packets == 1 {
		said = "packet"
	}
	line := fmt.Sprintf("── %d %s", l.Packets, said)
	if l.Others > 0 {
		line += fmt.Sprintf(" and %d ends of connections", l.Others)
	}
	line += fmt.Sprintf(" not told of by %s s: too many came, or they were read too slowly", clock(l.Time))
	t.line(yellow, line)
	t.b.WriteString("\n")
	_, err := io.WriteString(w, st.finish(t.b.String()))
	return err
}
