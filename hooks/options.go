package hooks

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// SetOptions gives a service options that the kernel doesn't know. Errors: see
// sched.Table.SetOptions.
func (d *Director) SetOptions(k sched.ServiceKey, o sched.Options) error {
	return d.change(func() error {
		err := d.table.SetOptions(k, o)
		if err == nil && o.FlushUDP {
			d.flushUDP.Store(true)
		}
		return err
	})
}

// SetFlushUDP says whether UDP connections of deleted servers end at once with
// all services, whatever their options say.
func (d *Director) SetFlushUDP(on bool) {
	d.flushAllUDP.Store(on)
	if on {
		d.flushUDP.Store(true)
	}
}

// FlushUDP returns what SetFlushUDP set.
func (d *Director) FlushUDP() bool { return d.flushAllUDP.Load() }

// ownTimeout gives a connection the timeout that its service has for its state,
// if it has one.
func (d *Director) ownTimeout(c *conntrack.Conn) {
	dest := d.table.Dest(c.DestID)
	if dest == nil {
		return
	}
	o, own := &dest.Service().Options, uint32(0)
	switch {
	case c.Protocol == packet.ProtoUDP:
		own = o.UDP
	case c.Protocol != packet.ProtoTCP:
	case c.State == tcpEstablished:
		own = o.TCP
	case c.State == tcpFinWait:
		own = o.TCPFin
	}
	if own != 0 {
		c.Timeout = own * conntrack.HZ
	}
}
