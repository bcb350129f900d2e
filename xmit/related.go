package xmit

import (
	"encoding/binary"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// ICMP sends an ICMP error about a connection's replies on to the server: with
// NAT rewritten, else by the connection's method. c.Header is the quoted
// packet's; toff is where the ICMP header starts; forwarded says that the packet
// is on its way through this host (hook FORWARD), where no server here is
// supported.
//
// Kernel: ip_vs_xmit.c, ip_vs_icmp_xmit, ip_vs_icmp_xmit_v6 (6.1).
func (x *Context) ICMP(c *Call, toff int, forwarded bool) Verdict {
	p, cp := c.Packet, c.Conn
	if sched.Forward(cp.Forward()) != sched.Masq {
		v := x.Transmit(c)
		cp.InPkts++
		return v
	}
	in := "ip_vs_icmp_xmit"
	if p.Family == packet.IPv6 {
		in = "ip_vs_icmp_xmit_v6"
	}
	m := allowLocal | allowNonLocal | allowRedirect
	if forwarded {
		m = allowNonLocal
	}
	input := p.Route.Input
	rt, at := x.outRoute(p, &c.Header, c.Dest, cp.Family, &cp.Dest, m)
	if at == nowhere {
		return Stolen
	}
	if at == local && loopbackFromElsewhere(p, cp, input) {
		x.drop(p, ReasonLoopback, in, nil)
		return Stolen
	}
	if !translateICMP(p, &c.Header, cp, toServer, toff) {
		x.drop(p, ReasonBadQuote, in, nil)
		return Stolen
	}
	if p.Listener != nil {
		p.Listener.Event(p, Translated{ReasonDNATQuoted, in, cp, cp.Virtual, cp.Dest, cp.VPort, cp.DPort})
	}
	p.IgnoreDF = true
	return x.finish(c, rt, at, in)
}

// SNATICMP rewrites an ICMP error from the server's side for the client. It
// reports false if the packet's headers are cut off.
//
// Kernel: ip_vs_core.c, handle_response_icmp (6.1).
func SNATICMP(p *packet.Packet, quoted *packet.Header, cp *conntrack.Conn, toff int) bool {
	if !translateICMP(p, quoted, cp, toClient, toff) {
		return false
	}
	if p.Listener != nil {
		p.Listener.Event(p, Translated{ReasonSNATQuoted, "handle_response_icmp", cp, cp.Dest, cp.Virtual, cp.DPort, cp.VPort})
	}
	return true
}

// translateICMP rewrites an ICMP error's address and those of the packet that it
// quotes, the quoted IPv4 header's checksum and the ICMP checksum; the quoted
// transport checksum stays. The checksum of ICMPv6 is left to be completed.
//
// Kernel: ip_vs_core.c, ip_vs_nat_icmp, ip_vs_nat_icmp_v6 (6.1).
func translateICMP(p *packet.Packet, q *packet.Header, cp *conntrack.Conn, dir way, toff int) bool {
	b := p.Data()
	need := q.Len
	if q.HasPorts() {
		need += 4
	}
	if len(b) < need {
		return false
	}
	p.Linearize(need)
	if dir == toClient {
		setSrc(p, &cp.Virtual)
		setQuotedDst(b, q, &cp.Virtual)
	} else {
		setDst(p, &cp.Dest)
		setQuotedSrc(b, q, &cp.Dest)
	}
	if p.Family == packet.IPv4 {
		packet.SetIPv4Checksum(b, q.Off)
	}
	if q.HasPorts() {
		if dir == toClient {
			binary.BigEndian.PutUint16(b[q.Len+2:], cp.VPort)
		} else {
			binary.BigEndian.PutUint16(b[q.Len:], cp.DPort)
		}
	}
	setICMPChecksum(p, toff)
	return true
}

func setQuotedDst(b []byte, q *packet.Header, a *packet.Addr) {
	if q.Family == packet.IPv6 {
		copy(b[q.Off+24:], a[:])
	} else {
		copy(b[q.Off+16:], a[:4])
	}
}

func setQuotedSrc(b []byte, q *packet.Header, a *packet.Addr) {
	if q.Family == packet.IPv6 {
		copy(b[q.Off+8:], a[:])
	} else {
		copy(b[q.Off+12:], a[:4])
	}
}

func setICMPChecksum(p *packet.Packet, toff int) {
	b := p.Data()
	m := b[toff:]
	m[2], m[3] = 0, 0
	if p.Family == packet.IPv4 {
		binary.BigEndian.PutUint16(m[2:], packet.Fold(packet.Sum(m, 0)))
		return
	}
	var h packet.Header
	p.ParseHeader(&h)
	binary.BigEndian.PutUint16(m[2:], ^packet.Fold(packet.PseudoSum(packet.IPv6, h.Src, h.Dst, packet.ProtoICMPv6, len(m))))
	p.Partial, p.Check = toff, 2
}

// ICMPChecksumOK reports whether the checksum of an ICMP message is right. For
// IPv4 the kernel sums the IP header, too, which a right checksum makes nothing;
// but one whose options were filled in on receipt (record route) has a wrong one
// until the packet goes on, and the message then counts as wrong.
//
// Kernel: include/net/ip_vs.h, ip_vs_checksum_common_check;
// net/netfilter/utils.c, nf_ip_checksum (6.1).
func ICMPChecksumOK(p *packet.Packet, h *packet.Header) bool {
	if p.TrustsChecksum() {
		return true
	}
	if p.Family == packet.IPv4 {
		return packet.Fold(packet.Sum(p.Data(), 0)) == 0
	}
	b := p.Data()[h.Len:]
	return packet.TransportChecksum(packet.IPv6, h.Src, h.Dst, packet.ProtoICMPv6, b) == 0
}
