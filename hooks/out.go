package hooks

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

const outHook = "ip_vs_out_hook"

// out handles a packet that may be a reply of a server: with NAT its source
// becomes the virtual service. It is Reply at LOCAL_IN and FORWARD and
// LocalReply at LOCAL_OUT.
//
// Kernel: ip_vs_core.c, ip_vs_out_hook (6.1).
func (c *call) out() xmit.Verdict {
	switch {
	case c.p.Ours:
		return c.decide(xmit.Accept, ReasonOurs, outHook)
	case c.p.Route == nil:
		return c.decide(xmit.Accept, ReasonNotRouted, outHook)
	}
	if isICMP(&c.h) {
		if v, related := c.outICMP(); related {
			return v
		}
	}
	known, dontDefrag := isBalanced(c.h.Protocol)
	if !known {
		return c.decide(xmit.Accept, ReasonProtocol, outHook)
	}
	if c.p.Family == packet.IPv4 && !dontDefrag && c.p.IsFragment() && !c.gather() {
		return c.decide(xmit.Stolen, ReasonWaiting, "ip_vs_gather_frags")
	}
	if c.p.Listener == nil && c.mode&asksServers == 0 && c.noClient() {
		return c.decide(xmit.Accept, ReasonNoConn, outHook)
	}
	c.lock(&c.h.Dst)
	v := c.reply()
	c.unlock()
	c.x.Flush()
	return v
}

// noClient reports whether it is certain, without a lock and a look-up, that the
// packet is no reply of a connection.
func (c *call) noClient() bool {
	_, port, ok := c.h.Ports(c.p.Data())
	return ok && c.h.HasPorts() && !c.d.conns.HasClientPort(port)
}

// gather puts an IPv4 fragment together with the others; it reports true when
// the packet is whole, and has then read its header anew.
//
// Kernel: ip_vs_core.c, ip_vs_gather_frags (6.1).
func (c *call) gather() bool {
	user := [...]xmit.DefragUser{LocalIn: xmit.DefragIn, Forward: xmit.DefragForward, LocalOut: xmit.DefragOut}[c.pt]
	return c.d.stack.Defrag(c.p, user) && c.p.ParseHeader(&c.h)
}

// reply is out with the client's shard locked.
func (c *call) reply() xmit.Verdict {
	if cp := c.findOut(&c.h); cp != nil {
		return c.handleResponse(cp)
	}
	if c.d.table.ConnOut() && c.h.Protocol == packet.ProtoUDP {
		if cp := c.serverRequest(); cp != nil {
			return c.handleResponse(cp)
		}
	}
	if c.d.set.NATICMPSend && c.h.HasPorts() {
		if c.serverAsks() {
			c.x.PortUnreachable(c.p)
			return c.decide(xmit.Drop, ReasonServerAsks, outHook)
		}
	}
	return c.decide(xmit.Accept, ReasonNoConn, outHook)
}

// serverAsks reports whether a packet comes from a NAT server that has no
// connection for it, and isn't about to end one.
func (c *call) serverAsks() bool {
	const rst = 0x04
	b := c.p.Data()
	sport, _, ok := c.h.Ports(b)
	if !ok || c.d.table.RealService(c.h.Family, c.h.Protocol, c.h.Src, sport) == nil {
		return false
	}
	switch c.h.Protocol {
	case packet.ProtoTCP:
		return len(b) < c.h.Len+packet.SizeTCP || b[c.h.Len+13]&rst == 0
	case packet.ProtoSCTP:
		return len(b) < c.h.Len+packet.SizeSCTP+4 || b[c.h.Len+packet.SizeSCTP] != conntrack.ChunkAbort
	}
	return true
}

// handleResponse sends a reply on to the client.
//
// Kernel: ip_vs_core.c, handle_response (6.1).
func (c *call) handleResponse(cp *conntrack.Conn) xmit.Verdict {
	const in = "handle_response"
	if sched.Forward(cp.Forward()) == sched.Masq {
		if f := c.ftp(cp); f != nil && !c.ftpOut(cp, f) {
			c.shard.Put(cp)
			return c.decide(xmit.Stolen, ReasonHelper, in)
		}
		if !xmit.SNAT(c.p, &c.h, cp) {
			c.shard.Put(cp)
			return c.decide(xmit.Stolen, ReasonCutOff, in)
		}
		if !c.d.reroute(c.pt, c.p) {
			c.shard.Put(cp)
			return c.decide(xmit.Stolen, ReasonReroute, in)
		}
	}
	c.countOut(c.dest(cp))
	c.setState(cp, c.h.Protocol, &c.h, conntrack.Output)
	c.p.Ours = true
	xmit.TrackReply(c.d.tracker, c.p, cp, c.ftp(cp) != nil)
	c.shard.Put(cp)
	return c.decide(xmit.Accept, ReasonReply, in)
}

// reroute finds a reply's way anew, as of a packet made on this host; it reports
// false if there is none.
//
// Kernel: ip_vs_core.c, ip_vs_route_me_harder (6.1).
func (d *Director) reroute(pt Point, p *packet.Packet) bool {
	if !d.set.SNATReroute || pt == LocalIn || p.Route.Local {
		return true
	}
	return d.stack.Reroute(p)
}
