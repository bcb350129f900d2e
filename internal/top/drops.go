package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"goipvs/internal/control"
)

// drop is a reason for which packets were lost.
type drop struct {
	why  string
	n    uint64
	rate float64
}

// lost says of a count what packets were lost for, if they were.
func lost(c control.Count) (why string, ok bool) {
	part := strings.Split(c.Name, "/")
	switch {
	case part[0] == "verdict" && len(part) == 3:
		// What goes on its way by injection is stolen, as is what a transmitter
		// gave up.
		return part[2], part[1] == "drop" || part[1] == "stolen" && part[2] != "request" && part[2] != "reply"
	case part[0] == "queue" && len(part) == 3:
		return "queue " + part[1] + " " + part[2], part[2] != "waiting"
	case part[0] == "refused" && len(part) == 2:
		return "not sent by " + part[1], true
	}
	switch c.Name {
	case "truncated":
		return "longer than the kernel hands out", true
	case "limited":
		return "ICMP errors over the limit", true
	}
	return "", false
}

// drops returns the lines about what was lost: most at present first, then most
// in all.
func drops(s, old *Sample) []string {
	var all []drop
	for _, c := range s.Counts {
		why, ok := lost(c)
		if !ok || c.N == 0 {
			continue
		}
		d := drop{why: why, n: c.N}
		if old != nil {
			if span, was := s.At.Sub(old.At).Seconds(), old.count(c.Name); span > 0 && c.N >= was {
				d.rate = float64(c.N-was) / span
			}
		}
		all = append(all, d)
	}
	slices.SortStableFunc(all, func(a, b drop) int {
		return cmp.Or(cmp.Compare(b.rate, a.rate), cmp.Compare(b.n, a.n))
	})
	if len(all) == 0 {
		return []string{"", "Dropped: nothing"}
	}
	lines := []string{"", fmt.Sprintf("%-34s%10s%12s", "Dropped because of", "/s", "in all")}
	for _, d := range all {
		rate := short(d.rate)
		if old == nil {
			rate = ""
		}
		lines = append(lines, fmt.Sprintf("  %-32s%10s%12d", d.why, rate, d.n))
	}
	return lines
}
