package replay

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far a time of expiry may be off: the kernel's listings were
// taken that much late.
const tolerance = 3 * time.Second

// compareListing compares two listings of services, or of connections.
func compareListing(name string, conns bool, want, got string) []string {
	if conns {
		return compareConns(name, want, got)
	}
	a, b := table(want), table(got)
	if len(a) == 0 && len(b) == 0 {
		a, b = plainLines(want), plainLines(got)
	}
	for i := range max(len(a), len(b)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(a) {
			w = a[i]
		}
		if i < len(b) {
			g = b[i]
		}
		if w != g {
			return []string{fmt.Sprintf("%s line %d\n    want %s\n    got  %s", name, i+1, w, g)}
		}
	}
	return nil
}

// table returns the rows of a listing of services with spaces folded, services
// and the servers of each in order of their text.
func table(text string) (rows []string) {
	var blocks [][]string
	for l := range strings.Lines(text) {
		l = strings.Join(strings.Fields(l), " ")
		first, _, more := strings.Cut(l, " ")
		switch first {
		case "TCP", "UDP", "SCTP", "FWM":
			if more {
				blocks = append(blocks, []string{l})
			}
		default:
			if n := len(blocks); n > 0 && strings.HasPrefix(l, "->") {
				blocks[n-1] = append(blocks[n-1], l)
			}
		}
	}
	slices.SortStableFunc(blocks, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	for _, b := range blocks {
		slices.Sort(b[1:])
		rows = append(rows, b...)
	}
	return rows
}

// plainLines returns the lines of a text that is no table of services, without
// headings.
func plainLines(text string) (all []string) {
	for l := range strings.Lines(text) {
		heading := false
		for _, p := range []string{"IP Virtual", "Prot", "->", " "} {
			heading = heading || strings.HasPrefix(l, p)
		}
		if !heading {
			all = append(all, strings.Join(strings.Fields(l), " "))
		}
	}
	return all
}

// connLine is a line of `ipvsadm -Lnc`: protocol, minutes and seconds, the
// rest.
var connLine = regexp.MustCompile(`^(\S+)\s+(-?\d+):(-?\d+)\s+(.*)`)

// conn is an entry of a listing of connections.
type conn struct {
	key     string
	expires time.Duration
}

func parseConns(text string) (all []conn) {
	for l := range strings.Lines(text) {
		m := connLine.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil {
			continue
		}
		min, err1 := strconv.ParseInt(m[2], 10, 32)
		sec, err2 := strconv.ParseInt(m[3], 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		all = append(all, conn{
			strings.Join(append([]string{m[1]}, strings.Fields(m[4])...), " "),
			time.Duration(min)*time.Minute + time.Duration(sec)*time.Second,
		})
	}
	slices.SortFunc(all, func(a, b conn) int {
		if c := strings.Compare(a.key, b.key); c != 0 {
			return c
		}
		return int(a.expires/time.Second) - int(b.expires/time.Second)
	})
	return all
}

func compareConns(name, want, got string) (all []string) {
	a, b := parseConns(want), parseConns(got)
	keys := map[string]int{}
	for _, c := range a {
		keys[c.key]++
	}
	for _, c := range b {
		keys[c.key]--
	}
	sorted := make([]string, 0, len(keys))
	for k, n := range keys {
		if n != 0 {
			sorted = append(sorted, k)
		}
	}
	slices.Sort(sorted)
	for _, k := range sorted {
		if keys[k] > 0 {
			all = append(all, fmt.Sprintf("%s: missing      %s", name, k))
		} else {
			all = append(all, fmt.Sprintf("%s: not expected %s", name, k))
		}
	}
	if all != nil {
		return all
	}
	for i := range a {
		if d := a[i].expires - b[i].expires; d.Abs() > tolerance {
			all = append(all, fmt.Sprintf("%s: %s expires in %.0f s, want %.0f s", name, a[i].key, b[i].expires.Seconds(), a[i].expires.Seconds()))
		}
	}
	return all
}

// showLine starts a listing in shows.txt.
var showLine = regexp.MustCompile(`^# at (\S+) (.*)`)

// show is one listing of shows.txt.
type show struct{ at, command, text string }

func parseShows(text string) (all []show) {
	for l := range strings.Lines(text) {
		if m := showLine.FindStringSubmatch(l); m != nil {
			all = append(all, show{at: m[1], command: m[2]})
		} else if n := len(all); n > 0 {
			all[n-1].text += l
		}
	}
	return all
}

func compareShows(want, got string) (all []string) {
	a, b := parseShows(want), parseShows(got)
	if len(a) != len(b) {
		all = append(all, fmt.Sprintf("%s: %d listings, want %d", ShowsFile, len(b), len(a)))
	}
	for i := range min(len(a), len(b)) {
		name := fmt.Sprintf("%s at %s (%s)", ShowsFile, a[i].at, a[i].command)
		conns := listsConns(strings.Fields(a[i].command)[min(1, len(strings.Fields(a[i].command))):])
		all = append(all, compareListing(name, conns, a[i].text, b[i].text)...)
	}
	return all
}
