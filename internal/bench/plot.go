package bench

import (
	"fmt"
	"html"
	"strings"
)

// Measures of the picture, in its units.
const (
	plotColumns = 2
	plotWidth   = 500 // of a panel
	plotLabel   = 170 // of that for names
	plotValue   = 90  // and for figures
	plotRow     = 22
	plotHead    = 44
	plotGap     = 28
	plotMargin  = 20
)

// plotStyle has the colours, for a light background and a dark one.
const plotStyle = `
svg { font: 13px system-ui, sans-serif; }
.b { fill: #fff; } text { fill: #222; } .t { font-weight: 600; } .u { fill: #666; font-size: 12px; }
.o { fill: #a8b3bf; } .g { fill: #0b7285; } .s { stroke: #222; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  .b { fill: #14181d; } text { fill: #e6e6e6; } .u { fill: #9aa4ae; }
  .o { fill: #56616d; } .g { fill: #3bc9db; } .s { stroke: #e6e6e6; }
}
`

// Plot returns the results as a picture in SVG: for each figure a panel of
// bars, medians, with a line from least to most.
func (r *Results) Plot() string {
	var panels []string
	var heights []int
	for i := range r.Figures {
		if p, h := r.panel(&r.Figures[i]); h > 0 {
			panels, heights = append(panels, p), append(heights, h)
		}
	}
	var b strings.Builder
	y, row := plotMargin, 0
	for i := range panels {
		col := i % plotColumns
		if col == 0 && i > 0 {
			y, row = y+row+plotGap, 0
		}
		row = max(row, heights[i])
		fmt.Fprintf(&b, "<g transform=\"translate(%d %d)\">\n%s</g>\n", plotMargin+col*(plotWidth+plotGap), y, panels[i])
	}
	w, h := 2*plotMargin+plotColumns*plotWidth+(plotColumns-1)*plotGap, y+row+plotMargin
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n<style>%s</style>\n<rect class=\"b\" width=\"100%%\" height=\"100%%\"/>\n%s</svg>\n",
		w, h, w, h, plotStyle, b.String())
}

// panel returns a figure's panel and its height: 0 where there is nothing to
// show.
func (r *Results) panel(f *Figure) (string, int) {
	var most float64
	for _, p := range r.Peers {
		if s, ok := r.Spread(p.Name, f.Name); ok {
			most = max(most, s.Max)
		}
	}
	if most <= 0 {
		return "", 0
	}
	better := "more is better"
	if f.Less {
		better = "less is better"
	}
	if f.Unit != "" {
		better = f.Unit + ", " + better
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<text class=\"t\" y=\"14\">%s</text>\n<text class=\"u\" y=\"31\">%s</text>\n", html.EscapeString(f.Title), html.EscapeString(better))
	y := plotHead
	scale := float64(plotWidth-plotLabel-plotValue) / most
	for _, p := range r.Peers {
		s, ok := r.Spread(p.Name, f.Name)
		if !ok {
			continue
		}
		class := "o"
		if strings.HasPrefix(p.Name, "goipvs") {
			class = "g"
		}
		mid := y + plotRow/2
		at := func(v float64) float64 { return plotLabel + v*scale }
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", plotLabel-8, mid+4, html.EscapeString(p.Title))
		fmt.Fprintf(&b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", class, plotLabel, y+3, s.Median*scale, plotRow-6)
		fmt.Fprintf(&b, "<line class=\"s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", at(s.Min), at(s.Max), mid, mid)
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%.*f</text>\n", at(s.Max)+6, mid+4, f.Digits, s.Median)
		y += plotRow
	}
	return b.String(), y
}
