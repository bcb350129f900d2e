package sched

import (
	"fmt"
	"math"
)

// Dest returns the server with a number, also from the trash; nil for 0 and for
// numbers not in use.
func (t *Table) Dest(id uint32) *Dest {
	if uint64(id) >= uint64(len(t.dests)) {
		return nil
	}
	return t.dests[id]
}

// AddDest adds a server to a service, as its newest. Is it in the trash it is
// taken back with its connections and number; under a new service its counters
// start at zero. Errors: ErrNoService; ErrRange for a negative weight or a lower
// threshold above the upper; ErrInvalid for an upper threshold above 2^31-1,
// GUE without a port, or an address that Table.ValidAddr refuses; ErrDestExists.
//
// Kernel: ip_vs_ctl.c, ip_vs_add_dest (6.1).
func (t *Table) AddDest(k ServiceKey, c DestConfig) error {
	s, err := t.lookup(k)
	if err != nil {
		return err
	}
	if err := checkDest(&c); err != nil {
		return err
	}
	if s.Dest(c.DestKey) != nil {
		return fmt.Errorf("%v: %w", c.DestKey, ErrDestExists)
	}
	d := t.recover(s, c.DestKey)
	if d == nil {
		if t.ValidAddr != nil && !t.ValidAddr(c.Family, c.Addr) {
			return fmt.Errorf("address of %v: %w", c.DestKey, ErrInvalid)
		}
		d = &Dest{Protocol: s.Protocol, VAddr: s.Addr, VPort: s.Port, VFWMark: s.FWMark, svc: s}
		t.number(d)
	}
	d.LastWeight = c.Weight
	t.update(s, d, &c)
	s.link(d)
	if s.sched != nil {
		s.sched.AddDest(s, d)
	}
	return nil
}

// EditDest changes a server. Errors: ErrNoService; ErrRange and ErrInvalid as
// AddDest; ErrNoDest.
//
// Kernel: ip_vs_ctl.c, ip_vs_edit_dest (6.1).
func (t *Table) EditDest(k ServiceKey, c DestConfig) error {
	s, err := t.lookup(k)
	if err != nil {
		return err
	}
	if err := checkDest(&c); err != nil {
		return err
	}
	d := s.Dest(c.DestKey)
	if d == nil {
		return fmt.Errorf("%v: %w", c.DestKey, ErrNoDest)
	}
	if c.Weight != 0 {
		d.LastWeight = c.Weight
	}
	t.update(s, d, &c)
	if s.sched != nil {
		s.sched.UpdateDest(s, d)
	}
	return nil
}

// DelDest moves a server to the trash. Errors: ErrNoService, ErrNoDest.
//
// Kernel: ip_vs_ctl.c, ip_vs_del_dest (6.1).
func (t *Table) DelDest(k ServiceKey, dk DestKey) error {
	s, err := t.lookup(k)
	if err != nil {
		return err
	}
	d := s.Dest(dk)
	if d == nil {
		return fmt.Errorf("%v: %w", dk, ErrNoDest)
	}
	d.Available = false
	s.unlink(d)
	if s.sched != nil {
		s.sched.DelDest(s, d)
	}
	t.discard(d)
	return nil
}

// checkDest makes the checks that adding and editing a server share, in the
// kernel's order.
func checkDest(c *DestConfig) error {
	switch {
	case c.Weight < 0:
		return fmt.Errorf("weight %d of %v: %w", c.Weight, c.DestKey, ErrRange)
	case c.Lower > c.Upper:
		return fmt.Errorf("thresholds %d, %d of %v: %w", c.Lower, c.Upper, c.DestKey, ErrRange)
	case c.Upper > math.MaxInt32:
		return fmt.Errorf("threshold %d of %v: %w", c.Upper, c.DestKey, ErrInvalid)
	case c.TunType == TunGUE && c.TunPort == 0:
		return fmt.Errorf("tunnel port of %v: %w", c.DestKey, ErrInvalid)
	}
	return nil
}

// update gives a server its configuration. It forgets the cached route, and its
// place among the real servers if that depends on what changed.
//
// Kernel: ip_vs_ctl.c, __ip_vs_update_dest (6.1).
func (t *Table) update(s *Service, d *Dest, c *DestConfig) {
	old := d.DestConfig
	if c.Forward != old.Forward || c.TunType != old.TunType || c.TunPort != old.TunPort {
		t.unhashReal(d)
	}
	d.DestConfig = *c
	t.hashReal(d)
	if d.svc != s {
		t.Fold()
		d.Stats.Zero()
		d.svc = s
	}
	d.Available = true
	if t.Track != nil && !s.tracked && s.Port == portFTP && c.Forward == Masq {
		s.tracked = true
		t.Track(s.Family, true)
	}
	if c.Upper != old.Upper || c.Lower != old.Lower {
		d.lower = c.Lower
		if d.lower == 0 {
			d.lower = c.Upper - c.Upper/4
		}
		d.updateOverload(0)
	}
	d.Route.Store(nil)
}

// number gives a server a number of its own.
func (t *Table) number(d *Dest) {
	if n := len(t.free); n > 0 {
		d.ID = t.free[n-1]
		t.free = t.free[:n-1]
		t.dests[d.ID] = d
		return
	}
	d.ID = uint32(len(t.dests))
	t.dests = append(t.dests, d)
	for _, l := range t.ledgers {
		l.grow(len(t.dests))
	}
}
