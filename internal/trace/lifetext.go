package trace

import (
	"fmt"
	"io"
	"strings"
)

// WriteLife writes the life of a connection for reading: who made it, each
// packet with the state that it led to and how long that lasts, and how it
// ended.
func WriteLife(w io.Writer, l *Life, st Style) error {
	if st.Width == 0 {
		st.Width = 100
	}
	t := &text{Style: st}
	c := &l.Conn
	what, virtual := "connection", c.Virtual
	if c.Template {
		what = "template"
	}
	if c.Mark != 0 {
		virtual = fmt.Sprintf("mark %d", c.Mark)
	}
	line := fmt.Sprintf("── %s %d ── %s %s → %s → %s, %s ", what, c.ID, c.Protocol, c.Client, virtual, c.Dest, c.Forward)
	t.line(bold, line+strings.Repeat("─", max(0, t.Width-visible(line))))
	made := fmt.Sprintf("Made at %s s", clock(l.Made))
	if l.By != 0 {
		made += fmt.Sprintf(" by packet %d", l.By)
	}
	if l.How != "" {
		made += ": " + l.How
	}
	t.wrap(indentTree, indentTree, plain, made+".")
	if c.Control != 0 {
		t.wrap(indentTree, indentTree, plain, fmt.Sprintf("Number %d controls it.", c.Control))
	}
	if len(l.Moments) > 0 {
		t.line(dim, fmt.Sprintf("%s%12s %7s   %-18s %-28s %s", indentTree, "time", "packet", "", "state", "lives without a packet"))
	}
	for i := range l.Moments {
		t.moment(&l.Moments[i])
	}
	counts := fmt.Sprintf("packets from the client: %d of %d octets, from the server: %d of %d octets", l.InPkts, l.InBytes, l.OutPkts, l.OutBytes)
	if c.Template {
		counts = ""
	}
	end := fmt.Sprintf("Ended at %s s: %s", clock(l.Ended), meaning(l.Why))
	p := yellow
	if l.Why == "" {
		p = green
		end = fmt.Sprintf("There at the end: %s, expires in %s", c.State, span(c.Expires))
	}
	if counts != "" {
		end += "; " + counts
	}
	t.wrap(indentTree, indentTree, p, end+".")
	t.b.WriteString("\n")
	_, err := io.WriteString(w, st.finish(t.b.String()))
	return err
}

// moment writes a packet in a connection's life.
func (t *text) moment(m *Moment) {
	arrow := map[string]string{"in": "→", "out": "←", "error": "!"}[m.Direction]
	state, lives := "", ""
	if s := m.State; s != nil {
		state = s.To
		if s.From != s.To {
			state = s.From + " → " + s.To
		}
		lives = span(s.Timeout)
		switch s.Active {
		case 1:
			lives += ", active"
		case -1:
			lives += ", inactive"
		}
	}
	line := fmt.Sprintf("%s%12s %7d %s %s %s %s", indentTree, clock(m.Time), m.N, arrow, pad(kindOf(m), 18), pad(state, 28), lives)
	p := plain
	if m.Outcome == Gone {
		p, line = red, line+" lost"
	}
	t.line(p, strings.TrimRight(line, " "))
	if m.Text != "" {
		t.wrap(indentTree+strings.Repeat(" ", 24), indentTree+strings.Repeat(" ", 24), plain, m.Text)
	}
}

// kindOf tells what a packet is in a word or two: TCP's flags, else the protocol,
// and its length.
func kindOf(m *Moment) string {
	s, _, _ := strings.Cut(m.Summary, " {")
	words := strings.Fields(s)
	var kind []string
	length := ""
	for i := 3; i < len(words); i++ {
		switch words[i] {
		case "ttl":
			i++
		case "length":
			if i+1 < len(words) {
				length = words[i+1]
			}
			i++
		default:
			kind = append(kind, words[i])
		}
	}
	return strings.TrimPrefix(strings.Join(kind, " "), "TCP ") + " " + length
}
