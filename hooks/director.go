package hooks

import (
	"sync"
	"sync/atomic"
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// Config is what a Director is made from.
type Config struct {
	Stack  xmit.Stack
	Shards int           // parts of the connection table, each with a lock; 0 means 1, which keeps expiry strictly in order
	Seed   uint64        // of the connection table's hash; random where clients choose their addresses
	Now    time.Duration // the clock's reading at the start; its zero is the caller's choice
	Random func() uint32 // safe for concurrent use; nil: a fixed sequence
	Kernel Kernel        // whose rules hold where versions differ
	Yield  func()        // called with no lock held, between the parts of what takes long; nil: not

	// Listener, if not nil, gets the events that belong to no packet; see Listen.
	Listener packet.Listener
}

// Director is one ip_vs: services, connections, settings. Its hook functions
// may be called from many goroutines at once, for different packets; each holds
// the lock of one part of the connection table at a time. Methods that change
// the configuration take all of them, and so wait until no packet is handled.
//
// Kernel: include/net/ip_vs.h, struct netns_ipvs (6.1).
type Director struct {
	stack    xmit.Stack
	tracker  xmit.Tracker // the stack, if it is one
	table    *sched.Table
	conns    *conntrack.Table
	machines conntrack.Machines
	xmit     xmit.Settings
	set      settings
	random   func() uint32
	kernel   Kernel
	listener atomic.Pointer[packet.Listener]

	mode    atomic.Uint32 // a mode
	now     atomic.Int64
	timers  timers
	dropped atomic.Int32 // packets until drop_packet takes one
	lanes   []lane       // by number of the shard

	// config is held by who changes the configuration, and then locks the whole
	// table, too; and by who only needs it to stay as it is.
	config sync.Mutex
	loose  [8]loose

	flushUDP    atomic.Bool // some service may have the option, or all have it
	flushAllUDP atomic.Bool
}

// New makes a director without services.
func New(c Config) *Director {
	d := &Director{
		stack:    c.Stack,
		table:    sched.NewTable(),
		machines: conntrack.Machines{Timeouts: conntrack.DefaultTimeouts()},
		xmit:     xmit.Settings{PMTUDisc: true},
		set:      defaultSettings(),
		random:   c.Random,
		kernel:   c.Kernel,
	}
	d.Listen(c.Listener)
	d.tracker, _ = c.Stack.(xmit.Tracker)
	if d.random == nil {
		var n atomic.Uint32
		d.random = func() uint32 { return n.Add(0x9e3779b9) }
	}
	d.table.Twos, d.table.Random = c.Kernel == Linux7_3, d.random
	d.table.ValidAddr = d.validAddr
	if d.tracker != nil {
		d.table.Track = d.tracker.Track
	}
	d.conns = conntrack.NewTable(conntrack.Config{Shards: c.Shards, Seed: c.Seed, Owner: d, Now: c.Now, Newer: c.Kernel == Linux7_3, Yield: c.Yield})
	d.lanes = make([]lane, d.conns.NumShards())
	for i := range d.lanes {
		d.lanes[i].ledger = d.table.NewLedger()
	}
	d.now.Store(int64(c.Now))
	d.table.Advance(c.Now)
	d.timers.init(c.Now)
	return d
}

// Now returns the time of the last Advance.
func (d *Director) Now() time.Duration { return time.Duration(d.now.Load()) }

// Listen has the ends of connections told to l, those excepted that come of a
// packet with a listener of its own; nil: to nobody. l is called with the lock of
// a part of the connection table held, by many goroutines at once.
func (d *Director) Listen(l packet.Listener) {
	if l == nil {
		d.listener.Store(nil)
		return
	}
	d.listener.Store(&l)
}

// tell tells of the end of a connection.
func (d *Director) tell(s *conntrack.Shard, c *conntrack.Conn, why packet.Reason) {
	if l := d.lanes[s.Number()].listener; l != nil {
		l.Event(nil, Ended{why, c, s.Now()})
	} else if l := d.listener.Load(); l != nil {
		(*l).Event(nil, Ended{why, c, s.Now()})
	}
}

// Hook runs the hook functions of a point in their order, until one doesn't
// accept. Where no service of the family exists there are none and the packet
// is accepted.
//
// Kernel: net/netfilter/core.c, nf_hook_slow (6.1).
func (d *Director) Hook(pt Point, p *packet.Packet) xmit.Verdict {
	m := mode(d.mode.Load())
	var h packet.Header
	if m.active(p.Family) {
		// What can't be parsed is of no protocol that is balanced.
		p.ParseHeader(&h)
		if m&winding == 0 && p.Listener == nil && h.Plain(p.Data()) {
			if v, done := d.straight(pt, p, &h); done {
				return v
			}
		}
	}
	return d.long(pt, p, &h, m)
}

// long is Hook for what doesn't go straight.
func (d *Director) long(pt Point, p *packet.Packet, h *packet.Header, m mode) xmit.Verdict {
	// Field by field: a literal would be made elsewhere and copied here.
	var c call
	c.d, c.p, c.pt, c.mode, c.h = d, p, pt, m, *h
	c.x = d.context()
	v := c.run()
	if c.uncounted > 0 {
		c.countLoose()
	}
	return v
}

// context returns what the transmitters work with for a packet.
func (d *Director) context() xmit.Context {
	return xmit.Context{Stack: d.stack, Settings: &d.xmit, Random: d.random, Tracker: d.tracker}
}

// run is Hook.
func (c *call) run() xmit.Verdict {
	if !c.mode.active(c.p.Family) {
		return c.decide(xmit.Accept, ReasonNoHooks, "nf_hook")
	}
	v := xmit.Accept
	for i := range placesAt[c.pt] {
		pl := &placesAt[c.pt][i]
		if c.p.Listener != nil {
			c.p.Listener.Event(c.p, Entered{c.pt, pl})
		}
		switch pl.handler {
		case handleOut:
			v = c.out()
		case handleIn:
			v = c.in()
		case handleForwardICMP:
			v = c.forwardICMP()
		}
		if v != xmit.Accept {
			break
		}
	}
	return v
}

// mode is what of the configuration decides about packets before a lock is
// taken, in bits.
type mode uint32

const (
	hooks4         mode = 1 << iota // there are services of IPv4,
	hooks6                          // of IPv6
	asksServers                     // a reply of no connection may yet concern its server
	ignoreTunneled                  // the setting ignore_tunneled
	ownTimeouts                     // some service has timeouts of its own
)

// active reports whether the hooks of a family exist.
func (m mode) active(f packet.Family) bool {
	if f == packet.IPv6 {
		return m&hooks6 != 0
	}
	return m&hooks4 != 0
}

// readMode reads the mode off the configuration.
func (d *Director) readMode() (m mode) {
	if d.table.NumServices(packet.IPv4) > 0 {
		m |= hooks4
	}
	if d.table.NumServices(packet.IPv6) > 0 {
		m |= hooks6
	}
	if d.table.ConnOut() || d.set.NATICMPSend {
		m |= asksServers
	}
	if d.set.IgnoreTunneled {
		m |= ignoreTunneled
	}
	if d.table.Timed() {
		m |= ownTimeouts
	}
	return m
}

// Active reports whether the hooks of a family exist: while it has a service.
func (d *Director) Active(f packet.Family) bool { return mode(d.mode.Load()).active(f) }

// ends are the reasons for the end of a connection.
var ends = [...]packet.Reason{
	conntrack.TimedOut: ReasonTimedOut, conntrack.Deleted: ReasonDeleted, conntrack.PacketOut: ReasonPacketOut,
}

// Unbind implements conntrack.Owner: a connection's server forgets it.
func (d *Director) Unbind(s *conntrack.Shard, c *conntrack.Conn, why conntrack.End) {
	d.tell(s, c, ends[why])
	if dest := d.table.Dest(c.DestID); dest != nil {
		dest.Unbind(c.Flags&conntrack.Template != 0, c.Flags&conntrack.Inactive != 0)
	}
	if d.tracker != nil && c.Flags&conntrack.NFCT != 0 && c.Flags&conntrack.OnePacket == 0 && c.CPort != 0 {
		d.tracker.Forget(c)
	}
}

// PutOff implements conntrack.Owner.
func (d *Director) PutOff(s *conntrack.Shard, c *conntrack.Conn) {
	d.tell(s, c, ReasonPutOff)
}

// validAddr reports whether a server's address will do. One of IPv6 is judged by
// itself, without a route.
//
// Kernel: ip_vs_ctl.c, ip_vs_new_dest (6.1).
func (d *Director) validAddr(f packet.Family, a packet.Addr) bool {
	if f == packet.IPv6 && !a.IsZero() && !a.IsMulticast(f) && !a.IsLinkLocal6() && !a.Netip(f).Is4In6() {
		return true
	}
	t := d.stack.AddrType(f, a)
	return t == xmit.AddrLocal || t == xmit.AddrUnicast && f == packet.IPv4
}

// shed reports whether drop_packet takes this packet, which would make a
// connection.
//
// Kernel: include/net/ip_vs.h, ip_vs_todrop (6.1).
func (d *Director) shed() bool {
	rate := d.set.dropRate
	if rate == 0 {
		return false
	}
	if d.dropped.Add(-1) > 0 {
		return false
	}
	d.dropped.Store(int32(rate))
	return true
}
