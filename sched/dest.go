package sched

import (
	"sync"
	"sync/atomic"
	"time"

	"goipvs/packet"
)

// Dest is a real server of one service. Counters may be read and changed at any
// time; the configuration changes only while no packet is handled.
//
// Kernel: include/net/ip_vs.h, struct ip_vs_dest (6.1).
type Dest struct {
	DestConfig
	LastWeight int32 // the last weight that was not 0, or the one it was added with
	Protocol   uint8 // of the service it belongs or belonged to,
	VAddr      packet.Addr
	VPort      uint16
	VFWMark    uint32
	Stats      Stats

	ID        uint32 // its number in Table.Dest; connections name it so
	Available bool   // false: deleted, kept only for its connections

	Active  atomic.Int32 // connections in an active state,
	Total   atomic.Int32 // in any state,
	Persist atomic.Int32 // persistence templates

	// Route is the transmitters' cache, theirs alone (Kernel: dest->dest_dst).
	// It is dropped whenever the configuration changes.
	Route atomic.Pointer[packet.Route]

	svc        *Service
	next, prev *Dest
	mu         sync.Mutex // changes of overload
	overload   atomic.Bool
	lower      uint32        // the effective lower threshold
	refs       atomic.Int32  // connections, templates and schedulers' caches
	hashedReal bool          // in the table of real servers
	idle       bool          // in the trash: seen without references,
	idleSince  time.Duration // first at that time

	older, newer         *Dest // in the trash
	realOlder, realNewer *Dest // in the table of real servers
}

// Flags that a connection gets from its server, with the numbers of the
// kernel's interface.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_CONN_F_* (6.1).
const (
	connNoOutput = 0x0080
	connInactive = 0x0100
)

// Service returns the service that the server belongs or belonged to. A server
// taken back from the trash by a new service of the same identity belongs to
// the new one.
func (d *Dest) Service() *Service { return d.svc }

// InactiveConns returns the connections that are in no active state.
func (d *Dest) InactiveConns() int32 { return d.Total.Load() - d.Active.Load() }

// Overloaded reports whether the server takes no new connections because of its
// upper threshold.
func (d *Dest) Overloaded() bool { return d.overload.Load() }

// ConnFlags returns the flags that a new connection to the server gets, as the
// kernel numbers them (IP_VS_CONN_F_*): the forwarding method; NOOUTPUT with
// all methods but Masq; INACTIVE.
//
// Kernel: ip_vs_ctl.c, __ip_vs_update_dest (6.1).
func (d *Dest) ConnFlags() uint32 {
	flags := uint32(d.Forward) | connInactive
	if d.Forward != Masq {
		flags |= connNoOutput
	}
	return flags
}

// Bind counts a new connection, or a persistence template, to the server and
// holds the server: its number stays its own until as many calls of Unbind.
//
// Kernel: ip_vs_conn.c, ip_vs_bind_dest (6.1).
func (d *Dest) Bind(template, inactive bool) {
	d.refs.Add(1)
	if template {
		d.Persist.Add(1)
		return
	}
	if !inactive {
		d.Active.Add(1)
	}
	if uint32(d.Total.Add(1)) == d.Upper {
		d.updateOverload(1)
	}
}

// Unbind is called once for each Bind, when the connection is gone. Inactive is
// the state in which it went.
//
// Kernel: ip_vs_conn.c, ip_vs_unbind_dest (6.1).
func (d *Dest) Unbind(template, inactive bool) {
	if template {
		d.Persist.Add(-1)
		d.refs.Add(-1)
		return
	}
	if !inactive {
		d.Active.Add(-1)
	}
	if uint32(d.Total.Add(-1)+1) == d.lower {
		d.updateOverload(-1)
	}
	d.refs.Add(-1)
}

// SetActive counts that a connection became active, or inactive.
func (d *Dest) SetActive(active bool) {
	if active {
		d.Active.Add(1)
	} else {
		d.Active.Add(-1)
	}
}

// hold and release are for those who keep a server but are no connections.
func (d *Dest) hold() { d.refs.Add(1) }

func (d *Dest) release() { d.refs.Add(-1) }

// updateOverload sets or clears the overload mark by the number of connections
// and the thresholds. In between the thresholds the mark goes up where
// connections are being added (mode 1), down where they go (-1), and stays
// where the thresholds were edited (0).
//
// Kernel: ip_vs_ctl.c, __ip_vs_dest_update_overload (6.1).
func (d *Dest) updateOverload(mode int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	conns := uint32(d.Total.Load())
	switch {
	case d.Upper == 0:
		d.overload.Store(false)
	case conns >= d.Upper:
		d.overload.Store(true)
	case conns < d.lower:
		d.overload.Store(false)
	case mode != 0:
		d.overload.Store(mode > 0)
	}
}

// overhead is the load by which most schedulers compare servers: an active
// connection counts as 257 inactive ones. It wraps like the kernel's int.
//
// Kernel: include/net/ip_vs.h, ip_vs_dest_conn_overhead (6.1).
func (d *Dest) overhead() int32 { return d.Active.Load()<<8 + d.Total.Load() }
