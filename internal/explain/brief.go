package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"goipvs/internal/trace"
)

// Brief is a Sink that writes a line for each packet: what became of it, why, and
// what it was; lines of what happened between packets; and at the end how many
// packets there were of each kind.
type Brief struct {
	W     io.Writer
	Style trace.Style

	counts map[string]int // of packets, by outcome and reason
	total  int
}

// Start implements Sink.
func (b *Brief) Start(*trace.Start) error {
	b.counts = map[string]int{}
	return trace.WriteBriefHead(b.W, b.Style)
}

// Passage implements Sink.
func (b *Brief) Passage(g *trace.Passage) error {
	if g.Type == "packet" {
		b.total++
		b.counts[fmt.Sprintf("%s %s", g.Outcome, g.Reason)]++
	}
	return trace.WriteBrief(b.W, g, b.Style)
}

// Listing implements Sink.
func (*Brief) Listing(*trace.Listing) error { return nil }

// End implements Sink.
func (b *Brief) End(e *trace.End) error {
	var said []string
	for _, outcome := range []string{trace.Sent, trace.Delivered, trace.Waiting, trace.Handled, trace.Skipped, trace.Gone} {
		n, reasons := 0, []string{}
		for k, count := range b.counts {
			if o, reason, _ := strings.Cut(k, " "); o == outcome {
				n += count
				reasons = append(reasons, fmt.Sprintf("%d %s", count, reason))
			}
		}
		if n == 0 {
			continue
		}
		s := fmt.Sprintf("%d %s", n, outcome)
		if outcome == trace.Gone {
			slices.Sort(reasons)
			s += ": " + strings.Join(reasons, ", ")
		}
		said = append(said, s)
	}
	packets := "packets"
	if b.total == 1 {
		packets = "packet"
	}
	if _, err := fmt.Fprintf(b.W, "\n%d %s: %s\n", b.total, packets, strings.Join(said, ", ")); err != nil {
		return err
	}
	return notes(b.W, e)
}
