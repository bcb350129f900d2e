package trace

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"goipvs/hooks"
	"goipvs/internal/host"
	"goipvs/packet"
)

// The outcomes of a packet.
const (
	Sent      = "sent"      // it left, itself or in fragments
	Delivered = "delivered" // a process of this host got it
	Waiting   = "waiting"   // for other fragments, or a neighbour
	Gone      = "lost"
	Handled   = "handled" // it ends here, as it should
	Skipped   = "skipped" // it is none that came: passed over
)

// NotSent tells of a packet that the host couldn't send.
func NotSent(g *Passage, err error) {
	g.Outcome, g.Reason = Gone, host.ReasonNotSent
	g.Text = "Not sent: " + err.Error() + "."
	g.Advice = reasons[g.Reason].Advice
}

// PassedOver tells of a packet that was passed over: host.ReasonCut or
// host.ReasonOutgoing.
func PassedOver(g *Passage, why packet.Reason) {
	g.Outcome, g.Reason = Skipped, why
	g.Text = capital(meaning(why)) + "."
	g.Advice = reasons[why].Advice
}

// Conclude sums a passage up: Summary, Outcome, Reason and Text.
func Conclude(g *Passage) {
	switch {
	case g.Type != "packet":
		concludeOther(g)
		return
	case len(g.Packets) > 0:
		g.Summary = g.Packets[0].Summary
	default:
		g.Summary = fmt.Sprintf("%d octets", len(g.Frame))
	}
	if g.Outcome != "" {
		return
	}
	if len(g.Steps) > 0 && len(g.Frame) >= 14 {
		switch g.Steps[len(g.Steps)-1].Reason {
		case host.ReasonARP, host.ReasonARPClaim:
			g.Summary = arpSummary(g.Frame[14:])
		case host.ReasonNotIP:
			g.Summary = fmt.Sprintf("Ethernet type 0x%04x, %d octets", binary.BigEndian.Uint16(g.Frame[12:]), len(g.Frame))
		}
	}
	f := fateOf(g)
	g.Outcome, g.Reason = f.outcome, f.reason
	g.Text = f.sentence(g)
	if f.outcome == Gone || f.outcome == Handled {
		g.Advice = reasons[f.reason].Advice
	}
}

// concludeOther sums up what no packet caused.
func concludeOther(g *Passage) {
	g.Summary = g.Command
	var said []string
	for i := range g.Steps {
		s := &g.Steps[i]
		if s.Kind == "end" || s.Verdict == "DROP" {
			said = append(said, s.Text)
			if g.Reason == "" {
				g.Reason = s.Reason
			}
		}
	}
	if g.Type == "timer" {
		g.Summary = "time passes"
		if len(said) == 1 {
			g.Summary = said[0]
		} else if len(said) > 1 {
			g.Summary = fmt.Sprintf("%s, and %d more", said[0], len(said)-1)
		}
	}
	said = append(slices.Clone(g.Effects), said...)
	g.Text = strings.Join(said, "; ")
	switch {
	case g.Error != "":
		g.Text = "Failed: " + g.Error + "."
	case g.Text != "":
		g.Text = capital(g.Text) + "."
	case g.Type == "command":
		g.Text = "Done."
	default:
		g.Text = g.Summary + "."
	}
}

// fate is what became of a packet.
type fate struct {
	outcome string
	reason  packet.Reason
	role    packet.Reason // the hooks' verdict, if any
	icmp    bool          // and it is about an ICMP error
	in      string        // the function of the reason
	conn    int
	isNew   bool
	by      *Choice
	tmpl    int
	errors  []string // ICMP errors that left
}

// passedICMP are reasons why ICMP messages pass.
var passedICMP = map[packet.Reason]bool{
	hooks.ReasonNotError: true, hooks.ReasonBadICMP: true, hooks.ReasonQuotedFrag: true, hooks.ReasonOtherTunnel: true,
}

// fateOf follows the packet, its fragments and its copies.
func fateOf(g *Passage) fate {
	own := map[int]bool{0: true}
	kind := map[int]*Packet{}
	for i := range g.Packets {
		p := &g.Packets[i]
		kind[p.ID] = p
		own[p.ID] = p.ID == 1 || p.Kind != KindError && own[p.Parent]
	}
	f := fate{outcome: Handled}
	rank := map[string]int{Handled: 0, Waiting: 1, Gone: 2, Delivered: 3, Sent: 4}
	set := func(o string, s *Step) {
		if rank[o] > rank[f.outcome] {
			f.outcome = o
			if o == Gone || o == Waiting {
				f.reason, f.in = s.Reason, s.Func
			}
		}
	}
	for i := range g.Steps {
		s := &g.Steps[i]
		if !own[s.Packet] {
			if s.Output > 0 && kind[s.Packet] != nil && kind[s.Packet].Kind == KindError {
				f.errors = append(f.errors, g.Outputs[s.Output-1].Interface)
			}
			continue
		}
		switch s.Kind {
		case "transmit":
			set(Sent, s)
		case "deliver":
			set(Delivered, s)
		case "queue", "resolve":
			set(Waiting, s)
		case "conn":
			if s.Reason == hooks.ReasonCreated && strings.HasPrefix(s.Text, "connection") {
				f.conn, f.isNew = s.Conn, true
			}
			if s.Reason == hooks.ReasonTemplate {
				f.tmpl = s.Conn
			}
		case "lookup":
			if s.Conn != 0 {
				f.conn, f.isNew = s.Conn, false
			}
		case "schedule":
			f.by = s.Choice
		case "drop", "verdict":
			effect := reasons[s.Reason].Effect
			if s.Verdict == "DROP" || effect == packet.Lost {
				set(Gone, s)
			}
			if s.Reason == hooks.ReasonProtocol && passedICMP[f.role] {
				continue // ICMP is no protocol that is balanced; why this one passes was said before
			}
			if s.Kind == "verdict" && s.Reason != hooks.ReasonOurs && (f.role == "" || reasons[f.role].Effect == packet.Passes) {
				f.role, f.icmp = s.Reason, strings.Contains(s.Func, "icmp")
			}
			if s.Reason == hooks.ReasonWaiting {
				f.reason, f.in = s.Reason, s.Func
			}
		case "handle":
			f.reason, f.in = s.Reason, s.Func
		}
	}
	if f.outcome == Sent || f.outcome == Delivered || f.reason == "" {
		f.reason = f.role
	}
	return f
}

// sentence puts a fate in words.
func (f *fate) sentence(g *Passage) string {
	var s strings.Builder
	switch {
	case f.outcome == Gone:
		fmt.Fprintf(&s, "Lost in %s: %s", f.in, meaning(f.reason))
	case f.outcome == Waiting:
		fmt.Fprintf(&s, "Kept: %s", meaning(f.reason))
	case f.role == hooks.ReasonRequest || f.role == hooks.ReasonReply:
		f.handled(&s, g)
	case f.role == "":
		s.WriteString("Not seen by IPVS")
		if f.reason != "" {
			fmt.Fprintf(&s, ": %s", meaning(f.reason))
		}
	case reasons[f.role].Effect == packet.Passes:
		fmt.Fprintf(&s, "None of IPVS's business: %s", meaning(f.role))
	default:
		s.WriteString(capital(meaning(f.reason)))
	}
	switch f.outcome {
	case Sent:
		fmt.Fprintf(&s, "; sent by %s", leftBy(g))
	case Delivered:
		s.WriteString("; a process of this host gets it")
	}
	if len(f.errors) > 0 {
		fmt.Fprintf(&s, "; an ICMP error was sent by %s", f.errors[0])
	}
	s.WriteString(".")
	return s.String()
}

// handled tells of what IPVS sent on.
func (f *fate) handled(s *strings.Builder, g *Passage) {
	switch {
	case f.icmp && f.role == hooks.ReasonReply:
		s.WriteString("ICMP error for the client of ")
	case f.icmp:
		s.WriteString("ICMP error for the server of ")
	case f.role == hooks.ReasonReply:
		s.WriteString("Reply of ")
	default:
		s.WriteString("Request of ")
	}
	if f.isNew {
		s.WriteString("the new ")
	}
	fmt.Fprintf(s, "connection %d", f.conn)
	for i := range g.Conns {
		if c := &g.Conns[i]; c.ID == f.conn && !c.Template {
			fmt.Fprintf(s, ", server %s (%s), %s", c.Dest, c.Forward, c.State)
		}
	}
	switch {
	case !f.isNew:
	case f.tmpl != 0:
		fmt.Fprintf(s, ", by template %d", f.tmpl)
	case f.by != nil:
		fmt.Fprintf(s, ", chosen by %s", f.by.Scheduler)
	}
}

// leftBy names the interfaces that the packet left by, each once.
func leftBy(g *Passage) string {
	var names []string
	seen := map[string]bool{}
	for i := range g.Outputs {
		o := &g.Outputs[i]
		if o.Packet > 0 && o.Packet <= len(g.Packets) && g.Packets[o.Packet-1].Kind == KindError || seen[o.Interface] {
			continue
		}
		seen[o.Interface] = true
		names = append(names, o.Interface)
	}
	return strings.Join(names, " and ")
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
