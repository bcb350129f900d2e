package fuzzer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unit is a part of a case that it may be without.
type unit struct {
	kind  byte // f: frame, t: command of the timeline, s: line of the setup
	index int
}

// units returns what may be left out of a case: all frames, the timeline, and of
// the setup what concerns IPVS. A service's servers go with it.
func (c *Case) units() []unit {
	var all []unit
	for i, l := range c.Setup {
		if strings.HasPrefix(l, "ipvsadm ") || strings.HasPrefix(l, "sysctl -w net.ipv4.vs.") {
			all = append(all, unit{'s', i})
		}
	}
	for i := range c.Timeline {
		all = append(all, unit{'t', i})
	}
	for i := range c.Frames {
		all = append(all, unit{'f', i})
	}
	return all
}

// without returns the case less some units.
func (c *Case) without(out []unit) *Case {
	gone := map[unit]bool{}
	for _, u := range out {
		gone[u] = true
	}
	for i, l := range c.Setup {
		id, ok := strings.CutPrefix(l, "ipvsadm -A ")
		if !ok || !gone[unit{'s', i}] {
			continue
		}
		id, _, _ = strings.Cut(id, " -s ")
		for k, x := range c.Setup {
			if strings.HasPrefix(x, "ipvsadm -a "+id+" ") {
				gone[unit{'s', k}] = true
			}
		}
	}
	r := *c
	r.Setup, r.Timeline, r.Frames = nil, nil, nil
	for i, l := range c.Setup {
		if !gone[unit{'s', i}] {
			r.Setup = append(r.Setup, l)
		}
	}
	for i, l := range c.Timeline {
		if !gone[unit{'t', i}] {
			r.Timeline = append(r.Timeline, l)
		}
	}
	for i, f := range c.Frames {
		if !gone[unit{'f', i}] {
			r.Frames = append(r.Frames, f)
		}
	}
	return &r
}

// Shrinking.
const (
	widest    = 16 // cases tried in one boot
	maxRounds = 14
)

// Shrink makes a case that differs smaller, as long as it still differs in the
// same way, and returns the folder of its recording. It tries many smaller ones
// in each boot of the oracle's machine.
func (o *Oracle) Shrink(ctx context.Context, dir string, keep func(dir string) (string, error)) (string, error) {
	diffs, err := Check(dir)
	if err != nil || len(diffs) == 0 {
		return dir, err
	}
	c, err := Load(dir)
	if err != nil {
		return dir, err
	}
	want := class(diffs[0])
	first := c.upTo(diffs[0])
	tries := [][]unit{first}
	parts := 4
	for round := 0; round < maxRounds && ctx.Err() == nil; round++ {
		cases := make([]*Case, len(tries))
		for i, out := range tries {
			cases[i] = c.without(out)
			cases[i].Name = fmt.Sprintf("try-%d", i)
		}
		dirs, _, err := o.Record(ctx, cases)
		if err != nil {
			return dir, err
		}
		var fit []int
		for i, x := range cases {
			if d, ok := dirs[x.Name]; ok {
				if diffs, err := Check(d); err == nil && slices.ContainsFunc(diffs, func(s string) bool { return class(s) == want }) {
					fit = append(fit, i)
				}
			}
		}
		best, union := -1, []unit(nil)
		for _, i := range fit {
			if best < 0 || len(tries[i]) > len(tries[best]) {
				best = i
			}
			union = append(union, tries[i]...)
		}
		var together *Case
		if best >= 0 {
			if dir, err = keep(dirs[cases[best].Name]); err != nil {
				return dir, err
			}
			if len(fit) > 1 {
				together = c.without(union)
			}
			c = cases[best]
		}
		units := c.units()
		if best < 0 {
			if parts >= len(units) {
				break
			}
			parts *= 2
		}
		if parts = min(parts, max(len(units), 1)); len(units) == 0 {
			break
		}
		tries = c.split(parts, round)
		if together != nil {
			tries = append(tries, c.lessThan(together))
		}
	}
	return dir, nil
}

// upTo returns what of a case comes after its first difference.
func (c *Case) upTo(difference string) (out []unit) {
	last := len(c.Frames)
	if m := afterWord.FindStringSubmatch(difference); m != nil {
		last, _ = strconv.Atoi(m[1])
	}
	until := time.Duration(1<<63 - 1)
	if last < len(c.Frames) {
		until = c.Frames[last].At
	}
	for i := last; i < len(c.Frames); i++ {
		out = append(out, unit{'f', i})
	}
	for i, l := range c.Timeline {
		if l.At > until {
			out = append(out, unit{'t', i})
		}
	}
	return out
}

// split returns sets of units to leave out: each one of so many parts; where
// these are more than fit in a round, some of them.
func (c *Case) split(parts, round int) (tries [][]unit) {
	units := c.units()
	for i := range parts {
		from, to := i*len(units)/parts, (i+1)*len(units)/parts
		if from < to {
			tries = append(tries, units[from:to])
		}
	}
	if len(tries) > widest {
		from := round * widest % len(tries)
		tries = append(tries[from:], tries[:from]...)[:widest]
	}
	return tries
}

// lessThan returns what of c another, smaller case doesn't have.
func (c *Case) lessThan(other *Case) (out []unit) {
	has := map[string]int{}
	for _, l := range other.Setup {
		has["s"+l]++
	}
	for _, l := range other.Timeline {
		has["t"+l.At.String()]++
	}
	for _, f := range other.Frames {
		has["f"+f.At.String()]++
	}
	note := func(kind byte, i int, key string) {
		if has[key]--; has[key] < 0 {
			out = append(out, unit{kind, i})
		}
	}
	for i, l := range c.Setup {
		note('s', i, "s"+l)
	}
	for i, l := range c.Timeline {
		note('t', i, "t"+l.At.String())
	}
	for i, f := range c.Frames {
		note('f', i, "f"+f.At.String())
	}
	return out
}

// ShrinkInPlace makes a recorded case smaller where it is.
func (o *Oracle) ShrinkInPlace(ctx context.Context, dir string) error {
	_, err := o.Shrink(ctx, dir, func(from string) (string, error) { return dir, replace(from, dir) })
	return err
}
