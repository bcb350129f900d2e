package host

import (
	"encoding/binary"

	"goipvs/packet"
)

// check4 checks an IPv4 datagram as received and cuts off padding. It returns
// why not to take it, or "".
//
// Kernel: net/ipv4/ip_input.c, ip_rcv_core (6.1).
func check4(p *packet.Packet) packet.Reason {
	b := p.Data()
	if len(b) < packet.SizeIPv4 {
		return ReasonTruncated
	}
	ihl := int(b[0]&0xf) * 4
	if b[0]>>4 != 4 || ihl < packet.SizeIPv4 {
		return ReasonHeader
	}
	if len(b) < ihl {
		return ReasonTruncated
	}
	if packet.Fold(packet.Sum(b[:ihl], 0)) != 0 {
		return ReasonChecksum
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if len(b) < n {
		return ReasonTruncated
	}
	if n < ihl {
		return ReasonHeader
	}
	p.Trim(n)
	return ""
}

// receive4 handles an IPv4 datagram that arrives by d. One from the loopback
// interface was routed when it was sent.
//
// Kernel: net/ipv4/ip_input.c, ip_rcv, ip_rcv_finish_core (6.1).
func (h *Host) receive4(p *packet.Packet, d *iface) {
	if why := check4(p); why != "" {
		h.drop(p, why, "ip_rcv_core")
		return
	}
	p.Origin, p.FragMax, p.FragPMTU, p.OutIf = arrived(p), 0, false, 0
	if !h.preRouting(p, d) {
		return
	}
	r := inputRoute{action: deliver, route: p.Route}
	if p.Route == nil {
		earlyDemux(p)
		r = h.input4(source(p), destination(p), p.Mark, p.Data()[9], d)
	}
	if r.action == discard {
		h.drop(p, r.why, "ip_route_input_slow")
		return
	}
	p.Route = r.route
	if p.Data()[0]&0xf > 5 && !h.receiveOptions(p, d) {
		return
	}
	h.routed(p, &r)
}

// earlyDemux is the look for a socket before routing. There is none; but the
// look takes the TCP header of a datagram that netfilter put together out of the
// pieces that it was spread over.
//
// Kernel: net/ipv4/tcp_ipv4.c, tcp_v4_early_demux (6.1).
func earlyDemux(p *packet.Packet) {
	s := knownState(p)
	if s == nil || len(s.pieces) == 0 || p.Kind != packet.ToHost || p.Data()[9] != packet.ProtoTCP {
		return
	}
	p.Linearize(int(p.Data()[0]&0xf)*4 + packet.SizeTCP)
}
