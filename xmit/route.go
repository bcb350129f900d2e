package xmit

import (
	"goipvs/packet"
	"goipvs/sched"
)

// mode says which ways a transmitter may take.
//
// Kernel: ip_vs_xmit.c, IP_VS_RT_MODE_* (6.1).
type mode uint8

const (
	allowLocal    mode = 1 << iota // the server may be this host
	allowNonLocal                  // or another
	allowRedirect                  // this host even for a packet to be forwarded
	bindSource                     // look up by the source found, too
	knownNextHop                   // the server is the next hop
	tunnel
)

// Outcome of outRoute.
type where uint8

const (
	nowhere where = iota // the packet was given up; what there was to say was said
	remote
	local
)

func outRouteFunc(f packet.Family) string {
	if f == packet.IPv6 {
		return "__ip_vs_get_out_rt_v6"
	}
	return "__ip_vs_get_out_rt"
}

// outRoute finds the way to a server, or to addr where dest is nil, lowers the
// packet's time to live and checks its size. For a remote server p.Route is the
// way found. The family of the way, that of dest, need not be the packet's.
//
// Kernel: ip_vs_xmit.c, __ip_vs_get_out_rt, __ip_vs_get_out_rt_v6 (6.1).
func (x *Context) outRoute(p *packet.Packet, h *packet.Header, dest *sched.Dest, f packet.Family, addr *packet.Addr, m mode) (*packet.Route, where) {
	in := outRouteFunc(f)
	rt := x.lookup(p, dest, f, addr, m)
	if rt == nil {
		return nil, x.drop(p, ReasonNoRoute, in, func() { x.linkFailure(p) })
	}
	if crossesLocal(p, m, rt.Local) {
		return nil, x.drop(p, ReasonCrossing, in, nil)
	}
	if rt.Local {
		return rt, local
	}
	if p.TTL() <= 1 {
		return nil, x.drop(p, ReasonTTL, in, func() { x.timeExceeded(p) })
	}
	p.DecrementTTL()
	mtu := rt.MTU
	if m&tunnel != 0 {
		if dest == nil {
			return nil, x.drop(p, ReasonNoRoute, in, nil)
		}
		mtu -= tunnelOverhead(f, dest)
		if mtu < minMTU(f) {
			return nil, x.drop(p, ReasonTunnelMTU, in, nil)
		}
	}
	if max(p.Len(), p.FragMax) > mtu && !x.fits(p, h, m, mtu) {
		return nil, nowhere
	}
	if p.Listener != nil {
		p.Listener.Event(p, Fitted{Family: f, Len: p.Len(), MTU: mtu})
	}
	p.Route = rt
	return rt, remote
}

// minMTU is the smallest MTU a tunnel may leave to the packet inside.
func minMTU(f packet.Family) int {
	if f == packet.IPv6 {
		return 1280
	}
	return 68
}

// lookup returns the way that the server remembers, or finds and remembers it.
// What is remembered serves every method: after a change of method the first
// packet may still go the old one's way, as in the kernel.
func (x *Context) lookup(p *packet.Packet, dest *sched.Dest, f packet.Family, addr *packet.Addr, m mode) *packet.Route {
	if dest == nil {
		rt := x.Stack.RouteOutput(f, *addr, 0)
		x.routed(p, dest, rt, false)
		return rt
	}
	if rt := dest.Route.Load(); rt != nil && rt.Gen == x.Stack.RouteGen() {
		x.routed(p, dest, rt, true)
		return rt
	}
	var flags RouteFlags
	if m&knownNextHop != 0 {
		flags |= KnownNextHop
	}
	if m&bindSource != 0 {
		flags |= BindSource
	}
	rt := x.Stack.RouteOutput(f, dest.Addr, flags)
	dest.Route.Store(rt)
	x.routed(p, dest, rt, false)
	return rt
}

func (x *Context) routed(p *packet.Packet, dest *sched.Dest, rt *packet.Route, cached bool) {
	if p.Listener != nil && rt != nil {
		p.Listener.Event(p, Routed{Dest: dest, Route: rt, Cached: cached})
	}
}

// drop reports why a packet is given up, then says so to its sender.
func (x *Context) drop(p *packet.Packet, why packet.Reason, in string, say func()) where {
	x.Dropped = why
	if p.Listener != nil {
		p.Listener.Event(p, Dropped{Why: why, In: in})
	}
	if say != nil {
		say()
	}
	return nowhere
}

// crossesLocal reports whether the way found leads from this host's addresses to
// others' or back where the method doesn't allow it.
//
// Kernel: ip_vs_xmit.c, crosses_local_route_boundary (6.1).
func crossesLocal(p *packet.Packet, m mode, newLocal bool) bool {
	if newLocal {
		return m&allowLocal == 0 || m&allowRedirect == 0 && !p.Route.Local
	}
	return m&allowNonLocal == 0 || fromLoopbackAddr(p)
}

func fromLoopbackAddr(p *packet.Packet) bool {
	b := p.Data()
	if p.Family == packet.IPv4 {
		return b[12] == 127
	}
	return p.FromLoopback() && packet.Addr(b[8:24]).IsLoopback(packet.IPv6)
}

// fits reports whether the packet may go on by a path of that MTU, and tells its
// sender if not.
//
// Kernel: ip_vs_xmit.c, ensure_mtu_is_adequate (6.1).
func (x *Context) fits(p *packet.Packet, h *packet.Header, m mode, mtu int) bool {
	big := p.Len() > mtu && (p.GSOSize == 0 || h.Len-h.Off+transportLen(p, h)+p.GSOSize > mtu)
	if p.Family == packet.IPv6 {
		if p.FragMax != 0 {
			big = p.FragMax > mtu
		}
		if !big {
			return true
		}
		x.tooBig(p, mtu)
		if h.FragOff == 0 && !h.ICMP {
			x.ICMPError(p, icmp6TooBig, 0, uint32(mtu))
		}
		return false
	}
	if m&tunnel != 0 && !x.Settings.PMTUDisc {
		return true
	}
	if !big || h.ICMP || packet.Fragmentation(p.Data(), 0)&packet.FlagDF == 0 {
		return true
	}
	x.tooBig(p, mtu)
	x.ICMPError(p, icmpUnreachable, icmpFragNeeded, uint32(mtu))
	return false
}

func (x *Context) tooBig(p *packet.Packet, mtu int) {
	x.Dropped = ReasonTooBig
	if p.Listener != nil {
		p.Listener.Event(p, Dropped{Why: ReasonTooBig, In: "ensure_mtu_is_adequate", MTU: mtu})
	}
}

// transportLen is the length of a super-packet's transport header.
func transportLen(p *packet.Packet, h *packet.Header) int {
	if b := p.Data(); h.Protocol == packet.ProtoTCP && len(b) > h.Len+12 {
		return int(b[h.Len+12]>>4) * 4
	}
	return packet.SizeUDP
}
