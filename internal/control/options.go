package control

import (
	"fmt"
	"syscall"

	"goipvs/hooks"
	"goipvs/sched"
)

// getOptions answers with the options of a service, or those for all.
func (e *Engine) getOptions(r *request, a attrs) error {
	var o sched.Options
	if a.has(ExtService) {
		k, err := parseKey(a[ExtService])
		if err != nil {
			return err
		}
		if o, err = e.options(k); err != nil {
			return err
		}
	} else {
		o.FlushUDP = e.b.FlushUDP()
	}
	w := r.reply(0, CmdGetOptions)
	w.options(&o)
	w.end(0)
	r.put(w.b)
	return nil
}

func (e *Engine) options(k sched.ServiceKey) (o sched.Options, err error) {
	e.b.View(func(t *sched.Table) {
		if s := t.Lookup(k); s != nil {
			o = s.Options
		} else {
			err = syscall.ESRCH
		}
	})
	return o, err
}

// setOptions changes the options that a message has.
func (e *Engine) setOptions(_ *request, a attrs) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !a.has(ExtOptions) {
		return syscall.EINVAL
	}
	set, _, err := optPolicy.validate(a[ExtOptions], true)
	if err != nil {
		return syscall.EINVAL
	}
	if !a.has(ExtService) {
		if !set.has(OptFlushUDP) || set[OptTCP] != nil || set[OptTCPFin] != nil || set[OptUDP] != nil {
			return syscall.EINVAL
		}
		e.b.SetFlushUDP(set.u8(OptFlushUDP) != 0)
		return nil
	}
	k, err := parseKey(a[ExtService])
	if err != nil {
		return err
	}
	o, err := e.options(k)
	if err != nil {
		return err
	}
	for t, v := range map[int]*uint32{OptTCP: &o.TCP, OptTCPFin: &o.TCPFin, OptUDP: &o.UDP} {
		if set.has(t) {
			*v = set.u32(t)
		}
	}
	if set.has(OptFlushUDP) {
		o.FlushUDP = set.u8(OptFlushUDP) != 0
	}
	return e.b.SetOptions(k, o)
}

// options writes options, all of them.
func (w *writer) options(o *sched.Options) {
	n := w.nest(ExtOptions | attrNested)
	w.u32(OptTCP, o.TCP)
	w.u32(OptTCPFin, o.TCPFin)
	w.u32(OptUDP, o.UDP)
	flush := uint8(0)
	if o.FlushUDP {
		flush = 1
	}
	w.u8(OptFlushUDP, flush)
	w.endNest(n)
}

// Conns calls f for each connection that a filter means, as many as limit; 0: all.
// An error of f ends the listing and is returned. What f is given is its own for
// the call only.
func (c *Client) Conns(filter *hooks.ConnFilter, limit uint32, f func(*hooks.ConnInfo) error) error {
	if err := checkFilter(filter); err != nil {
		return err
	}
	return c.do(CmdGetConns, flagDump, func(w *writer) { w.filter(filter, limit) }, func(b []byte) error {
		a, err := extPolicy.parse(b)
		if err != nil || !a.has(ExtConn) {
			return fmt.Errorf("%w: connection", ErrAnswer)
		}
		i, ok := decodeConn(a[ExtConn])
		if !ok {
			return fmt.Errorf("%w: connection", ErrAnswer)
		}
		return f(&i)
	})
}

// checkFilter refuses what no message can hold.
func checkFilter(f *hooks.ConnFilter) error {
	if len(f.State) > 15 {
		return named(f.State[:15], syscall.EINVAL)
	}
	return nil
}

// DeleteConns ends the connections that a filter means. It returns how many went,
// and how many did not because they control others.
func (c *Client) DeleteConns(filter *hooks.ConnFilter) (gone, kept int, err error) {
	if err := checkFilter(filter); err != nil {
		return 0, 0, err
	}
	err = c.do(CmdDelConns, flagAck, func(w *writer) { w.filter(filter, 0) }, func(b []byte) error {
		a, err := extPolicy.parse(b)
		if err != nil || !a.has(ExtGone, ExtKept) {
			return fmt.Errorf("%w: connections", ErrAnswer)
		}
		gone, kept = int(ne.Uint64(a[ExtGone])), int(ne.Uint64(a[ExtKept]))
		return nil
	})
	return gone, kept, err
}

// Options returns the options of a service, or with nil those for all.
func (c *Client) Options(k *sched.ServiceKey) (o sched.Options, err error) {
	err = c.do(CmdGetOptions, flagAck, func(w *writer) { w.maybeKey(k) }, func(b []byte) error {
		a, err := extPolicy.parse(b)
		if err != nil || !a.has(ExtOptions) {
			return fmt.Errorf("%w: options", ErrAnswer)
		}
		set, err := optPolicy.parse(a[ExtOptions])
		if err != nil || !set.has(OptTCP, OptTCPFin, OptUDP, OptFlushUDP) {
			return fmt.Errorf("%w: options", ErrAnswer)
		}
		o = sched.Options{TCP: set.u32(OptTCP), TCPFin: set.u32(OptTCPFin), UDP: set.u32(OptUDP), FlushUDP: set.u8(OptFlushUDP) != 0}
		return nil
	})
	return o, maybeNamed(k, err)
}

// SetOptions gives a service options.
func (c *Client) SetOptions(k sched.ServiceKey, o sched.Options) error {
	return named(k, c.do(CmdSetOptions, flagAck, func(w *writer) {
		w.maybeKey(&k)
		w.options(&o)
	}, nil))
}

// SetFlushUDP says whether UDP connections of deleted servers end at once with
// all services.
func (c *Client) SetFlushUDP(on bool) error {
	v := uint8(0)
	if on {
		v = 1
	}
	return c.do(CmdSetOptions, flagAck, func(w *writer) {
		n := w.nest(ExtOptions | attrNested)
		w.u8(OptFlushUDP, v)
		w.endNest(n)
	}, nil)
}

func (w *writer) maybeKey(k *sched.ServiceKey) {
	if k != nil {
		w.keyAs(ExtService|attrNested, *k)
	}
}

func maybeNamed(k *sched.ServiceKey, err error) error {
	if k == nil {
		return err
	}
	return named(*k, err)
}
