package explain

import (
	"fmt"
	"strconv"
	"strings"

	"goipvs/internal/filter"
	"goipvs/internal/replay"
	"goipvs/internal/trace"
)

// Choice says which packets are told of.
type Choice struct {
	Packets Numbers        // none: all
	Filter  *filter.Filter // holds for the packet as it came or for what left on its account; nil: all
	Lost    bool           // only those that were lost
}

// All reports whether it is all of them.
func (c *Choice) All() bool { return len(c.Packets) == 0 && c.Filter == nil && !c.Lost }

// Has reports whether a packet is one of them.
func (c *Choice) Has(g *trace.Passage) bool {
	return g.Type == "packet" && (!c.Lost || g.Outcome == trace.Gone) && (len(c.Packets) == 0 || c.Packets.Has(g.N)) &&
		(c.Filter == nil || c.matches(g))
}

func (c *Choice) matches(g *trace.Passage) bool {
	if c.Filter.Match(filter.Of(g.Link, g.Frame)) {
		return true
	}
	for _, o := range g.Outputs {
		link := "ethernet"
		if o.Interface == replay.LocalName {
			link = "raw"
		}
		if c.Filter.Match(filter.Of(link, o.Frame)) {
			return true
		}
	}
	return false
}

// Select is a Sink that hands on only some packets. What happens without a packet
// it leaves out.
type Select struct {
	Sink
	Chosen func(*trace.Passage) bool
}

// Passage implements Sink.
func (s *Select) Passage(g *trace.Passage) error {
	if !s.Chosen(g) {
		return nil
	}
	return s.Sink.Passage(g)
}

// Numbers are packets' numbers: ranges, each with its first and last one.
type Numbers [][2]int

// Has reports whether n is one of them.
func (n Numbers) Has(number int) bool {
	for _, r := range n {
		if r[0] <= number && number <= r[1] {
			return true
		}
	}
	return false
}

// String implements pflag.Value.
func (n *Numbers) String() string {
	var all []string
	for _, r := range *n {
		s := strconv.Itoa(r[0])
		if r[1] != r[0] {
			s += "-" + strconv.Itoa(r[1])
		}
		all = append(all, s)
	}
	return strings.Join(all, ",")
}

// Set adds numbers: "3" or "3,7-9".
func (n *Numbers) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		b := a
		if err == nil && isRange {
			b, err = strconv.Atoi(last)
		}
		if err != nil || a < 1 || b < a {
			return fmt.Errorf("%q is no number of a packet, and no range of them", part)
		}
		*n = append(*n, [2]int{a, b})
	}
	return nil
}

// Type implements pflag.Value.
func (*Numbers) Type() string { return "numbers" }
