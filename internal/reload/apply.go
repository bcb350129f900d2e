package reload

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"goipvs/internal/control"
	"goipvs/sched"
)

// state is what services and servers there are.
type state struct {
	keys     []sched.ServiceKey // in order of age, the oldest of a bucket first
	services map[sched.ServiceKey]*service
}

type service struct {
	config  sched.ServiceConfig
	servers []sched.DestConfig // the oldest first
	byKey   map[sched.DestKey]sched.DestConfig
}

// viewer is what has a table to look at.
type viewer interface{ View(func(*sched.Table)) }

func read(v viewer) *state {
	s := &state{services: map[sched.ServiceKey]*service{}}
	v.View(func(t *sched.Table) {
		for _, x := range slices.Backward(t.Services()) {
			one := &service{config: x.ServiceConfig, byKey: map[sched.DestKey]sched.DestConfig{}}
			for d := x.Last(); d != nil; d = x.Prev(d) {
				one.servers = append(one.servers, d.DestConfig)
				one.byKey[d.DestKey] = d.DestConfig
			}
			s.keys = append(s.keys, x.ServiceKey)
			s.services[x.ServiceKey] = one
		}
	})
	return s
}

// Report says what changed.
type Report struct {
	Added, Edited, Deleted int // services and servers
	Settings               int // settings and timeouts
}

// String says it in words.
func (r Report) String() string {
	s := fmt.Sprintf("%d services and servers added, %d changed, %d deleted", r.Added, r.Edited, r.Deleted)
	if r.Settings > 0 {
		s += fmt.Sprintf("; %d settings changed", r.Settings)
	}
	return s
}

// Apply makes the director what the plan says. If something goes wrong on the
// way, it makes it what it was again, and returns why.
//
// New services and servers come behind those that stay, whatever their place in
// the files.
func (p *Plan) Apply(b control.Backend) (Report, error) {
	before := read(b)
	var r Report
	undo, err := p.applySettings(b, &r)
	if err == nil && p.tables {
		err = change(b, before, p.want, &r)
	}
	if err == nil {
		return r, nil
	}
	if p.tables {
		err = errors.Join(err, change(b, read(b), before, new(Report)))
	}
	for _, f := range slices.Backward(undo) {
		err = errors.Join(err, f())
	}
	return Report{}, err
}

// applySettings sets what is not so yet, and returns how to undo it.
func (p *Plan) applySettings(b control.Backend, r *Report) (undo []func() error, err error) {
	for _, name := range slices.Sorted(maps.Keys(p.settings)) {
		was, err := b.Setting(name)
		if err != nil {
			return undo, err
		}
		if err := b.SetSetting(name, p.settings[name]); err != nil {
			return undo, err
		}
		undo = append(undo, func() error { return b.SetSetting(name, was) })
		if is, err := b.Setting(name); err == nil && is != was {
			r.Settings++
		}
	}
	if p.timeouts != nil {
		tcp, fin, udp := b.Timeouts()
		t := p.timeouts
		if tcp != t[0] || fin != t[1] || udp != t[2] {
			if err := b.SetTimeouts(t[0], t[1], t[2]); err != nil {
				return undo, err
			}
			undo = append(undo, func() error { return b.SetTimeouts(tcp, fin, udp) })
			r.Settings++
		}
	}
	return undo, nil
}

// change goes from one state to another: what is new comes before what goes, so
// that a service is never without servers that it has in both.
func change(b control.Backend, from, to *state, r *Report) error {
	for _, k := range to.keys {
		want, have := to.services[k], from.services[k]
		switch {
		case have == nil:
			if err := b.AddService(want.config); err != nil {
				return fmt.Errorf("%v: %w", k, err)
			}
			have = &service{}
			r.Added++
		case have.config != want.config:
			if err := b.EditService(want.config); err != nil {
				return fmt.Errorf("%v: %w", k, err)
			}
			r.Edited++
		}
		if err := changeServers(b, k, have, want, r); err != nil {
			return err
		}
	}
	for _, k := range from.keys {
		if to.services[k] == nil {
			if err := b.DelService(k); err != nil {
				return fmt.Errorf("%v: %w", k, err)
			}
			r.Deleted++
		}
	}
	return nil
}

func changeServers(b control.Backend, k sched.ServiceKey, have, want *service, r *Report) error {
	for _, c := range want.servers {
		var err error
		switch old, ok := have.byKey[c.DestKey]; {
		case !ok:
			err = b.AddDest(k, c)
			r.Added++
		case old != c:
			err = b.EditDest(k, c)
			r.Edited++
		}
		if err != nil {
			return fmt.Errorf("%v of %v: %w", c.DestKey, k, err)
		}
	}
	for _, c := range have.servers {
		if _, ok := want.byKey[c.DestKey]; !ok {
			if err := b.DelDest(k, c.DestKey); err != nil {
				return fmt.Errorf("%v of %v: %w", c.DestKey, k, err)
			}
			r.Deleted++
		}
	}
	return nil
}
