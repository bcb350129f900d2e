package xmit

import (
	"goipvs/packet"
)

// DR sends a packet as it is to the server, which is its next hop.
//
// Kernel: ip_vs_xmit.c, ip_vs_dr_xmit, ip_vs_dr_xmit_v6 (6.1).
func (x *Context) DR(c *Call) Verdict {
	in := "ip_vs_dr_xmit"
	if c.Packet.Family == packet.IPv6 {
		in = "ip_vs_dr_xmit_v6"
	}
	return x.asItIs(c, allowLocal|allowNonLocal|knownNextHop, in)
}

// Bypass sends a packet as it is to its own destination.
//
// Kernel: ip_vs_xmit.c, ip_vs_bypass_xmit, ip_vs_bypass_xmit_v6 (6.1).
func (x *Context) Bypass(c *Call) Verdict {
	in := "ip_vs_bypass_xmit"
	if c.Packet.Family == packet.IPv6 {
		in = "ip_vs_bypass_xmit_v6"
	}
	// The way is the packet's own, whatever server the connection may have.
	own := *c
	own.Dest = nil
	return x.asItIs(&own, allowNonLocal, in)
}

func (x *Context) asItIs(c *Call, m mode, in string) Verdict {
	p := c.Packet
	// An ICMP error goes where it says itself, not where its quote does.
	var addr packet.Addr
	if p.Family == packet.IPv6 {
		copy(addr[:], p.Data()[24:40])
	} else {
		copy(addr[:4], p.Data()[16:20])
	}
	rt, at := x.outRoute(p, &c.Header, c.Dest, p.Family, &addr, m)
	if at == nowhere {
		return Stolen
	}
	if at == remote && p.Family == packet.IPv4 {
		packet.SetIPv4Checksum(p.Data(), 0)
	}
	return x.finish(c, rt, at, in)
}

// Null leaves a packet to this host.
//
// Kernel: ip_vs_xmit.c, ip_vs_null_xmit (6.1).
func (x *Context) Null(c *Call) Verdict {
	return x.finish(c, nil, local, "ip_vs_null_xmit")
}
