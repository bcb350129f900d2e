package hooks

import (
	"time"

	"goipvs/conntrack"
	"goipvs/sched"
)

// change runs f while no packet is handled, with the tables' clocks on time.
func (d *Director) change(f func() error) error {
	d.config.Lock()
	defer d.config.Unlock()
	d.conns.LockAll()
	defer d.conns.UnlockAll()
	d.table.Advance(d.Now())
	err := f()
	d.mode.Store(uint32(d.readMode()))
	return err
}

// AddService adds a virtual service. With the first of its family the hooks come
// into being. Errors: see sched.Table.AddService.
func (d *Director) AddService(c sched.ServiceConfig) error {
	return d.change(func() error {
		_, err := d.table.AddService(c)
		if err == nil {
			d.conns.Allocate()
		}
		return err
	})
}

// EditService changes scheduler, flags, timeout, netmask and persistence engine
// of a service. Errors: see sched.Table.EditService.
func (d *Director) EditService(c sched.ServiceConfig) error {
	return d.change(func() error { return d.table.EditService(c) })
}

// DelService deletes a service and its servers. Its connections stay until
// their time is over. Errors: sched.ErrNoService.
func (d *Director) DelService(k sched.ServiceKey) error {
	return d.remove(func() error { return d.table.DelService(k) })
}

// Flush deletes all services.
func (d *Director) Flush() {
	_ = d.remove(func() error { // can't fail
		d.table.Flush()
		return nil
	})
}

// AddDest adds a server to a service. Errors: see sched.Table.AddDest.
func (d *Director) AddDest(k sched.ServiceKey, c sched.DestConfig) error {
	return d.change(func() error { return d.table.AddDest(k, c) })
}

// EditDest changes a server. Errors: see sched.Table.EditDest.
func (d *Director) EditDest(k sched.ServiceKey, c sched.DestConfig) error {
	return d.change(func() error { return d.table.EditDest(k, c) })
}

// DelDest deletes a server from a service. Errors: sched.ErrNoService,
// sched.ErrNoDest.
func (d *Director) DelDest(k sched.ServiceKey, dk sched.DestKey) error {
	return d.remove(func() error { return d.table.DelDest(k, dk) })
}

// remove runs f, which may delete servers. It then has their connections ended:
// those of UDP at once, where an option says so, all with the next tick if
// expire_nodest_conn wants it. With no server nothing of that happens, also to
// connections of servers that were deleted before.
//
// Kernel: ip_vs_ctl.c, ip_vs_enqueue_expire_nodest_conns (6.1).
func (d *Director) remove(f func() error) error {
	err := d.change(func() error {
		before := d.table.Deleted()
		err := f()
		if d.set.ExpireNoDestConn && d.table.Deleted() != before {
			d.timers.flushNoDest(d.Now())
		}
		return err
	})
	if err == nil && d.flushUDP.Load() {
		d.endUDP()
	}
	return err
}

// Zero sets the counters of a service and its servers to zero. Errors:
// sched.ErrNoService.
func (d *Director) Zero(k sched.ServiceKey) error {
	return d.change(func() error { return d.table.Zero(k) })
}

// ZeroAll sets the counters of all services and the total to zero.
func (d *Director) ZeroAll() {
	_ = d.change(func() error { // can't fail
		d.table.ZeroAll()
		return nil
	})
}

// Totals returns the counters of the whole director and their rates, as of the
// last estimate.
func (d *Director) Totals() (total, rate sched.Counters) { return d.table.Total.Read() }

// View calls f with the services while nobody changes them; counters move on, as
// packets are handled meanwhile. f must not call the director, nor keep what it
// is given.
func (d *Director) View(f func(t *sched.Table)) {
	d.config.Lock()
	defer d.config.Unlock()
	f(d.table)
}

// States of TCP whose timeouts can be set.
const (
	tcpEstablished = 1
	tcpFinWait     = 4
)

// Timeouts returns the timeouts that ipvsadm --set sets: TCP ESTABLISHED, TCP
// FIN_WAIT and UDP.
//
// Kernel: ip_vs_ctl.c, __ip_vs_get_timeouts (6.1).
func (d *Director) Timeouts() (tcp, fin, udp time.Duration) {
	d.View(func(*sched.Table) {
		t := &d.machines.Timeouts
		tcp = time.Duration(t.TCP[tcpEstablished]) * conntrack.Tick
		fin = time.Duration(t.TCP[tcpFinWait]) * conntrack.Tick
		udp = time.Duration(t.UDP) * conntrack.Tick
	})
	return tcp, fin, udp
}

// SetTimeouts sets them; 0 leaves one as it is. They take effect with a
// connection's next packet. Negative ones, and those of more seconds than the
// kernel's jiffies hold, are sched.ErrInvalid.
//
// Kernel: ip_vs_ctl.c, ip_vs_set_timeout (6.1).
func (d *Director) SetTimeouts(tcp, fin, udp time.Duration) error {
	const most = time.Duration(1<<31-1) / time.Duration(conntrack.HZ) * time.Second
	for _, t := range []time.Duration{tcp, fin, udp} {
		if t < 0 || t > most {
			return sched.ErrInvalid
		}
	}
	return d.change(func() error {
		t := &d.machines.Timeouts
		for _, x := range []struct {
			to   *uint32
			from time.Duration
		}{{&t.TCP[tcpEstablished], tcp}, {&t.TCP[tcpFinWait], fin}, {&t.UDP, udp}} {
			if x.from != 0 {
				*x.to = conntrack.Ticks(x.from)
			}
		}
		return nil
	})
}

// NumConns returns the number of connections and templates. May be called at any
// time.
func (d *Director) NumConns() int { return d.conns.Len() }

// StateCount is how many connections of a protocol are in a state.
type StateCount struct {
	Protocol uint8
	State    string // the kernel's word; templates have "TEMPLATE"
	Conns    int
}

// States returns how many connections are in which state, by protocol and
// state's number, templates last. It looks at all of them: each part of the
// table is held for some 10 ns a connection.
func (d *Director) States() (all []StateCount) {
	var n [256][32]int
	templates := 0
	d.conns.Each(func(_ *conntrack.Shard, c *conntrack.Conn) bool {
		if c.Flags&conntrack.Template != 0 {
			templates++
		} else {
			n[c.Protocol][min(int(c.State), len(n[0])-1)]++
		}
		return true
	})
	for proto := range n {
		for state, k := range n[proto] {
			if k > 0 {
				all = append(all, StateCount{uint8(proto), conntrack.StateName(uint8(proto), uint8(state)), k})
			}
		}
	}
	if templates > 0 {
		all = append(all, StateCount{State: "TEMPLATE", Conns: templates})
	}
	return all
}

// TableSize returns the number of buckets of the connection table that listings
// show: 4096, or with Linux 7.3 none before the first service, then as many as
// the number of connections wants.
func (d *Director) TableSize() int { return d.conns.Size() }
