package trace

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// funcWidth is the column of kernel functions.
const funcWidth = 22

// Columns of the tree.
const (
	indentTree = "   "
	bar        = "│"
	branch     = "├"
	corner     = "└"
)

// WriteText writes a passage for reading: what came and what became of it, then
// its way as a tree: the machine and the hook functions, below them what each
// kernel function decided and why, and what that changed in the packet.
func WriteText(w io.Writer, g *Passage, st Style) error {
	if st.Width == 0 {
		st.Width = 100
	}
	t := &text{Style: st, g: g}
	t.head()
	t.tree()
	t.b.WriteString("\n")
	_, err := io.WriteString(w, st.finish(t.b.String()))
	return err
}

// text is a passage being written.
type text struct {
	Style
	b strings.Builder
	g *Passage

	about int // packet
}

// head writes what came and what became of it.
func (t *text) head() {
	g := t.g
	what := g.Type
	if what == "packet" {
		what = fmt.Sprintf("packet %d", g.N)
	}
	line := fmt.Sprintf("── %s ── %s s ", what, clock(g.Time))
	if g.Interface == "local" {
		line += "── from a process of this host "
	} else if g.Interface != "" {
		line += fmt.Sprintf("── in by %s ", g.Interface)
	}
	t.line(bold, line+strings.Repeat("─", max(0, t.Width-utf8.RuneCountInString(line))))
	if g.Type == "timer" {
		return // the steps say all
	}
	t.wrap(indentTree, indentTree, plain, g.Summary)
	if g.Text != "" && g.Text != "Done." {
		t.wrap(indentTree, indentTree, outcomePaint(g), g.Text)
	}
	if g.Advice != "" {
		t.wrap(indentTree+t.paint(bold, "Hint: "), indentTree, plain, g.Advice)
	}
}

// clock writes a time in seconds with microseconds.
func clock(s Seconds) string {
	return fmt.Sprintf("%d.%06d", int64(s)/1e9, int64(s)%1e9/1e3)
}

// span writes a length of time.
func span(s Seconds) string {
	d := time.Duration(s)
	if d >= 2*time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%g s", d.Round(time.Millisecond).Seconds())
}

func outcomePaint(g *Passage) paint {
	switch g.Outcome {
	case Gone:
		return red
	case Waiting:
		return yellow
	case Sent, Delivered:
		return green
	}
	return cyan
}

// tree writes the steps.
func (t *text) tree() {
	steps := t.g.Steps
	for i := 0; i < len(steps); i++ {
		s := &steps[i]
		switch {
		case s.Kind == "end" && t.g.Type == "timer":
			t.wrap(indentTree, indentTree+"  ", yellow, s.Text)
			continue
		case s.Kind == "hook" && i+1 < len(steps) && steps[i+1].Kind == "verdict" && steps[i+1].Verdict == "ACCEPT" && steps[i+1].Packet == s.Packet:
			t.enter(s)
			t.hookLine(s, &steps[i+1])
			i++
			continue
		}
		t.enter(s)
		switch {
		case s.Kind == "hook":
			t.hookLine(s, nil)
		case s.Hook == "":
			t.hostStep(s, i == len(steps)-1)
		default:
			t.step(s)
		}
	}
}

// enter writes to which other packet the way comes with a step.
func (t *text) enter(s *Step) {
	if s.Packet == 0 || s.Packet == t.about {
		return
	}
	p := &t.g.Packets[s.Packet-1]
	switch {
	case t.about == 0 && s.Packet == 1 || p.Kind == KindFragment && s.Kind == "transmit" || s.Kind == "fragment":
	case s.Packet == 1:
		t.line(bold, indentTree+branch+" packet "+t.name(1)+" again")
	default:
		t.wrap(indentTree+branch+" ", indentTree+bar+"   ", bold, fmt.Sprintf("packet %s (%s): %s", t.name(s.Packet), kindNames[p.Kind], p.Summary))
	}
	t.about = s.Packet
}

// hookLine writes where a hook function begins; one that does nothing but to let
// the packet pass takes no more than this line.
func (t *text) hookLine(s, only *Step) {
	line := fmt.Sprintf("%s%s %s %d  %s", indentTree, branch, t.paint(bold, s.Point), s.Priority, t.paint(bold, s.Hook)) + t.paint(dim, " ("+s.Func+")")
	if only != nil {
		t.line(plain, line+"  "+t.paint(verdictPaint(only), only.Verdict)+" "+string(only.Reason))
		return
	}
	if purpose := ": " + s.Text; visible(line)+visible(purpose) <= t.Width {
		line += t.paint(dim, purpose)
	}
	t.line(plain, line)
}

// name numbers the packets of a passage: 1 is the packet itself, 1b and so on
// are made on its account.
func (t *text) name(id int) string {
	n := ""
	if t.g.N > 0 {
		n = fmt.Sprint(t.g.N)
	}
	if id > 1 {
		n += "." + fmt.Sprint(id)
	}
	return n
}

var kindNames = map[Kind]string{
	KindInput: "itself", KindError: "ICMP error", KindFragment: "fragment", KindCopy: "copy for this host", KindKept: "kept",
}

// hostStep writes what the machine around IPVS does.
func (t *text) hostStep(s *Step, last bool) {
	said := hostWords[s.Kind]
	if said == "" {
		said = s.Func
	}
	body, p := s.Text, plain
	if s.Verdict != "" {
		said, p = s.Verdict, verdictPaint(s)
		body = fmt.Sprintf("%s: %s (%s)", s.Reason, s.Text, s.Func)
	}
	if s.Output > 0 {
		p = green
		body += ": " + t.g.Outputs[s.Output-1].Summary
		if t.g.Packets[s.Packet-1].Kind == KindFragment {
			said = "fragment"
		}
	}
	mark, side := branch, bar
	if last {
		mark, side = corner, " "
	}
	hang := indentTree + side + "            "
	t.wrap(indentTree+mark+" "+t.paint(p, pad(said, 10))+" ", hang, plain, body)
	t.changes(s, hang)
}

// hostWords name what the machine does.
var hostWords = map[string]string{
	"receive": "received", "routing": "routed", "sending": "sent", "mark": "marked", "queue": "kept", "reassemble": "whole",
	"end": "ends", "fragment": "fragments", "resolve": "waits", "transmit": "out", "loop": "looped", "deliver": "in", "icmp": "ICMP",
	"verdict": "verdict", "handle": "handled",
}

// step writes what a kernel function of IPVS decides.
func (t *text) step(s *Step) {
	lead := indentTree + bar + "   " + t.paint(cyan, pad(s.Func, funcWidth)) + " "
	hang := indentTree + bar + "   " + strings.Repeat(" ", funcWidth+1)
	if s.Verdict != "" {
		t.wrap(lead+t.paint(verdictPaint(s), s.Verdict)+" ", hang, plain, fmt.Sprintf("%s: %s", s.Reason, s.Text))
	} else {
		t.wrap(lead, hang, plain, s.Text)
	}
	if s.Choice != nil {
		t.choice(s.Choice, hang)
	}
	t.changes(s, hang)
}

func verdictPaint(s *Step) paint {
	switch {
	case s.Verdict == "DROP" || reasons[s.Reason].Effect.String() == "lost":
		return red
	case s.Verdict == "STOLEN":
		return yellow
	}
	return green
}
