package xmit

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// Way returns the way by which NAT or DR send p to cp's server dest, on another
// host, with nothing to find out and nothing to say to anybody: the one that the
// server remembers, if p may take it. nil where there is none, and with other
// methods.
//
// Kernel: ip_vs_xmit.c, __ip_vs_get_out_rt, __ip_vs_get_out_rt_v6 (6.1).
func Way(s Stack, p *packet.Packet, cp *conntrack.Conn, dest *sched.Dest) *packet.Route {
	if m := sched.Forward(cp.Forward()); m != sched.Masq && m != sched.DRoute {
		return nil
	}
	rt := dest.Route.Load()
	if rt == nil || rt.Gen != s.RouteGen() || rt.Local || fromLoopbackAddr(p) ||
		p.TTL() <= 1 || max(p.Len(), p.FragMax) > rt.MTU {
		return nil
	}
	return rt
}

// Straight is NAT or DR, as the connection has it, by a Way. The packet's
// transport header is whole, and no helper follows the connection. What remains
// is to give the packet to Stack.LocalOut.
//
// Kernel: ip_vs_xmit.c, ip_vs_nat_xmit, ip_vs_dr_xmit and those of IPv6 (6.1).
func Straight(t Tracker, p *packet.Packet, h *packet.Header, cp *conntrack.Conn, rt *packet.Route) {
	p.DecrementTTL()
	p.Route = rt
	if sched.Forward(cp.Forward()) == sched.Masq {
		rewrite(p, h, cp, toServer)
		setDst(p, &cp.Dest)
	} else if p.Family == packet.IPv4 {
		packet.SetIPv4Checksum(p.Data(), 0)
	}
	p.Ours, p.IgnoreDF = true, true
	track(t, p, cp, false)
}
