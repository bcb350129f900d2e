package host

import (
	"encoding/binary"

	"goipvs/hooks"
	"goipvs/internal/nfct"
	"goipvs/packet"
)

// Ethernet types.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// receive handles a frame that arrives by d.
//
// Kernel: net/core/dev.c, __netif_receive_skb_core; net/ethernet/eth.c,
// eth_type_trans; drivers/net/veth.c, veth_xmit (6.1).
func (h *Host) receive(d *iface, frame []byte) {
	p := &h.rx
	need := packet.Headroom + max(len(frame)-etherLen, 0)
	if cap(h.rxbuf) < need {
		h.rxbuf = make([]byte, 2*need)
	}
	buf := h.rxbuf[:need]
	if len(frame) >= etherLen {
		copy(buf[packet.Headroom:], frame[etherLen:])
	}
	p.Set(packet.IPv4, buf, packet.Headroom)
	p.Listener = h.listener
	p.InIf = d.index
	typ := 0
	if len(frame) >= etherLen {
		typ = int(binary.BigEndian.Uint16(frame[12:]))
		p.Kind = kindOf(d, [6]byte(frame))
	}
	if typ == etherIPv6 {
		p.Family = packet.IPv6
	}
	if p.Listener != nil {
		p.Listener.Event(p, Received{If: d.name, Type: typ})
	}
	switch {
	case len(frame) < etherLen:
		h.drop(p, ReasonTruncated, "eth_type_trans")
	case !d.up:
		h.drop(p, ReasonDown, "netif_rx")
	case len(frame) > d.mtu+etherLen+vlanLen:
		h.drop(p, ReasonTooLong, "veth_forward_skb")
	case typ == etherARP:
		h.receiveARP(p)
	case typ != etherIPv4 && typ != etherIPv6:
		h.drop(p, ReasonNotIP, "__netif_receive_skb_core")
	case p.Kind == packet.ToOther:
		h.drop(p, ReasonOtherHost, "ip_rcv_core")
	default:
		h.receiveIP(p, d)
	}
}

// kindOf says whom a frame is addressed to.
//
// Kernel: include/linux/etherdevice.h, eth_skb_pkt_type (6.1).
func kindOf(d *iface, mac [6]byte) packet.Kind {
	switch {
	case mac == d.mac:
		return packet.ToHost
	case mac == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}:
		return packet.ToBroadcast
	case mac[0]&1 != 0:
		return packet.ToMulticast
	}
	return packet.ToOther
}

// receiveIP handles a datagram that arrives by d, with what its frame padded
// still there.
//
// Kernel: net/ipv4/ip_input.c, ip_rcv; net/ipv6/ip6_input.c, ipv6_rcv (6.1).
func (h *Host) receiveIP(p *packet.Packet, d *iface) {
	if p.Family == packet.IPv6 {
		h.receive6(p, d)
	} else {
		h.receive4(p, d)
	}
}

// preRouting is netfilter before routing: fragments put together, connections
// tracked, then marks. It reports whether p goes on.
func (h *Host) preRouting(p *packet.Packet, d *iface) bool {
	if h.defragments(p.Family) && !h.netfilterDefrag(p, userPreRouting) {
		return false
	}
	if !h.trackIn(p, true) {
		return false
	}
	if len(h.marks) > 0 {
		h.mark(p, d)
	}
	return true
}

// netfilterDefrag puts a fragment together with others as netfilter's defrag
// hooks do. It reports whether p goes on, whole or because it is no fragment.
//
// Kernel: net/ipv4/netfilter/nf_defrag_ipv4.c, ipv4_conntrack_defrag;
// net/ipv6/netfilter/nf_defrag_ipv6_hooks.c, ipv6_defrag (6.1).
func (h *Host) netfilterDefrag(p *packet.Packet, user fragUser) bool {
	if s := knownState(p); s != nil && s.tracked != (nfct.Ref{}) {
		return true // seen before, and come back by the loopback interface
	}
	if p.Family == packet.IPv6 {
		return h.gather6(p, user)
	}
	if !p.IsFragment() {
		return true
	}
	if !h.gather4(p, user) {
		return false
	}
	p.IgnoreDF = true
	return true
}

// routed passes p on by what input routing found.
func (h *Host) routed(p *packet.Packet, r *inputRoute) {
	switch r.action {
	case deliver:
		if p.Listener != nil {
			p.Listener.Event(p, Routed{Why: ReasonToHost, Route: r.route})
		}
		h.deliver(p)
	case forward:
		if p.Listener != nil {
			p.Listener.Event(p, Routed{Why: ReasonForward, Route: r.route})
		}
		h.forward(p)
	case refuse:
		h.refuse(p, r.err)
	}
}

// deliver takes p to LOCAL_IN and beyond.
//
// Kernel: net/ipv4/ip_input.c, ip_local_deliver; net/ipv6/ip6_input.c,
// ip6_input (6.1).
func (h *Host) deliver(p *packet.Packet) {
	if p.Family == packet.IPv4 && p.IsFragment() && !h.gather4(p, userLocal) {
		return
	}
	if !h.hook(hooks.LocalIn, p) {
		return
	}
	if h.isLinkBusiness(p) {
		h.drop(p, ReasonNeighbourBusiness, "ndisc_rcv")
		return
	}
	if p.Listener != nil {
		p.Listener.Event(p, Delivered{})
	}
	h.sink.Local(p.Data())
}

// isLinkBusiness reports whether p is neighbour discovery or multicast listener
// discovery, which an emulated host has no part in: its neighbours are static.
func (h *Host) isLinkBusiness(p *packet.Packet) bool {
	if p.Family != packet.IPv6 {
		return false
	}
	var hdr packet.Header
	if !p.ParseHeader(&hdr) || hdr.Protocol != packet.ProtoICMPv6 || hdr.FragOff != 0 || p.Len() <= hdr.Len {
		return false
	}
	typ := p.Data()[hdr.Len]
	return typ >= 130 && typ <= 137 || typ == 143
}

// destination returns a packet's destination address.
func destination(p *packet.Packet) (a packet.Addr) {
	if p.Family == packet.IPv6 {
		copy(a[:], p.Data()[24:40])
	} else {
		copy(a[:4], p.Data()[16:20])
	}
	return a
}

// source returns a packet's source address.
func source(p *packet.Packet) (a packet.Addr) {
	if p.Family == packet.IPv6 {
		copy(a[:], p.Data()[8:24])
	} else {
		copy(a[:4], p.Data()[12:16])
	}
	return a
}
