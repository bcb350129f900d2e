package trace

import (
	"fmt"
	"strings"
)

// maxServers is how many servers of a choice are told of.
const maxServers = 12

// choice writes a scheduler's figures and servers.
func (t *text) choice(c *Choice, hang string) {
	var figures []string
	for _, f := range c.Figures {
		figures = append(figures, f.Name+": "+f.Value)
	}
	if figures != nil {
		t.wrap(hang, hang, dim, strings.Join(figures, "; "))
	}
	if len(c.Servers) == 0 {
		return
	}
	width, loads, slots := len("server"), false, false
	for _, x := range c.Servers {
		width = max(width, len(x.Address))
		loads, slots = loads || x.Load != 0, slots || x.Slots != 0
	}
	row := func(mark, addr, weight, active, inactive, load, slot, why string) string {
		s := fmt.Sprintf("%s%-*s %6s %6s %8s", mark, width, addr, weight, active, inactive)
		if loads {
			s += fmt.Sprintf(" %6s", load)
		}
		if slots {
			s += fmt.Sprintf(" %5s", slot)
		}
		return s + "  " + why
	}
	hang = hang[:len(hang)-2]
	t.line(plain, hang+t.paint(dim, strings.TrimRight(row("  ", "server", "weight", "active", "inactive", "load", "slots", ""), " ")))
	told := 0
	for _, x := range c.Servers {
		chosen := x.Address == c.Dest && x.Why == "server-chosen"
		if told >= maxServers && !chosen {
			continue
		}
		told++
		n := func(v int32) string { return fmt.Sprint(v) }
		mark, p := "  ", plain
		if chosen {
			mark, p = "▸ ", bold
		}
		why := strings.ReplaceAll(strings.TrimPrefix(string(x.Why), "server-"), "-", " ")
		t.line(plain, hang+t.paint(p, row(mark, x.Address, n(x.Weight), n(x.Active), n(x.Inactive), n(x.Load), fmt.Sprint(x.Slots), why)))
	}
	if n := len(c.Servers) - told; n > 0 {
		t.line(dim, fmt.Sprintf("%s  … and %d more", hang, n))
	}
}

// changes writes what changed in the packet: of each field the old and the new
// value; of checksums, which follow the rest, only whose.
func (t *text) changes(s *Step, hang string) {
	var sums []string
	for _, l := range s.Removed {
		t.wrap(hang+"- ", hang+"    ", plain, l.oneLine())
	}
	for _, l := range s.Added {
		t.wrap(hang+t.paint(bold, "+ "), hang+"    ", bold, l.oneLine())
	}
	for _, c := range s.Changes {
		name := c.Layer + " " + c.Field
		if c.Quoted {
			name = "quoted " + name
		}
		if c.Field == "checksum" {
			sums = append(sums, strings.TrimSuffix(name, " checksum"))
			continue
		}
		t.wrap(hang+pad(name, 18)+" ", hang+"  ", plain, short(c.Old)+" → "+t.paint(bold, short(c.New)))
	}
	if len(sums) > 0 {
		t.wrap(hang, hang+"  ", dim, "checksums of "+strings.Join(sums, ", ")+" follow")
	}
}

// shortLen is how much of a value is shown.
const shortLen = 48

func short(s string) string {
	if s == "" {
		return "none"
	}
	if len(s) > shortLen {
		return s[:shortLen] + "…"
	}
	return s
}

// oneLine tells of a header in a line.
func (l *Layer) oneLine() string {
	var s strings.Builder
	s.WriteString(l.Name)
	for i, f := range l.Fields {
		if f.Name == "checksum" {
			continue
		}
		sep := ", "
		if i == 0 {
			sep = " "
		}
		s.WriteString(sep + f.Name + " " + short(f.Value))
	}
	return s.String()
}
