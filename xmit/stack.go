package xmit

import "goipvs/packet"

// RouteFlags qualify a route lookup.
type RouteFlags uint8

// The flags of a route lookup.
const (
	// KnownNextHop: the destination of the lookup is the neighbour to send to,
	// whatever the packet says (FLOWI_FLAG_KNOWN_NH). The route's NextHop is
	// then never zero.
	KnownNextHop RouteFlags = 1 << iota
	// BindSource: with the source found, look up again, so that rules about the
	// source apply (IP_VS_RT_MODE_CONNECT; IPv4 only).
	BindSource
)

// AddrType is what an address is to this host.
//
// Kernel: net/ipv4/fib_frontend.c, inet_addr_type; ipv6_addr_type with a route
// lookup (6.1).
type AddrType uint8

// The address types.
const (
	AddrUnicast   AddrType = iota // somebody else's
	AddrLocal                     // this host's
	AddrBroadcast                 // of a network, or 0.0.0.0 and 255.255.255.255
	AddrMulticast
	AddrInvalid // unspecified, or not routable at all (blackhole, …)
)

// Stack is what the hooks and transmitters need of the machine they run on.
// internal/host emulates one, internal/live is the real one. Its methods are
// called from the goroutine that handles the packet, with the packet as it is;
// they keep neither packet nor data unless said.
type Stack interface {
	// RouteOutput finds the route of a packet of this host to dst, as with no
	// source, mark or interface given. It returns nil where there is none
	// (unreachable, blackhole, prohibit or nothing at all).
	// Kernel: ip_route_output_key, ip6_route_output.
	RouteOutput(f packet.Family, dst packet.Addr, flags RouteFlags) *packet.Route

	// RouteGen is the generation of the routing tables: a Route with another
	// Gen has to be found anew.
	RouteGen() uint32

	// RouteReply finds the route of an ICMP error from src to dst about p, with
	// src zero where the host is to choose: the result's Src then says which.
	// It returns nil where there is none, or src is none of this host's
	// addresses. Kernel: icmp_route_lookup, icmpv6_route_lookup.
	RouteReply(p *packet.Packet, src, dst packet.Addr, tos uint8) *packet.Route

	// AddrType says what an address is to this host.
	AddrType(f packet.Family, a packet.Addr) AddrType

	// LocalOut sends p into LOCAL_OUT by p.Route: through its hooks, to
	// POSTROUTING, out. Its checksum may be Partial, and it a super-packet. The
	// Stack then owns p and its data. No lock of the
	// director is held meanwhile, so LocalOut may call its hooks.
	// Kernel: NF_HOOK(NF_INET_LOCAL_OUT) with dst_output, ip_local_out.
	LocalOut(p *packet.Packet)

	// Reroute finds p's route anew after its source changed, as for a packet of
	// this host. It reports false where there is none.
	// Kernel: ip_route_me_harder, ip6_route_me_harder.
	Reroute(p *packet.Packet) bool

	// Defrag puts an IPv4 fragment together with those before it. It reports
	// true when p is the whole datagram now; else the Stack has kept p.
	// Kernel: ip_defrag.
	Defrag(p *packet.Packet, at DefragUser) bool

	// UpdatePMTU lowers the path MTU to dst, as after "fragmentation needed".
	// mtu 0 means that the error named none.
	// Kernel: ipv4_update_pmtu.
	UpdatePMTU(f packet.Family, src, dst packet.Addr, proto uint8, mtu int)

	// RandomID is an identification for an IPv4 header made here.
	RandomID() uint16
}

// DefragUser keeps fragments that meet at different hooks apart.
//
// Kernel: include/net/ip.h, IP_DEFRAG_VS_IN and others (6.1).
type DefragUser uint8

// The users of reassembly.
const (
	DefragIn DefragUser = iota
	DefragOut
	DefragForward
)

// Verdict is what becomes of a packet at a hook.
type Verdict uint8

// The verdicts. With Stolen the packet is no longer the caller's: it was sent
// elsewhere, is kept for reassembly, or was dropped by a transmitter.
const (
	Accept Verdict = iota
	Drop
	Stolen
)

// String returns the verdict as netfilter names it.
func (v Verdict) String() string {
	switch v {
	case Drop:
		return "DROP"
	case Stolen:
		return "STOLEN"
	}
	return "ACCEPT"
}
