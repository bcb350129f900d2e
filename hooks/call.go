package hooks

import (
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// call is one packet's way through one hook function: what Director's methods
// hand to each other. It lives on the stack.
type call struct {
	d     *Director
	p     *packet.Packet
	pt    Point
	mode  mode
	h     packet.Header    // of the packet
	shard *conntrack.Shard // of the client, locked
	lane  *lane            // shard's; nil while it isn't locked
	x     xmit.Context

	decided   [2]uint16 // places in a tally of decisions not yet counted
	uncounted int

	ownReply bool // made on this host, and of a connection to a server here
}

// isBalanced reports whether IPVS knows a protocol, and whether its fragments
// must not be put together.
//
// Kernel: ip_vs_proto.c, ip_vs_proto_data_get (6.1).
func isBalanced(proto uint8) (known, dontDefrag bool) {
	switch proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
		return true, false
	case packet.ProtoAH, packet.ProtoESP:
		return true, true
	}
	return false, false
}

// portISAKMP is IKE's port; AH and ESP go where its connection goes.
const portISAKMP = 500

// key makes the key by which a packet's connection is looked up. For a quoted
// packet that went the other way the sides are exchanged. It reports false if
// the ports are cut off.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_fill_param_proto; ip_vs_proto_ah_esp.c,
// ah_esp_conn_fill_param_proto (6.1).
func key(h *packet.Header, b []byte, k *conntrack.Key) bool {
	var sport, dport uint16
	if _, ike := isBalanced(h.Protocol); ike {
		k.Protocol, sport, dport = packet.ProtoUDP, portISAKMP, portISAKMP
	} else {
		var ok bool
		if sport, dport, ok = h.Ports(b); !ok {
			return false
		}
		k.Protocol = h.Protocol
	}
	k.Family = h.Family
	if h.Inverse {
		k.Client, k.CPort, k.Virtual, k.VPort = h.Dst, dport, h.Src, sport
	} else {
		k.Client, k.CPort, k.Virtual, k.VPort = h.Src, sport, h.Dst, dport
	}
	return true
}

// lock locks the shard of a client.
func (c *call) lock(client *packet.Addr) {
	c.shard = c.d.conns.Shard(client)
	c.shard.Lock()
	c.lane = &c.d.lanes[c.shard.Number()]
	for _, at := range c.decided[:c.uncounted] {
		c.lane.tally[at]++
	}
	c.uncounted = 0
	if c.p.Listener != nil {
		c.lane.listener = c.p.Listener
	}
}

// unlock lets the shard go; what the transmitters gave out is sent after that.
func (c *call) unlock() {
	if c.p.Listener != nil {
		c.lane.listener = nil
	}
	c.lane = nil
	c.shard.Unlock()
}

// findIn looks up the connection of a request.
func (c *call) findIn(h *packet.Header) *conntrack.Conn {
	var k conntrack.Key
	if !key(h, c.p.Data(), &k) {
		return nil
	}
	cp := c.shard.In(&k)
	if c.p.Listener != nil {
		c.p.Listener.Event(c.p, Looked{k, cp, "ip_vs_conn_in_get"})
	}
	return cp
}

// findOut looks up the connection of a reply.
func (c *call) findOut(h *packet.Header) *conntrack.Conn {
	var k conntrack.Key
	if !key(h, c.p.Data(), &k) {
		return nil
	}
	cp := c.shard.Out(&k)
	if c.p.Listener != nil {
		c.p.Listener.Event(c.p, Looked{k, cp, "ip_vs_conn_out_get"})
	}
	return cp
}

// changed reports what happened to a connection.
func (c *call) changed(why packet.Reason, cp *conntrack.Conn, in string) {
	if c.p.Listener != nil {
		c.p.Listener.Event(c.p, Changed{why, cp, in})
	}
}

// dest returns a connection's server, nil if it has none.
func (c *call) dest(cp *conntrack.Conn) *sched.Dest { return c.d.table.Dest(cp.DestID) }

// countIn counts a packet to the server, if there is one.
//
// Kernel: ip_vs_core.c, ip_vs_in_stats (6.1).
func (c *call) countIn(d *sched.Dest) {
	if d != nil && d.Available {
		c.lane.ledger.In(d, c.p.Len())
	}
}

// countOut counts a packet from the server, if there is one.
//
// Kernel: ip_vs_core.c, ip_vs_out_stats (6.1).
func (c *call) countOut(d *sched.Dest) {
	if d != nil && d.Available {
		c.lane.ledger.Out(d, c.p.Len())
	}
}

// countConn counts a new connection.
//
// Kernel: ip_vs_core.c, ip_vs_conn_stats (6.1).
func (c *call) countConn(cp *conntrack.Conn, s *sched.Service) {
	c.lane.ledger.Conn(c.dest(cp), s)
}

// setState lets the state machine see the packet.
//
// Kernel: ip_vs_core.c, ip_vs_set_state (6.1).
func (c *call) setState(cp *conntrack.Conn, proto uint8, h *packet.Header, dir conntrack.Direction) {
	b := c.p.Data()
	ch, active, ok := c.d.machines.Transition(c.shard, cp, proto, dir, b[min(h.Len, len(b)):])
	if !ok {
		return
	}
	if active != 0 {
		c.dest(cp).SetActive(active > 0)
	}
	if c.mode&ownTimeouts != 0 {
		c.d.ownTimeout(cp)
	}
	if c.p.Listener != nil {
		c.p.Listener.Event(c.p, Moved{
			Conn: cp, Change: ch, Active: active, Secure: c.d.machines.SecureTCP && proto == packet.ProtoTCP,
			Timeout: time.Duration(cp.Timeout) * conntrack.Tick,
		})
	}
}

// transmit sends the packet on by the connection's method, to dest, its server, if
// it has one.
func (c *call) transmit(cp *conntrack.Conn, h *packet.Header, dest *sched.Dest) xmit.Verdict {
	if c.ftp(cp) != nil {
		return c.transmitHelped(cp)
	}
	return c.x.Transmit(&xmit.Call{Packet: c.p, Header: *h, Conn: cp, Shard: c.shard, Dest: dest})
}

// transmitHelped is transmit for a connection with a helper. It works on a copy
// of the call, so that those of all others stay off the heap.
func (c *call) transmitHelped(cp *conntrack.Conn) xmit.Verdict {
	own := new(call)
	*own = *c
	v := own.x.Transmit(&xmit.Call{Packet: c.p, Header: c.h, Conn: cp, Shard: c.shard, Dest: c.dest(cp), Mangler: own})
	c.x = own.x
	return v
}

// decide counts and reports a verdict and returns it.
func (c *call) decide(v xmit.Verdict, why packet.Reason, in string) xmit.Verdict {
	c.count(v, why)
	if c.p.Listener != nil {
		c.p.Listener.Event(c.p, Decided{v, why, in})
	}
	return v
}
