package host

import (
	"encoding/binary"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

// sendRaw is a raw socket's send with the header included.
//
// Kernel: net/ipv4/raw.c, raw_send_hdrinc; net/ipv6/raw.c, rawv6_send_hdrinc
// (6.1).
func (h *Host) sendRaw(b []byte) error {
	if len(b) == 0 {
		return ErrInvalid
	}
	f := packet.Family(b[0] >> 4)
	if h.fib(f) == nil || f == packet.IPv4 && len(b) < packet.SizeIPv4 || f == packet.IPv6 && len(b) < packet.SizeIPv6 {
		return ErrInvalid
	}
	buf := make([]byte, packet.Headroom+len(b))
	copy(buf[packet.Headroom:], b)
	p := new(packet.Packet)
	p.Set(f, buf, packet.Headroom)
	p.Listener = h.listener
	fl := flow{family: f, dst: destination(p), known: true}
	if f == packet.IPv6 && fl.dst.IsZero() {
		fl.dst[15] = 1 // as the sockets of BSD have it (rawv6_sendmsg)
	}
	rt, err := h.route(&fl)
	if err != nil {
		return err
	}
	if len(b) > h.ifaces[rt.OutIf].mtu {
		return ErrMessageSize
	}
	p.Route, p.OutIf = rt, rt.OutIf
	if f == packet.IPv4 {
		if err := h.completeRaw(p.Data(), rt); err != nil {
			return err
		}
	}
	if p.Listener != nil {
		p.Listener.Event(p, Sending{Route: rt})
	}
	h.localOut(p)
	return nil
}

// completeRaw fills in what a raw socket leaves to the kernel in an IPv4 header:
// length and checksum always, source and identification if they are zero.
func (h *Host) completeRaw(b []byte, rt *packet.Route) error {
	ihl := int(b[0]&0xf) * 4
	if ihl < packet.SizeIPv4 || ihl > len(b) {
		return ErrInvalid
	}
	if binary.BigEndian.Uint32(b[12:]) == 0 {
		copy(b[12:16], rt.Src[:4])
	}
	if binary.BigEndian.Uint16(b[4:]) == 0 {
		binary.BigEndian.PutUint16(b[4:], h.RandomID())
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	packet.SetIPv4Checksum(b, 0)
	return nil
}

// route finds the way of a packet of this host.
func (h *Host) route(fl *flow) (*packet.Route, error) {
	if fl.family == packet.IPv6 {
		return h.output6(fl)
	}
	return h.output4(fl)
}

// LocalOut is xmit.Stack's.
//
// Kernel: NF_HOOK(NF_INET_LOCAL_OUT) with dst_output.
func (h *Host) LocalOut(p *packet.Packet) {
	p.CompleteChecksum()
	if p.Route == nil {
		h.drop(p, ReasonNoRoute, "dst_output")
		return
	}
	if !p.Ours && p.InIf == 0 {
		h.sendError(p)
		return
	}
	h.localOut(p)
}

// localOut takes p, which has a route, to LOCAL_OUT and out.
func (h *Host) localOut(p *packet.Packet) {
	p.OutIf = p.Route.OutIf
	if h.defragments(p.Family) && !h.netfilterDefrag(p, userLocalOut) {
		return
	}
	if !h.trackIn(p, false) {
		return
	}
	if h.hook(hooks.LocalOut, p) {
		h.output(p, false)
	}
}

// output takes p to POSTROUTING and out by its route. forwarded says that the
// packet is not this host's.
//
// Kernel: net/ipv4/ip_output.c, ip_output, ip_mc_output; net/ipv6/ip6_output.c,
// ip6_output (6.1).
func (h *Host) output(p *packet.Packet, forwarded bool) {
	rt := p.Route
	if rt == nil || rt.Local && rt.Input {
		h.drop(p, ReasonNoRoute, "ip_rt_bug")
		return
	}
	d := h.ifaces[rt.OutIf]
	p.OutIf = rt.OutIf
	if d.kind != loopback {
		p.CompleteChecksum()
	}
	if !h.trackOut(p) {
		return
	}
	if p.Family == packet.IPv6 {
		if !d.has6() {
			h.drop(p, ReasonNoIPv6, "ip6_output")
			return
		}
		h.output6th(p, d, forwarded)
		return
	}
	dst := destination(p)
	multicast := dst.IsMulticast(packet.IPv4)
	if rt.Local && d.kind != loopback {
		h.loop(h.keep(p), d) // a broadcast or multicast for this host, too
	}
	if multicast && p.TTL() == 0 && rt.Local {
		h.drop(p, ReasonTTL, "ip_mc_output")
		return
	}
	mtu := h.outMTU(p, forwarded)
	if p.Len() > mtu || p.FragMax != 0 {
		h.fragment4(p, d, mtu)
		return
	}
	h.finish(p, d)
}

// outMTU is the MTU that p is fragmented to.
//
// Kernel: include/net/ip.h, ip_skb_dst_mtu (6.1).
func (h *Host) outMTU(p *packet.Packet, forwarded bool) int {
	rt := p.Route
	if forwarded && !rt.Input && rt.MTU != h.ifaces[rt.OutIf].mtuFor(p.Family) {
		// A path MTU that was learnt is for this host's own packets, unless it
		// is locked.
		if e, err := h.v4.lookup(&flow{family: packet.IPv4, dst: destination(p), src: source(p), mark: p.Mark}, h.gen); err == nil {
			if x := h.exception(e, destination(p)); x != nil {
				return x.forwardMTU(e)
			}
		}
	}
	return rt.MTU
}

// finish sends p, which fits, by d.
func (h *Host) finish(p *packet.Packet, d *iface) {
	if d.kind == loopback {
		h.loop(h.keep(p), d)
		return
	}
	h.sendTo(p, d)
}

// loop lets p arrive at this host by d, once what is being done is done. By the
// loopback interface it keeps its route; what arrives back by another is no
// longer addressed to this host alone.
//
// Kernel: drivers/net/loopback.c, loopback_xmit; net/core/dev.c,
// dev_loopback_xmit (6.1).
func (h *Host) loop(p *packet.Packet, d *iface) {
	if p.Listener != nil {
		p.Listener.Event(p, Looped{If: d.name})
	}
	p.InIf, p.OutIf, p.Loopback = d.index, 0, d.kind == loopback
	if d.kind != loopback {
		p.Kind = packet.ToBroadcast
	}
	h.looped = append(h.looped, p)
}

// RouteOutput is xmit.Stack's.
//
// Kernel: net/netfilter/ipvs/ip_vs_xmit.c, do_output_route4,
// __ip_vs_route_output_v6 (6.1).
func (h *Host) RouteOutput(f packet.Family, dst packet.Addr, flags xmit.RouteFlags) *packet.Route {
	fl := flow{family: f, dst: dst, known: flags&xmit.KnownNextHop != 0}
	rt, err := h.route(&fl)
	if err != nil {
		return nil
	}
	if f == packet.IPv4 && flags&xmit.BindSource != 0 && !rt.Src.IsZero() {
		src := rt.Src
		fl.src = src
		if rt, err = h.route(&fl); err != nil {
			return nil
		}
		if rt.Src != src {
			c := *rt
			c.Src = src
			rt = &c
		}
	}
	if f == packet.IPv6 && rt.Src.IsZero() {
		return nil
	}
	return rt
}
