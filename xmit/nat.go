package xmit

import (
	"encoding/binary"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// Call is a packet on its way to a server: what the transmitters need.
type Call struct {
	Packet *packet.Packet
	Header packet.Header // of the packet, or of what an ICMP error quotes
	Conn   *conntrack.Conn
	Shard  *conntrack.Shard // Conn's, locked
	Dest   *sched.Dest      // Conn's; nil if it has none

	Mangler Mangler // usually nil
}

// Mangler is a helper that reads and changes what a connection carries.
type Mangler interface {
	// Mangle is called before NAT rewrites a request. It reports false if the
	// packet must be dropped.
	Mangle(c *conntrack.Conn) bool
}

// Transmit sends a packet on by the connection's method.
//
// Kernel: ip_vs_conn.c, ip_vs_bind_xmit (6.1).
func (x *Context) Transmit(c *Call) Verdict {
	switch sched.Forward(c.Conn.Forward()) {
	case sched.Masq:
		return x.NAT(c)
	case sched.Tunnel:
		return x.Tunnel(c)
	case sched.DRoute:
		return x.DR(c)
	case sched.Bypass:
		return x.Bypass(c)
	}
	return x.Null(c)
}

// NAT rewrites the destination to the server and sends the packet there. A
// server on this host gets it here: the packet is accepted.
//
// Kernel: ip_vs_xmit.c, ip_vs_nat_xmit, ip_vs_nat_xmit_v6 (6.1).
func (x *Context) NAT(c *Call) Verdict {
	p, h, cp := c.Packet, &c.Header, c.Conn
	in := natFunc(p.Family)
	if cp.Flags&conntrack.NoCPort != 0 && h.FragOff == 0 {
		sport, _, ok := h.Ports(p.Data())
		if !ok {
			x.drop(p, ReasonTruncated, in, nil)
			return Stolen
		}
		c.Shard.FillCPort(cp, sport)
	}
	input := p.Route.Input
	rt, at := x.outRoute(p, h, c.Dest, cp.Family, &cp.Dest, allowLocal|allowNonLocal|allowRedirect)
	if at == nowhere {
		return Stolen
	}
	if at == local && loopbackFromElsewhere(p, cp, input) {
		x.drop(p, ReasonLoopback, in, nil)
		return Stolen
	}
	if c.Mangler != nil && !c.Mangler.Mangle(cp) {
		x.drop(p, ReasonHelper, in, nil)
		return Stolen
	}
	if h.FragOff == 0 && !rewrite(p, h, cp, toServer) {
		x.drop(p, ReasonTruncated, in, nil)
		return Stolen
	}
	setDst(p, &cp.Dest)
	if p.Listener != nil {
		p.Listener.Event(p, Translated{ReasonDNAT, in, cp, cp.Virtual, cp.Dest, cp.VPort, cp.DPort})
	}
	p.IgnoreDF = true
	return x.finish(c, rt, at, in)
}

func natFunc(f packet.Family) string {
	if f == packet.IPv6 {
		return "ip_vs_nat_xmit_v6"
	}
	return "ip_vs_nat_xmit"
}

// loopbackFromElsewhere reports a packet from another host that would go to a
// loopback address.
func loopbackFromElsewhere(p *packet.Packet, cp *conntrack.Conn, input bool) bool {
	if p.Family == packet.IPv4 {
		return input && cp.Dest.IsLoopback(packet.IPv4)
	}
	return !p.FromLoopback() && cp.Dest.IsLoopback(packet.IPv6)
}

// finish sends a packet that is ready out, or leaves it to this host.
//
// Kernel: ip_vs_xmit.c, ip_vs_send_or_cont, ip_vs_nat_send_or_cont (6.1).
func (x *Context) finish(c *Call, rt *packet.Route, at where, in string) Verdict {
	p := c.Packet
	p.Ours = true
	track(x.Tracker, p, c.Conn, c.Mangler != nil)
	if at == local {
		rt = nil
	}
	if p.Listener != nil {
		p.Listener.Event(p, Sent{Route: rt, In: in})
	}
	if at == local {
		return Accept
	}
	p.IgnoreDF = true
	x.send(p)
	return Stolen
}

// SNAT rewrites a reply's source to the virtual service. It reports false if the
// packet's headers are cut off.
//
// Kernel: ip_vs_core.c, handle_response (6.1).
func SNAT(p *packet.Packet, h *packet.Header, cp *conntrack.Conn) bool {
	if h.FragOff == 0 && !rewrite(p, h, cp, toClient) {
		if p.Listener != nil {
			p.Listener.Event(p, Dropped{Why: ReasonTruncated, In: "handle_response"})
		}
		return false
	}
	setSrc(p, &cp.Virtual)
	if p.Listener != nil {
		p.Listener.Event(p, Translated{ReasonSNAT, "handle_response", cp, cp.Dest, cp.Virtual, cp.DPort, cp.VPort})
	}
	return true
}

// way is a packet's direction through NAT.
type way bool

const (
	toServer way = false
	toClient way = true
)

// rewrite changes the port and the checksum of the transport header for the
// addresses that are about to change. Checksums are adjusted, not verified: a
// wrong one stays wrong; but a missing UDP checksum is filled in.
//
// Kernel: ip_vs_proto_tcp.c, tcp_dnat_handler, tcp_snat_handler, and those of
// UDP and SCTP (6.1).
func rewrite(p *packet.Packet, h *packet.Header, cp *conntrack.Conn, dir way) bool {
	b := p.Data()[min(h.Len, p.Len()):]
	linearize(p, h.Len, h.Protocol)
	at, old, new, oldPort, newPort := 2, &cp.Virtual, &cp.Dest, cp.VPort, cp.DPort
	if dir == toClient {
		at, old, new, oldPort, newPort = 0, new, old, newPort, oldPort
	}
	switch h.Protocol {
	case packet.ProtoTCP:
		if len(b) < packet.SizeTCP {
			return false
		}
		binary.BigEndian.PutUint16(b[at:], newPort)
		if p.Partial != 0 {
			adjustPartial(b[16:], p.Family, old, new)
		} else {
			adjust(b[16:], p.Family, old, new, oldPort, newPort)
		}
	case packet.ProtoUDP:
		if len(b) < packet.SizeUDP {
			return false
		}
		binary.BigEndian.PutUint16(b[at:], newPort)
		if p.Partial != 0 {
			adjustPartial(b[6:], p.Family, old, new)
			return true
		}
		sum := binary.BigEndian.Uint16(b[6:])
		if sum != 0 {
			sum = packet.UpdateAddr(p.Family, sum, old, new, oldPort, newPort)
		} else if dir == toServer {
			sum = packet.TransportChecksum(p.Family, cp.Client, cp.Dest, h.Protocol, b)
		} else {
			sum = packet.TransportChecksum(p.Family, cp.Virtual, cp.Client, h.Protocol, b)
		}
		if sum == 0 {
			sum = 0xffff
		}
		binary.BigEndian.PutUint16(b[6:], sum)
	case packet.ProtoSCTP:
		if len(b) < packet.SizeSCTP {
			return false
		}
		if binary.BigEndian.Uint16(b[at:]) != newPort {
			binary.BigEndian.PutUint16(b[at:], newPort)
			packet.SetSCTPChecksum(b)
		}
	}
	return true
}

// linearize notes that a transport header at off is made writable.
func linearize(p *packet.Packet, off int, proto uint8) {
	switch proto {
	case packet.ProtoTCP:
		off += packet.SizeTCP
	case packet.ProtoUDP:
		off += packet.SizeUDP
	case packet.ProtoSCTP:
		off += packet.SizeSCTP
	}
	p.Linearize(off)
}

func adjust(check []byte, f packet.Family, old, new *packet.Addr, oldPort, newPort uint16) {
	c := binary.BigEndian.Uint16(check)
	binary.BigEndian.PutUint16(check, packet.UpdateAddr(f, c, old, new, oldPort, newPort))
}

// adjustPartial is adjust for the sum of the pseudo header alone, which isn't
// complemented and has no ports.
//
// Kernel: ip_vs_proto_tcp.c, tcp_partial_csum_update (6.1).
func adjustPartial(sum []byte, f packet.Family, old, new *packet.Addr) {
	s := binary.BigEndian.Uint16(sum)
	binary.BigEndian.PutUint16(sum, ^packet.UpdateAddr(f, ^s, old, new, 0, 0))
}

func setDst(p *packet.Packet, a *packet.Addr) {
	if b := p.Data(); p.Family == packet.IPv6 {
		copy(b[24:40], a[:])
	} else {
		copy(b[16:20], a[:4])
		packet.SetIPv4Checksum(b, 0)
	}
}

func setSrc(p *packet.Packet, a *packet.Addr) {
	if b := p.Data(); p.Family == packet.IPv6 {
		copy(b[8:24], a[:])
	} else {
		copy(b[12:16], a[:4])
		packet.SetIPv4Checksum(b, 0)
	}
}
