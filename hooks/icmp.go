package hooks

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// ICMP types that concern connections; of ICMPv6 all errors do.
const (
	icmpUnreachable  = 3
	icmpQuench       = 4
	icmpTimeExceeded = 11
	icmpFragNeeded   = 4    // code of icmpUnreachable
	icmp6Info        = 0x80 // ICMPv6 types from here on are no errors
)

func isICMP(h *packet.Header) bool {
	if h.Family == packet.IPv6 {
		return h.Protocol == packet.ProtoICMPv6
	}
	return h.Protocol == packet.ProtoICMP
}

// forwardICMP hands ICMP errors on their way through this host to inICMP: those
// to the servers' side of a transparent service, whose address isn't local.
//
// Kernel: ip_vs_core.c, ip_vs_forward_icmp (6.1).
func (c *call) forwardICMP() xmit.Verdict {
	const in = "ip_vs_forward_icmp"
	if !isICMP(&c.h) {
		return c.decide(xmit.Accept, ReasonProtocol, in)
	}
	v, _ := c.inICMP()
	return v
}

// errorHeader finds the ICMP header, after reassembly. Where what there is to
// do ends with it, done is true.
func (c *call) errorHeader(in string) (v xmit.Verdict, related, done bool) {
	b := c.p.Data()
	if c.p.Family == packet.IPv4 && c.p.IsFragment() {
		if !c.gather() {
			return c.decide(xmit.Stolen, ReasonWaiting, "ip_vs_gather_frags"), true, true
		}
		b = c.p.Data()
	}
	if len(b) < c.h.Len+packet.SizeICMP {
		return c.decide(xmit.Drop, ReasonCutOff, in), true, true
	}
	typ := b[c.h.Len]
	if c.p.Family == packet.IPv6 {
		if typ&icmp6Info != 0 {
			return c.decide(xmit.Accept, ReasonNotError, in), false, true
		}
		if c.h.Fragment {
			return c.decide(xmit.Drop, ReasonICMPFragment, in), true, true
		}
	} else if typ != icmpUnreachable && typ != icmpQuench && typ != icmpTimeExceeded {
		return c.decide(xmit.Accept, ReasonNotError, in), false, true
	}
	return xmit.Accept, true, false
}

// quoted parses the packet that an ICMP error quotes at off into q. It returns
// why the error is of no interest, "" if it is.
func (c *call) quoted(off int, inverse bool, q *packet.Header) packet.Reason {
	b := c.p.Data()
	if !packet.ParseHeader(c.p.Family, b, off, q) {
		return ReasonBadICMP
	}
	q.ICMP, q.Inverse = true, inverse
	known, dontDefrag := isBalanced(q.Protocol)
	if !known {
		return ReasonProtocol
	}
	if c.p.Family == packet.IPv4 {
		if b[off]>>4 != 4 || q.Len-q.Off < packet.SizeIPv4 {
			return ReasonBadICMP
		}
		if packet.Fragmentation(b, off)&packet.FragMask != 0 && !dontDefrag {
			return ReasonQuotedFrag
		}
	} else if q.FragOff != 0 && !dontDefrag {
		return ReasonQuotedFrag
	}
	return ""
}

// outICMP handles an ICMP error from a server's side about a connection. related
// is false where it is not an error and goes the way of other packets.
//
// Kernel: ip_vs_core.c, ip_vs_out_icmp, ip_vs_out_icmp_v6 (6.1).
func (c *call) outICMP() (v xmit.Verdict, related bool) {
	in := "ip_vs_out_icmp"
	if c.p.Family == packet.IPv6 {
		in = "ip_vs_out_icmp_v6"
	}
	if v, related, done := c.errorHeader(in); done {
		return v, related
	}
	var q packet.Header
	if why := c.quoted(c.h.Len+packet.SizeICMP, true, &q); why != "" {
		return c.decide(xmit.Accept, why, in), true
	}
	// The quoted packet went to the server: the client is its source.
	c.lock(&q.Src)
	v = c.relatedReply(&q, in)
	c.unlock()
	c.x.Flush()
	return v, true
}

// relatedReply is outICMP with the client's shard locked.
//
// Kernel: ip_vs_core.c, handle_response_icmp (6.1).
func (c *call) relatedReply(q *packet.Header, in string) xmit.Verdict {
	cp := c.findOut(q)
	if cp == nil {
		return c.decide(xmit.Accept, ReasonNoConn, in)
	}
	in = "handle_response_icmp"
	if sched.Forward(cp.Forward()) == sched.Masq {
		if !xmit.ICMPChecksumOK(c.p, &c.h) {
			return c.decide(xmit.Drop, ReasonChecksum, in)
		}
		if !xmit.SNATICMP(c.p, q, cp, c.h.Len) {
			return c.decide(xmit.Drop, ReasonCutOff, in)
		}
		if !c.d.reroute(c.pt, c.p) {
			return c.decide(xmit.Drop, ReasonReroute, in)
		}
		if c.pt != LocalIn && !c.p.Route.Local {
			c.p.CompleteChecksum()
		}
	}
	c.countOut(c.dest(cp))
	c.p.Ours = true
	xmit.TrackReply(c.d.tracker, c.p, cp, false)
	return c.decide(xmit.Accept, ReasonReply, in)
}

// inICMP handles an ICMP error from a client's side about a connection, or about
// a tunnel of ours. related is false where it is not an error.
//
// Kernel: ip_vs_core.c, ip_vs_in_icmp, ip_vs_in_icmp_v6 (6.1).
func (c *call) inICMP() (v xmit.Verdict, related bool) {
	in := "ip_vs_in_icmp"
	if c.p.Family == packet.IPv6 {
		in = "ip_vs_in_icmp_v6"
	}
	if v, related, done := c.errorHeader(in); done {
		return v, related
	}
	off := c.h.Len + packet.SizeICMP
	var t tunnelled
	if c.p.Family == packet.IPv4 {
		var why packet.Reason
		if t, why = c.tunnelled(off); why != "" {
			return c.decide(xmit.Accept, why, in), true
		}
	}
	var q packet.Header
	if why := c.quoted(off+t.headers, !t.ours, &q); why != "" {
		return c.decide(xmit.Accept, why, in), true
	}
	client := &q.Dst
	if t.ours {
		client = &q.Src
	}
	if c.p.FromLoopback() {
		c.checkOwnReply(&q)
	}
	c.lock(client)
	v = c.relatedRequest(&q, &t, in)
	c.unlock()
	c.x.Flush()
	return v, true
}

// relatedRequest is inICMP with the client's shard locked.
func (c *call) relatedRequest(q *packet.Header, t *tunnelled, in string) xmit.Verdict {
	cp, made := c.findIn(q), false
	if cp == nil {
		if t.ours || !c.d.set.ScheduleICMP {
			return c.decide(xmit.Accept, ReasonNoConn, in)
		}
		var v xmit.Verdict
		if cp, v = c.tryToSchedule(q); cp == nil {
			return v
		}
		made = true
	}
	v, why := xmit.Drop, ReasonChecksum
	switch {
	case (sched.Forward(cp.Forward()) == sched.Masq || t.ours) && !xmit.ICMPChecksumOK(c.p, &c.h):
	case t.ours:
		c.relayTunnelError(cp, q, t)
		v, why = xmit.Stolen, ReasonTunnelError
	default:
		c.countIn(c.dest(cp))
		v = c.x.ICMP(&xmit.Call{Packet: c.p, Header: *q, Conn: cp, Shard: c.shard, Dest: c.dest(cp)}, c.h.Len, c.pt == Forward)
		why = ReasonRequest
	}
	if made {
		c.shard.Put(cp)
	}
	return c.decide(v, why, in)
}

// tunnelled says whether an ICMP error is about a packet that this host wrapped
// for a server.
type tunnelled struct {
	ours    bool
	headers int // octets of the outer headers that the error quotes
	proto   uint8
}

// tunnelled looks for a tunnel of ours in the packet quoted at off. It returns
// why the error is to pass, "" if it isn't.
//
// Kernel: ip_vs_core.c, ip_vs_in_icmp, ipvs_udp_decap, ipvs_gre_decap (6.1).
func (c *call) tunnelled(off int) (tunnelled, packet.Reason) {
	b := c.p.Data()
	if len(b) < off+packet.SizeIPv4 {
		return tunnelled{}, ReasonBadICMP
	}
	ihl := int(b[off]&0xf) * 4
	if b[off]>>4 != 4 || ihl < packet.SizeIPv4 {
		return tunnelled{}, ReasonBadICMP
	}
	later := packet.Fragmentation(b, off)&packet.FragMask != 0
	var dst packet.Addr
	copy(dst[:4], b[off+16:off+20])
	t := tunnelled{proto: b[off+9]}
	inside := b[min(off+ihl, len(b)):]
	switch {
	case t.proto == packet.ProtoIPIP:
		if later {
			return t, ReasonQuotedFrag
		}
		if !c.p.Route.Local {
			return t, ReasonOtherTunnel
		}
		if d := c.d.table.TunnelTo(packet.IPv4, dst, 0); d == nil || d.TunType != sched.TunIPIP {
			return t, ReasonOtherTunnel
		}
		t.ours, t.headers = true, ihl
	case (t.proto == packet.ProtoUDP || t.proto == packet.ProtoGRE) && c.p.Route.Local:
		if later {
			return t, ReasonQuotedFrag
		}
		n := 0
		if t.proto == packet.ProtoUDP {
			n = c.gueLen(inside, dst)
		} else {
			n = c.greLen(inside, dst)
		}
		if n > 0 {
			t.ours, t.headers = true, ihl+n
		}
	}
	return t, ""
}

// gueLen returns the length of UDP and GUE headers to a server of ours, 0 if
// they are none.
func (c *call) gueLen(b []byte, dst packet.Addr) int {
	if len(b) < packet.SizeUDP+4 {
		return 0
	}
	d := c.d.table.TunnelTo(packet.IPv4, dst, uint16(b[2])<<8|uint16(b[3]))
	g := b[packet.SizeUDP:]
	// Version and control bit in the first three bits, then the options' length.
	if d == nil || d.TunType != sched.TunGUE || g[0]&0xe0 != 0 || g[1] != packet.ProtoIPIP {
		return 0
	}
	return packet.SizeUDP + 4 + int(g[0]&0x1f)*4
}

// greLen returns the length of the GRE header to a server of ours, 0 if it is
// none.
func (c *call) greLen(b []byte, dst packet.Addr) int {
	const csum, ipv4 = 0x8000, 0x0800
	if len(b) < 4 {
		return 0
	}
	d := c.d.table.TunnelTo(packet.IPv4, dst, 0)
	flags, proto := uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3])
	if d == nil || d.TunType != sched.TunGRE || flags&^csum != 0 || proto != ipv4 {
		return 0
	}
	if flags&csum != 0 {
		return 8
	}
	return 4
}

// relayTunnelError learns from an ICMP error about a tunnel and answers the
// client's packet inside with an error of this host's own.
func (c *call) relayTunnelError(cp *conntrack.Conn, q *packet.Header, t *tunnelled) {
	b := c.p.Data()
	m := b[c.h.Len:]
	typ, code := m[0], m[1]
	info := uint32(m[4])<<24 | uint32(m[5])<<16 | uint32(m[6])<<8 | uint32(m[7])
	if typ == icmpUnreachable && code == icmpFragNeeded {
		var outer packet.Header
		packet.ParseHeader(packet.IPv4, b, c.h.Len+packet.SizeICMP, &outer)
		c.d.stack.UpdatePMTU(packet.IPv4, outer.Src, outer.Dst, t.proto, int(info&0xffff))
		if packet.Fragmentation(b, q.Off)&packet.FlagDF == 0 {
			return
		}
		mtu := int(info & 0xffff)
		if d := c.dest(cp); d != nil {
			if rt := d.Route.Load(); rt != nil {
				mtu = rt.MTU
			}
		}
		if mtu > 68+t.headers {
			mtu -= t.headers
		}
		info = uint32(mtu)
	}
	c.p.Pull(q.Off)
	if int(b[q.Off]&0xf)*4 != q.Len-q.Off {
		return
	}
	c.x.ICMPErrorInside(c.p, typ, code, info)
	c.countOut(c.dest(cp))
}
