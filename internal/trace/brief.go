package trace

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"goipvs/internal/host"
)

// briefForm has the columns of brief lines: number, time, interface, outcome,
// reason, packet.
const briefForm = "%6s %12s  %-6s %s %-20s %s\n"

// WriteBriefHead writes the head of brief lines.
func WriteBriefHead(w io.Writer, st Style) error {
	_, err := fmt.Fprint(w, st.finish(st.paint(bold, fmt.Sprintf(strings.TrimSuffix(briefForm, "\n"), "packet", "s", "in by", pad("outcome", 9), "reason", "what")))+"\n")
	return err
}

// WriteBrief writes a passage as a line. One is left out: that the capture has
// what the host sent, which is nothing that came.
func WriteBrief(w io.Writer, g *Passage, st Style) error {
	if g.Reason == host.ReasonOutgoing {
		return nil
	}
	n, outcome, reason, what := "", g.Outcome, string(g.Reason), briefly(g.Summary)
	switch g.Type {
	case "packet":
		n = fmt.Sprint(g.N)
	case "command":
		reason = ""
		if g.Error != "" {
			what += ": " + g.Error
		}
	}
	if g.Type != "packet" {
		outcome = g.Type
	}
	if before, _, ok := strings.Cut(what, "): "); ok && g.Type == "timer" {
		what = before + ")" // which connection; the reason says the rest
	}
	line := fmt.Sprintf(briefForm, n, clock(g.Time), g.Interface, st.paint(outcomePaint(g), pad(outcome, 9)), reason, what)
	_, err := io.WriteString(w, st.finish(line))
	return err
}

var lengths = regexp.MustCompile(` ttl \d+ length (\d+)`)

// briefly shortens a packet's summary: of time to live and length only the length.
func briefly(summary string) string { return lengths.ReplaceAllString(summary, " $1") }
