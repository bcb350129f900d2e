package bench

import (
	"fmt"
	"strings"
)

// Table returns the results as tables in Markdown: medians with their spreads,
// then medians as ratios to those of the peer that a figure is compared with.
func (r *Results) Table() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d processors, Linux %s, %s; %s, when the load average was %.1f; medians of %d rounds of %g s [least to most].\n\n",
		m.Processor, m.Processors, m.Kernel, m.Go, r.Begun.Format("2006-01-02 15:04 MST"), m.Load, r.Rounds, r.Seconds)
	r.table(&b, func(f *Figure) string { return unit(f.Title, f.Unit) }, r.cell)
	b.WriteString("\nAs ratios of medians:\n\n")
	r.table(&b, func(f *Figure) string {
		if f.Beside == "" {
			return ""
		}
		better := "more is better"
		if f.Less {
			better = "less is better"
		}
		return fmt.Sprintf("%s, to %s (%s)", f.Title, r.title(f.Beside), better)
	}, r.ratio)
	v := r.Verified
	fmt.Fprintf(&b, "\nVerified on the way: %.1f GiB of streams and %d answers, of which %d were wrong.\n", float64(v.Octets)/(1<<30), v.Answers, v.Bad)
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "- %s\n", p)
	}
	return b.String()
}

// table writes a table with a line for each figure that head gives a title.
func (r *Results) table(b *strings.Builder, head func(*Figure) string, cell func(peer string, f *Figure) string) {
	b.WriteString("| |")
	for _, p := range r.Peers {
		b.WriteString(" " + p.Title + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(r.Peers)) + "\n")
	for i := range r.Figures {
		f := &r.Figures[i]
		h := head(f)
		if h == "" {
			continue
		}
		b.WriteString("| " + h + " |")
		for _, p := range r.Peers {
			b.WriteString(" " + cell(p.Name, f) + " |")
		}
		b.WriteString("\n")
	}
}

func unit(title, unit string) string {
	if unit == "" || unit == "/s" {
		return title
	}
	return title + ", " + unit
}

func (r *Results) cell(peer string, f *Figure) string {
	s, ok := r.Spread(peer, f.Name)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%.*f [%.*f to %.*f]", f.Digits, s.Median, f.Digits, s.Min, f.Digits, s.Max)
}

func (r *Results) ratio(peer string, f *Figure) string {
	s, ok := r.Spread(peer, f.Name)
	to, okTo := r.Spread(f.Beside, f.Name)
	if !ok || !okTo || to.Median == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", s.Median/to.Median)
}

// title returns how a peer is called, also one that was not measured.
func (r *Results) title(peer string) string {
	for _, p := range Peers {
		if p.Name == peer {
			return p.Title
		}
	}
	return peer
}
