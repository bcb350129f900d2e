package hooks

import (
	"net/netip"
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

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
	Age      time.Duration // since it was made, in whole seconds
	DestID   uint32        // 0: no server
	InPkts   uint32        // from the client
	Control  conntrack.Ref // what controls it: a template, or FTP's control connection
	NControl int32         // connections that it controls

	Service sched.ServiceKey // that the server belongs or belonged to; zero where there is no server
	Gone    bool             // the server was deleted
}

// Idle returns how long ago the last packet was.
func (i *ConnInfo) Idle() time.Duration { return max(0, i.Timeout-i.Expires) }

// Conns calls f for each connection, until it returns false. It is no snapshot:
// connections made or gone meanwhile may be seen or not. f is called with nothing
// locked and may take its time; what it is given is its own for the call only.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_seq_show (6.1).
func (d *Director) Conns(f func(*ConnInfo) bool) {
	var seen []ConnInfo
	d.conns.Batches(func(s *conntrack.Shard, c *conntrack.Conn) bool {
		seen = append(seen, d.connInfo(s, c))
		return true
	}, func() bool {
		for i := range seen {
			if !f(&seen[i]) {
				return false
			}
		}
		seen = seen[:0]
		return true
	})
}

// Conn returns the connection that a Ref names; false if there is none any more.
func (d *Director) Conn(r conntrack.Ref) (i ConnInfo, ok bool) {
	d.conns.Lookup(r, func(s *conntrack.Shard, c *conntrack.Conn) { i, ok = d.connInfo(s, c), true })
	return i, ok
}

// connInfo describes a connection of a locked shard.
func (d *Director) connInfo(s *conntrack.Shard, c *conntrack.Conn) ConnInfo {
	i := ConnInfo{
		Family: c.Family, DestFamily: c.DestFamily, Protocol: c.Protocol,
		Client: c.Client, Virtual: c.Virtual, Dest: c.Dest,
		CPort: c.CPort, VPort: c.VPort, DPort: c.DPort,
		State: c.StateName(), Expires: s.Expires(c), Template: c.Flags&conntrack.Template != 0,
		Ref: c.Ref(), Flags: c.Flags, Timeout: time.Duration(c.Timeout) * conntrack.Tick, Age: s.Age(c),
		DestID: c.DestID, InPkts: c.InPkts, Control: c.Control, NControl: c.NControl,
	}
	if x := s.Ext(c); x != nil {
		i.PEName, i.PEData = x.PE, string(x.PEData)
	}
	if dest := d.table.Dest(c.DestID); dest != nil {
		i.Service, i.Gone = serviceOf(dest, c.Family), !dest.Available
	}
	return i
}

// serviceOf returns the key of the service that a server belongs or belonged to.
func serviceOf(dest *sched.Dest, f packet.Family) sched.ServiceKey {
	if dest.VFWMark != 0 {
		return sched.ServiceKey{Family: f, FWMark: dest.VFWMark}
	}
	return sched.ServiceKey{Family: f, Protocol: dest.Protocol, Addr: dest.VAddr, Port: dest.VPort}
}

// ConnFilter says which connections are meant: those that it is true of all it
// says. The zero value means all.
type ConnFilter struct {
	Service  *sched.ServiceKey // nil: any
	Server   *sched.DestKey    // nil: any; with port 0 any port
	Client   netip.Prefix      // the zero Prefix: any
	CPort    uint16            // the client's; 0: any
	Protocol uint8             // 0: any
	State    string            // the kernel's word; "": any

	MinAge, MaxAge time.Duration // since it was made; 0: any
	MinIdle        time.Duration // since its last packet
	Gone           bool          // only those of deleted servers
	Kind           ConnKind
}

// ConnKind chooses between connections and persistence templates.
type ConnKind uint8

// The kinds.
const (
	AnyConn ConnKind = iota
	OnlyConns
	OnlyTemplates
)

// Match reports whether the filter means a connection.
func (f *ConnFilter) Match(i *ConnInfo) bool {
	switch {
	case f.Service != nil && *f.Service != i.Service,
		f.Server != nil && (f.Server.Family != i.DestFamily || f.Server.Addr != i.Dest || f.Server.Port != 0 && f.Server.Port != i.DPort),
		f.Client.IsValid() && !f.Client.Contains(i.Client.Netip(i.Family)),
		f.CPort != 0 && f.CPort != i.CPort,
		f.Protocol != 0 && f.Protocol != i.Protocol,
		f.State != "" && f.State != i.State,
		i.Age < f.MinAge,
		f.MaxAge != 0 && i.Age > f.MaxAge,
		f.MinIdle != 0 && i.Idle() < f.MinIdle,
		f.Gone && !i.Gone,
		f.Kind == OnlyConns && i.Template,
		f.Kind == OnlyTemplates && !i.Template:
		return false
	}
	return true
}

// DeleteConns ends the connections that a filter means, and says how many. Those
// that control others which go on, as templates do, are kept. Packets are
// handled meanwhile.
func (d *Director) DeleteConns(f *ConnFilter) (gone, kept int) {
	const rounds = 3 // a data connection, FTP's control connection, a template
	for range rounds {
		n := 0
		n, kept = d.deleteConns(f)
		if gone += n; kept == 0 || n == 0 {
			break
		}
	}
	return gone, kept
}

func (d *Director) deleteConns(f *ConnFilter) (gone, kept int) {
	d.conns.Each(func(s *conntrack.Shard, c *conntrack.Conn) bool {
		i := d.connInfo(s, c)
		switch {
		case !f.Match(&i):
		case c.NControl == 0 && s.Delete(c):
			gone++
		default:
			kept++
		}
		return true
	})
	return gone, kept
}

// endUDP ends the UDP connections of deleted servers for which an option wants
// it.
func (d *Director) endUDP() {
	d.conns.Each(func(s *conntrack.Shard, c *conntrack.Conn) bool {
		if c.Protocol != packet.ProtoUDP || c.NControl != 0 {
			return true
		}
		dest := d.table.Dest(c.DestID)
		if dest != nil && !dest.Available && (d.flushAllUDP.Load() || dest.Service().Options.FlushUDP) {
			s.DeleteChain(c)
		}
		return true
	})
}
