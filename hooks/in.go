package hooks

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/xmit"
)

const inHook = "ip_vs_in_hook"

// in handles a packet that may be a request: of a connection, or for a virtual
// service, which makes one. It is RemoteRequest at LOCAL_IN and LocalRequest at
// LOCAL_OUT.
//
// Kernel: ip_vs_core.c, ip_vs_in_hook (6.1).
func (c *call) in() xmit.Verdict {
	switch {
	case c.p.Ours:
		return c.decide(xmit.Accept, ReasonOurs, inHook)
	case c.p.Kind != packet.ToHost && c.pt != LocalOut:
		return c.decide(xmit.Accept, ReasonNotHost, inHook)
	case c.p.Route == nil:
		return c.decide(xmit.Accept, ReasonNotRouted, inHook)
	}
	if isICMP(&c.h) {
		if v, related := c.inICMP(); related {
			return v
		}
	}
	if known, _ := isBalanced(c.h.Protocol); !known {
		// It comes back here only wrapped by somebody else: a tunnel.
		if c.mode&ignoreTunneled != 0 {
			c.p.Ours = true
		}
		return c.decide(xmit.Accept, ReasonProtocol, inHook)
	}
	if c.p.FromLoopback() {
		c.checkOwnReply(&c.h)
	}
	c.lock(&c.h.Src)
	v := c.request()
	c.unlock()
	c.x.Flush()
	return v
}

// request is in with the client's shard locked.
func (c *call) request() xmit.Verdict {
	h := &c.h
	cp := c.findIn(h)
	if cp != nil && h.FragOff == 0 && opens(c.p.Data(), h) {
		var v xmit.Verdict
		if cp, v = c.reuse(cp); v != xmit.Accept {
			return v
		}
	}
	if cp != nil {
		if dest := c.dest(cp); dest != nil && !dest.Available {
			if !c.d.set.ExpireNoDestConn {
				return c.decide(xmit.Drop, ReasonNoServer, inHook)
			}
			c.expireNow(cp, ReasonReplaced)
			if c.p.Tracked {
				return c.decide(xmit.Drop, ReasonOldTracking, inHook)
			}
			cp = nil
		}
	}
	if cp == nil {
		var v xmit.Verdict
		if cp, v = c.tryToSchedule(h); cp == nil {
			return v
		}
	}
	dest := c.dest(cp)
	c.countIn(dest)
	c.setState(cp, h.Protocol, h, conntrack.Input)
	v := c.transmit(cp, h, dest)
	if cp.Flags&conntrack.OnePacket == 0 {
		cp.InPkts++
	} else {
		c.shard.Controller(cp, func(ct *conntrack.Conn) { ct.InPkts++ })
	}
	c.shard.Put(cp)
	return c.decide(v, ReasonRequest, inHook)
}

// opens reports whether a packet asks for a new connection.
//
// Kernel: ip_vs_core.c, is_new_conn (6.1).
func opens(b []byte, h *packet.Header) bool {
	switch h.Protocol {
	case packet.ProtoTCP:
		return len(b) >= h.Len+packet.SizeTCP && b[h.Len+13]&0x02 != 0
	case packet.ProtoSCTP:
		return len(b) >= h.Len+packet.SizeSCTP+4 && b[h.Len+packet.SizeSCTP] == conntrack.ChunkInit
	}
	return false
}

// reuse decides whether a packet that asks for a new connection gets one though
// there is an old one with the same addresses and ports: it then returns nil.
func (c *call) reuse(cp *conntrack.Conn) (*conntrack.Conn, xmit.Verdict) {
	dest, old := c.dest(cp), c.p.Tracked
	switch {
	case c.d.set.ExpireNoDestConn && dest != nil && dest.Weight == 0:
	case c.d.set.ConnReuseMode != 0 && cp.Reusable(c.d.set.ConnReuseMode):
		if cp.NControl != 0 && old {
			c.changed(ReasonKept, cp, inHook)
			return cp, xmit.Accept
		}
	default:
		c.changed(ReasonKept, cp, "is_new_conn_expected")
		return cp, xmit.Accept
	}
	if cp.NControl == 0 {
		c.expireNow(cp, ReasonReused)
	} else if !old {
		cp.Flags &^= conntrack.NFCT
	}
	if old {
		return nil, c.decide(xmit.Drop, ReasonOldTracking, inHook)
	}
	return nil, xmit.Accept
}

// expireNow lets a connection end with the next tick.
func (c *call) expireNow(cp *conntrack.Conn, why packet.Reason) {
	if !c.p.Tracked {
		cp.Flags &^= conntrack.NFCT
	}
	c.shard.ExpireNow(cp)
	c.changed(why, cp, "ip_vs_conn_expire_now")
}
