package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"goipvs/internal/control"
	"goipvs/sched"
)

// view is how samples are shown.
type view struct {
	order         Order
	every         string // how often there is a sample; "": once
	scroll        int    // lines of the table that are passed over
	width, height int    // of the screen; height 0: as long as it takes
}

// minWidth is what the table needs.
const minWidth = 72

// columns are the table's columns behind the first, with their widths.
var columns = []struct {
	head  string
	width int
}{
	{"Wght", 6}, {"Act", 6}, {"InAct", 6}, {"Conn/s", 7}, {"In/s", 6}, {"Out/s", 6}, {"Inb/s", 6}, {"Outb/s", 7},
}

// tableHead begins the line above the table.
const tableHead = "Service, server"

// methodWidth is the width of the column for scheduler and forwarding method.
const methodWidth = 7

// rest is the width of everything behind names.
var rest = func() (n int) {
	for _, c := range columns {
		n += c.width
	}
	return n + methodWidth
}()

// render returns the lines of a sample; old is the one before, or nil.
func (v *view) render(s, old *Sample) []string {
	width := max(v.width, minWidth)
	head := v.head(s)
	table := v.table(s, width)
	foot := drops(s, old)
	if v.height > 0 {
		// Half of what is left belongs to the table at least.
		space := max(v.height-len(head)-1, 2)
		foot = foot[:min(len(foot), max(space/2, space-len(table)))]
		table = v.window(table, space-len(foot))
	}
	lines := slices.Concat(head, []string{v.columns(width)}, table, foot)
	for i, l := range lines {
		lines[i] = cut(l, width)
	}
	if v.height > 0 && len(lines) > v.height {
		lines = lines[:v.height]
	}
	return lines
}

// window is the part of the table that is shown.
func (v *view) window(table []string, n int) []string {
	v.scroll = max(min(v.scroll, len(table)-n), 0)
	return table[v.scroll:min(v.scroll+n, len(table))]
}

// cut cuts a line to the screen's width.
func cut(l string, width int) string {
	if r := []rune(l); len(r) > width {
		return string(r[:width])
	}
	return strings.TrimRight(l, " ")
}

func (v *view) head(s *Sample) []string {
	dests := 0
	var all sched.Counters
	for _, x := range s.Services {
		dests += len(x.Dests)
		all.Conns += x.Rates.Conns
		all.InPkts += x.Rates.InPkts
		all.OutPkts += x.Rates.OutPkts
		all.InBytes += x.Rates.InBytes
		all.OutBytes += x.Rates.OutBytes
	}
	first := fmt.Sprintf("goipvs %s  %s, %s, %s", s.At.Format("15:04:05"),
		number(uint64(len(s.Services)), "service"), number(uint64(dests), "server"), number(s.count("conns"), "conn"))
	keys := ""
	if v.every != "" {
		keys = fmt.Sprintf("Every %s, by %s; s: sort, arrows: scroll, q: quit", v.every, v.order)
	}
	f := func(n uint64) string { return short(float64(n)) }
	return []string{
		first,
		fmt.Sprintf("In all  %s conn/s   %s packets/s in, %s out   %s bit/s in, %s out",
			f(all.Conns), f(all.InPkts), f(all.OutPkts), f(8*all.InBytes), f(8*all.OutBytes)),
		"States  " + states(s),
		keys,
	}
}

func number(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// states lists the connections by state, most first.
func states(s *Sample) string {
	type state struct {
		name string
		n    uint64
	}
	var all []state
	for _, c := range s.Counts {
		if name, ok := strings.CutPrefix(c.Name, "state/"); ok {
			proto, st, _ := strings.Cut(name, "/")
			switch {
			case st == "TEMPLATE":
				proto, st = "", "templates"
			case proto == st: // UDP has one
				proto = ""
			}
			all = append(all, state{strings.TrimSpace(proto + " " + st), c.N})
		}
	}
	slices.SortStableFunc(all, func(a, b state) int { return cmp.Compare(b.n, a.n) })
	var words []string
	for _, x := range all {
		words = append(words, fmt.Sprintf("%s %s", x.name, short(float64(x.n))))
	}
	switch {
	case len(words) > 0:
		return strings.Join(words, "  ")
	case s.count("conns") > 0:
		return "too many connections to count them by state"
	}
	return "no connections"
}

func (v *view) columns(width int) string {
	l := fmt.Sprintf("%-*s%*s", width-rest, tableHead, methodWidth, "Method")
	for _, c := range columns {
		l += fmt.Sprintf("%*s", c.width, c.head)
	}
	return l
}

// table lists services and servers.
func (v *view) table(s *Sample, width int) (lines []string) {
	s.sort(v.order)
	for i := range s.Services {
		x := &s.Services[i]
		var inactive uint64
		for _, d := range x.Dests {
			inactive += uint64(d.Inactive)
		}
		lines = append(lines, row(width, x.ServiceKey.String(), x.Scheduler, "", x.active(), inactive, &x.Rates))
		for _, d := range x.Dests {
			lines = append(lines, row(width, "  "+d.DestKey.String(), method(&d), fmt.Sprint(d.Weight), uint64(d.Active), uint64(d.Inactive), &d.Rates))
		}
	}
	if len(lines) == 0 {
		lines = []string{"no services"}
	}
	return lines
}

// method is a server's forwarding method in ipvsadm's word.
func method(d *control.Dest) string { return d.Forward.String() }

func row(width int, name, method, weight string, active, inactive uint64, r *sched.Counters) string {
	room := width - rest
	if n := []rune(name); len(n) > room-1 {
		name = string(n[:room-2]) + "…"
	}
	l := fmt.Sprintf("%-*s%*s", room, name, methodWidth, method)
	f := func(n uint64) string { return short(float64(n)) }
	for i, c := range []string{weight, f(active), f(inactive), f(r.Conns), f(r.InPkts), f(r.OutPkts), f(8 * r.InBytes), f(8 * r.OutBytes)} {
		l += fmt.Sprintf("%*s", columns[i].width, c)
	}
	return l
}
