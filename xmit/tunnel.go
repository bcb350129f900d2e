package xmit

import (
	"encoding/binary"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// Header lengths of the tunnels.
const (
	sizeGUE     = 4
	sizeGRE     = 4
	sizeGRECsum = 4
)

// tunnelOverhead is how much the path's MTU is above the inner packet's.
func tunnelOverhead(f packet.Family, d *sched.Dest) int {
	n := packet.SizeIPv4
	if f == packet.IPv6 {
		n = packet.SizeIPv6
	}
	switch d.TunType {
	case sched.TunGUE:
		n += packet.SizeUDP + sizeGUE
	case sched.TunGRE:
		n += sizeGRE
		if d.TunFlags&sched.TunCsum != 0 {
			n += sizeGRECsum
		}
	}
	return n
}

// Tunnel wraps a packet in another to the server: IPIP, GUE or GRE, the outer
// header of the server's family. A server on this host gets the packet bare.
//
// Differs: the remote checksum offload option of GUE needs a checksum left to
// the network card, which a packet here never has; as in the kernel it is then
// left out and only the outer checksum is made.
//
// Kernel: ip_vs_xmit.c, ip_vs_tunnel_xmit, ip_vs_tunnel_xmit_v6 (6.1).
func (x *Context) Tunnel(c *Call) Verdict {
	p, cp := c.Packet, c.Conn
	f := cp.DestFamily
	m := allowLocal | allowNonLocal | tunnel
	in := "ip_vs_tunnel_xmit_v6"
	if f == packet.IPv4 {
		m |= bindSource
		in = "ip_vs_tunnel_xmit"
	}
	rt, at := x.outRoute(p, &c.Header, c.Dest, f, &cp.Dest, m)
	if at == nowhere {
		return Stolen
	}
	if at == local {
		return x.finish(c, rt, at, in)
	}
	if x.Tracker != nil && !x.Tracker.Detach(p, cp.Flags&conntrack.NFCT != 0) {
		x.drop(p, ReasonTracking, in, nil)
		return Stolen
	}
	if p.GSOSize == 0 {
		p.CompleteChecksum()
	}
	inner, fragMax := x.inspect(p), fragMaxOutside(p)
	before := p.Len()
	proto := inner.proto
	switch c.Dest.TunType {
	case sched.TunGUE:
		pushGUE(p, c.Dest, proto, x.flowPort(p))
		if c.Dest.TunFlags&(sched.TunCsum|sched.TunRemCsum) != 0 {
			b := p.Data()
			sum := packet.TransportChecksum(f, rt.Src, cp.Dest, packet.ProtoUDP, b)
			if sum == 0 {
				sum = 0xffff
			}
			binary.BigEndian.PutUint16(b[6:], sum)
		}
		proto = packet.ProtoUDP
	case sched.TunGRE:
		pushGRE(p, c.Dest.TunFlags&sched.TunCsum != 0, proto)
		proto = packet.ProtoGRE
	}
	if f == packet.IPv6 {
		pushIPv6(p, proto, inner, rt.Src, cp.Dest)
	} else {
		x.pushIPv4(p, proto, inner, rt.Src, cp.Dest)
	}
	if p.Family != f {
		p.FragPMTU = p.Family == packet.IPv6 && p.FragMax&fragPMTU != 0
		p.FragMax = fragMax
	}
	p.Family = f
	if p.Listener != nil {
		p.Listener.Event(p, Encapsulated{c.Dest, rt.Src, cp.Dest, f, p.Len() - before})
	}
	return x.finish(c, rt, at, in)
}

// Flags of an IPv4 packet's notes. The kernel keeps there, in an IPv6 packet's,
// how large its largest fragment was.
//
// Kernel: struct inet_skb_parm and inet6_skb_parm (6.1), which share their place.
const (
	forwarded = 1 << 0 // IPSKB_FORWARDED
	fragPMTU  = 1 << 6 // IPSKB_FRAG_PMTU
)

// fragMaxOutside is how large fragments of a packet were once it is wrapped in
// one of the other family: the kernel reads another field of its notes, then.
// IPv6 in IPv4 finds none; IPv4 in IPv6 finds the flags, of which one stands
// for fragments that all said don't fragment, and another for what is being
// forwarded.
//
// Kernel: struct inet_skb_parm and inet6_skb_parm (6.1), which share their place.
func fragMaxOutside(p *packet.Packet) int {
	if p.Family == packet.IPv6 {
		return 0
	}
	flags := 0
	if p.FragMax != 0 && packet.Fragmentation(p.Data(), 0)&packet.FlagDF != 0 {
		flags = fragPMTU
	}
	if p.InIf != 0 && p.OutIf != 0 { // at FORWARD
		flags |= forwarded
	}
	return flags
}

// inner is what the outer header takes from the packet inside.
type inner struct {
	proto uint8
	tos   uint8
	ttl   uint8
	df    bool
}

// inspect reads the packet about to be wrapped; an IPv4 header's checksum is
// made right first.
//
// Kernel: ip_vs_xmit.c, ip_vs_prepare_tunneled_skb (6.1).
func (x *Context) inspect(p *packet.Packet) inner {
	b := p.Data()
	if p.Family == packet.IPv6 {
		tos := byte(binary.BigEndian.Uint16(b) >> 4)
		return inner{proto: packet.ProtoIPv6, tos: encapsulateECN(tos), ttl: b[7]}
	}
	packet.SetIPv4Checksum(b, 0)
	df := x.Settings.PMTUDisc && packet.Fragmentation(b, 0)&packet.FlagDF != 0
	return inner{proto: packet.ProtoIPIP, tos: encapsulateECN(b[1]), ttl: b[8], df: df}
}

// encapsulateECN is the outer header's service field (RFC 3168 §9.1.1, full
// functionality): congestion experienced inside becomes ECN-capable (0) outside.
//
// Kernel: include/net/inet_ecn.h, INET_ECN_encapsulate (6.1).
func encapsulateECN(tos byte) byte {
	if tos&3 == 3 {
		return tos&^3 | 2
	}
	return tos
}

func pushGUE(p *packet.Packet, d *sched.Dest, proto uint8, sport uint16) {
	b := p.Push(packet.SizeUDP + sizeGUE)
	binary.BigEndian.PutUint16(b[0:], sport)
	binary.BigEndian.PutUint16(b[2:], d.TunPort)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[6:], 0)
	b[8], b[9], b[10], b[11] = 0, proto, 0, 0 // version 0, data, no options
}

// flowPort is GUE's source port: the same for a flow, spread over 32768 to 60999,
// the kernel's default range of local ports, as udp_flow_src_port does it.
func (x *Context) flowPort(p *packet.Packet) uint16 {
	const lowest, highest = 32768, 60999
	var h packet.Header
	p.ParseHeader(&h)
	src, dst, _ := h.Ports(p.Data())
	hash := uint32(2166136261)
	add := func(v uint32) { hash = (hash ^ v) * 16777619 }
	for i := range 4 {
		add(h.Src.Word(i))
		add(h.Dst.Word(i))
	}
	if h.HasPorts() {
		add(uint32(src)<<16 | uint32(dst))
	}
	hash ^= hash << 16
	return uint16(uint64(hash)*(highest-lowest)>>32) + lowest
}

// pushGRE prepends a GRE header (RFC 2784).
func pushGRE(p *packet.Packet, csum bool, proto uint8) {
	etherType := uint16(0x0800)
	if proto == packet.ProtoIPv6 {
		etherType = 0x86dd
	}
	if !csum {
		b := p.Push(sizeGRE)
		binary.BigEndian.PutUint16(b, 0)
		binary.BigEndian.PutUint16(b[2:], etherType)
		return
	}
	b := p.Push(sizeGRE + sizeGRECsum)
	binary.BigEndian.PutUint16(b, 0x8000)
	binary.BigEndian.PutUint16(b[2:], etherType)
	binary.BigEndian.PutUint32(b[4:], 0)
	sum := packet.Fold(packet.Sum(b, 0))
	if sum == 0 {
		sum = 0xffff // the kernel completes it as it does UDP's
	}
	binary.BigEndian.PutUint16(b[4:], sum)
}

func (x *Context) pushIPv4(p *packet.Packet, proto uint8, in inner, src, dst packet.Addr) {
	// The kernel gives no identification to what is never fragmented.
	id, frag := uint16(0), uint16(packet.FlagDF)
	if !in.df {
		id, frag = x.Stack.RandomID(), 0
	} else if p.IgnoreDF {
		id = x.Stack.RandomID()
	}
	b := p.Push(packet.SizeIPv4)
	b[0], b[1] = 0x45, in.tos
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], frag)
	b[8], b[9] = in.ttl, proto
	copy(b[12:16], src[:4])
	copy(b[16:20], dst[:4])
	packet.SetIPv4Checksum(b, 0)
}

func pushIPv6(p *packet.Packet, proto uint8, in inner, src, dst packet.Addr) {
	n := p.Len()
	b := p.Push(packet.SizeIPv6)
	binary.BigEndian.PutUint32(b, 6<<28|uint32(in.tos)<<20)
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	b[6], b[7] = proto, in.ttl
	copy(b[8:24], src[:])
	copy(b[24:40], dst[:])
}
