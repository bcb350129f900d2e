package hooks

import (
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// change runs f while no packet is handled, with the tables' clocks on time.
func (d *Director) change(f func() error) error {
	d.conns.LockAll()
	defer d.conns.UnlockAll()
	d.table.Advance(d.Now())
	err := f()
	for _, fam := range []packet.Family{packet.IPv4, packet.IPv6} {
		d.active[fam/packet.IPv6].Store(d.table.NumServices(fam) > 0)
	}
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
	return d.change(func() error {
		err := d.table.DelService(k)
		if err == nil {
			d.serversGone()
		}
		return err
	})
}

// Flush deletes all services.
func (d *Director) Flush() {
	_ = d.change(func() error { // can't fail
		d.table.Flush()
		d.serversGone()
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
	return d.change(func() error {
		err := d.table.DelDest(k, dk)
		if err == nil {
			d.serversGone()
		}
		return err
	})
}

// serversGone has the connections of deleted servers ended with the next tick,
// if expire_nodest_conn wants it.
//
// Kernel: ip_vs_ctl.c, ip_vs_enqueue_expire_nodest_conns (6.1).
func (d *Director) serversGone() {
	if d.set.ExpireNoDestConn {
		d.timers.flushNoDest(d.Now())
	}
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

// View calls f with the services while nothing changes; f must not call the
// director, nor keep what it is given.
func (d *Director) View(f func(t *sched.Table)) {
	d.conns.LockAll()
	defer d.conns.UnlockAll()
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

// ConnInfo is a connection as listings show it.
type ConnInfo struct {
	Family, DestFamily    packet.Family
	Protocol              uint8
	Client, Virtual, Dest packet.Addr
	CPort, VPort, DPort   uint16
	State                 string // the kernel's word
	Expires               time.Duration
	Template              bool
	PEName, PEData        string

	Ref      conntrack.Ref
	Flags    conntrack.Flags
	Timeout  time.Duration // what the timer is set to with each packet
	DestID   uint32        // 0: no server
	InPkts   uint32        // from the client
	Control  conntrack.Ref // what controls it: a template, or FTP's control connection
	NControl int32         // connections that it controls
}

// Conns calls f for each connection, until it returns false. It is no snapshot:
// connections made or gone meanwhile may be seen or not. f must not call the
// director.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_seq_show (6.1).
func (d *Director) Conns(f func(*ConnInfo) bool) {
	d.conns.Each(func(s *conntrack.Shard, c *conntrack.Conn) bool {
		i := connInfo(s, c)
		return f(&i)
	})
}

// Conn returns the connection that a Ref names; false if there is none any more.
func (d *Director) Conn(r conntrack.Ref) (i ConnInfo, ok bool) {
	d.conns.Lookup(r, func(s *conntrack.Shard, c *conntrack.Conn) { i, ok = connInfo(s, c), true })
	return i, ok
}

func connInfo(s *conntrack.Shard, c *conntrack.Conn) ConnInfo {
	i := ConnInfo{
		Family: c.Family, DestFamily: c.DestFamily, Protocol: c.Protocol,
		Client: c.Client, Virtual: c.Virtual, Dest: c.Dest,
		CPort: c.CPort, VPort: c.VPort, DPort: c.DPort,
		State: c.StateName(), Expires: s.Expires(c), Template: c.Flags&conntrack.Template != 0,
		Ref: c.Ref(), Flags: c.Flags, Timeout: time.Duration(c.Timeout) * conntrack.Tick, DestID: c.DestID,
		InPkts: c.InPkts, Control: c.Control, NControl: c.NControl,
	}
	if x := s.Ext(c); x != nil {
		i.PEName, i.PEData = x.PE, string(x.PEData)
	}
	return i
}

// NumConns returns the number of connections and templates. May be called at any
// time.
func (d *Director) NumConns() int { return d.conns.Len() }

// TableSize returns the number of buckets of the connection table that listings
// show: 4096, or with Linux 7.3 none before the first service, then as many as
// the number of connections wants.
func (d *Director) TableSize() int { return d.conns.Size() }
