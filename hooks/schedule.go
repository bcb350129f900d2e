package hooks

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// tryToSchedule makes a connection for a packet, its own or one that an ICMP
// error quotes (h). Without one it returns the packet's verdict.
//
// Kernel: ip_vs_core.c, ip_vs_try_to_schedule (6.1).
func (c *call) tryToSchedule(h *packet.Header) (*conntrack.Conn, xmit.Verdict) {
	if h.FragOff != 0 {
		return nil, c.decide(xmit.Accept, ReasonLaterFrag, "ip_vs_try_to_schedule")
	}
	in, why, ok := c.mayOpen(h)
	if !ok {
		return nil, c.decide(xmit.Accept, why, in)
	}
	if why != "" {
		return nil, c.decide(xmit.Drop, why, in)
	}
	sport, dport, _ := h.Ports(c.p.Data())
	addr, port := h.Dst, dport
	if h.Inverse {
		addr, port = h.Src, sport
	}
	s := c.d.table.Find(h.Family, c.p.Mark, h.Protocol, addr, port)
	if c.p.Listener != nil {
		c.p.Listener.Event(c.p, Matched{s, c.p.Mark, addr, port})
	}
	if s == nil {
		return nil, c.decide(xmit.Accept, ReasonNoService, in)
	}
	if c.d.shed() {
		return nil, c.decide(xmit.Drop, ReasonLoad, in)
	}
	cp, why := c.schedule(s, h)
	switch {
	case cp != nil:
		return cp, xmit.Accept
	case why == ReasonNoDest:
		return nil, c.leave(s, h)
	case why == ReasonMemory || why == ReasonPersistence:
		return nil, c.decide(xmit.Drop, why, "ip_vs_schedule")
	}
	return nil, c.decide(xmit.Accept, why, "ip_vs_schedule")
}

// mayOpen reports whether a packet may make a connection by its protocol's rule.
// With ok and a reason it is too short to tell and is to be dropped.
//
// Kernel: ip_vs_proto_tcp.c, tcp_conn_schedule; ip_vs_proto_udp.c,
// udp_conn_schedule; ip_vs_proto_sctp.c, sctp_conn_schedule;
// ip_vs_proto_ah_esp.c, ah_esp_conn_schedule (6.1).
func (c *call) mayOpen(h *packet.Header) (in string, why packet.Reason, ok bool) {
	b := c.p.Data()
	need := packet.SizeUDP
	switch h.Protocol {
	case packet.ProtoTCP:
		in, need = "tcp_conn_schedule", packet.SizeTCP
	case packet.ProtoUDP:
		in = "udp_conn_schedule"
	case packet.ProtoSCTP:
		in, need = "sctp_conn_schedule", packet.SizeSCTP+4
	default:
		return "ah_esp_conn_schedule", ReasonRelatedOnly, false
	}
	if h.ICMP {
		need = 4 // an error need not quote more
	}
	if len(b) < h.Len+need {
		return in, ReasonCutOff, true
	}
	if h.ICMP {
		return in, "", true
	}
	switch h.Protocol {
	case packet.ProtoTCP:
		const rst, syn = 0x04, 0x02
		if flags := b[h.Len+13]; flags&rst != 0 || !c.d.set.SloppyTCP && flags&syn == 0 {
			return in, ReasonNotNew, false
		}
	case packet.ProtoSCTP:
		kind := b[h.Len+packet.SizeSCTP]
		if kind == conntrack.ChunkAbort || !c.d.set.SloppySCTP && kind != conntrack.ChunkInit {
			return in, ReasonNotNew, false
		}
	}
	return in, "", true
}

// schedule chooses a server for a packet and makes its connection. Without one
// it returns why: ReasonNoDest, ReasonMemory, ReasonPersistence, or a reason to
// let the packet pass.
//
// Kernel: ip_vs_core.c, ip_vs_schedule (6.1).
func (c *call) schedule(s *sched.Service, h *packet.Header) (*conntrack.Conn, packet.Reason) {
	const portFTPData = 20
	sport, dport, _ := h.Ports(c.p.Data())
	k := conntrack.Key{Family: s.Family, Protocol: h.Protocol, Client: h.Src, CPort: sport, Virtual: h.Dst, VPort: dport}
	if h.Inverse {
		k.Client, k.CPort, k.Virtual, k.VPort = h.Dst, dport, h.Src, sport
	}
	if k.CPort == portFTPData {
		return nil, ReasonFTPData
	}
	if c.ownReply {
		return nil, ReasonOwnReply
	}
	if s.Flags&sched.Persistent != 0 {
		return c.schedulePersistent(s, h, &k)
	}
	if s.FWMark == 0 && k.VPort != s.Port {
		return nil, ReasonNoDest
	}
	dest := c.choose(s, h)
	if dest == nil {
		return nil, ReasonNoDest
	}
	port := dest.Port
	if port == 0 {
		port = k.VPort
	}
	cp := c.newConn(c.shard, &k, dest, port, onePacket(s, h))
	if cp == nil {
		return nil, ReasonMemory
	}
	c.countConn(cp, s)
	return cp, ""
}

// onePacket returns the flag of connections for one packet where the service
// wants them.
func onePacket(s *sched.Service, h *packet.Header) conntrack.Flags {
	if s.Flags&sched.OnePacket != 0 && h.Protocol == packet.ProtoUDP {
		return conntrack.OnePacket
	}
	return 0
}

// choose asks the service's scheduler.
func (c *call) choose(s *sched.Service, h *packet.Header) *sched.Dest {
	r := sched.Request{
		Protocol: h.Protocol, Src: h.Src, Dst: h.Dst, Inverse: h.Inverse,
		Now: c.d.Now(), Packet: c.p,
	}
	r.SrcPort, r.DstPort, _ = h.Ports(c.p.Data())
	return s.Schedule(&r)
}

// checkOwnReply notes whether a packet made on this host replies to a
// connection of a server here: such a packet is never scheduled. It is done
// beforehand because the client is on its other side, in another shard.
//
// Kernel: ip_vs_core.c, ip_vs_schedule (6.1).
func (c *call) checkOwnReply(h *packet.Header) {
	var k conntrack.Key
	turned := *h
	turned.Inverse = !h.Inverse
	if !key(&turned, c.p.Data(), &k) {
		return
	}
	s := c.d.conns.Shard(&k.Client)
	s.Lock()
	c.ownReply = s.In(&k) != nil
	s.Unlock()
}

// newConn makes a connection to a server, in a locked shard.
//
// Kernel: ip_vs_conn.c, ip_vs_conn_new, ip_vs_bind_dest (6.1).
func (c *call) newConn(s *conntrack.Shard, k *conntrack.Key, dest *sched.Dest, port uint16, flags conntrack.Flags) *conntrack.Conn {
	var addr packet.Addr
	if dest != nil {
		addr = dest.Addr
	}
	return c.newConnTo(s, k, dest, addr, port, flags)
}

// newConnTo is newConn where the server's address is given.
func (c *call) newConnTo(s *conntrack.Shard, k *conntrack.Key, dest *sched.Dest, addr packet.Addr, port uint16, flags conntrack.Flags) *conntrack.Conn {
	n := conntrack.New{Key: *k, Dest: addr, DPort: port, Flags: flags}
	if dest != nil {
		n.DestFamily, n.DestID = dest.Family, dest.ID
		n.Flags |= conntrack.Flags(dest.ConnFlags())
		dest.Bind(flags&conntrack.Template != 0, n.Flags&conntrack.Inactive != 0)
	} else {
		n.DestFamily = k.Family
	}
	if n.FTP = isFTP(&n); n.FTP || c.d.set.Conntrack {
		n.Flags |= conntrack.NFCT
	}
	cp := s.New(&n)
	if cp == nil {
		if dest != nil {
			dest.Unbind(flags&conntrack.Template != 0, n.Flags&conntrack.Inactive != 0)
		}
		return nil
	}
	c.changed(ReasonCreated, cp, "ip_vs_conn_new")
	return cp
}

// leave ends a packet for which there is no server: it bypasses the service,
// passes, or its sender is told.
//
// Kernel: ip_vs_core.c, ip_vs_leave (6.1).
func (c *call) leave(s *sched.Service, h *packet.Header) xmit.Verdict {
	const in, portFTP = "ip_vs_leave", 21
	sport, dport, _ := h.Ports(c.p.Data())
	if c.d.set.CacheBypass && s.FWMark != 0 && !h.Inverse && !h.ICMP && c.mayBypass(h) {
		k := conntrack.Key{Family: h.Family, Protocol: h.Protocol, Client: h.Src, CPort: sport, Virtual: h.Dst, VPort: dport}
		cp := c.newConn(c.shard, &k, nil, 0, conntrack.Flags(sched.Bypass)|onePacket(s, h))
		if cp == nil {
			return c.decide(xmit.Drop, ReasonMemory, in)
		}
		c.setState(cp, h.Protocol, h, conntrack.Input)
		v := c.transmit(cp, h, nil)
		cp.InPkts++
		c.shard.Put(cp)
		return c.decide(v, ReasonRequest, in)
	}
	if h.Inverse {
		dport = sport
	}
	if s.Port == portFTP && dport != portFTP {
		return c.decide(xmit.Accept, ReasonFTPNeighbour, in)
	}
	if !h.ICMP {
		c.x.PortUnreachable(c.p)
	}
	return c.decide(xmit.Drop, ReasonNoDest, in)
}

// mayBypass reports whether a packet's destination is such that it may go there
// past its service. Of IPv6 the kernel asks only what kind of address it is, so
// that one of this host will do; the transmitter then drops the packet.
//
// Kernel: ip_vs_core.c, ip_vs_addr_is_unicast; net/ipv6/addrconf_core.c,
// __ipv6_addr_type (6.1).
func (c *call) mayBypass(h *packet.Header) bool {
	if h.Family == packet.IPv4 {
		return c.d.stack.AddrType(h.Family, h.Dst) == xmit.AddrUnicast
	}
	mapped := h.Dst.Word(0)|h.Dst.Word(1) == 0 && h.Dst.Word(2) == 0xffff
	return !h.Dst.IsMulticast(h.Family) && !h.Dst.IsZero() && !mapped
}
