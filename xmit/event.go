package xmit

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// Reasons of the transmitters.
const (
	ReasonNoRoute    packet.Reason = "no-route"           // no way to the server: ICMP host unreachable
	ReasonCrossing   packet.Reason = "crosses-local"      // between this host's and others' addresses where that isn't allowed
	ReasonTTL        packet.Reason = "ttl-expired"        // time to live over: ICMP time exceeded
	ReasonTooBig     packet.Reason = "too-big"            // larger than the path MTU and not to be fragmented
	ReasonTunnelMTU  packet.Reason = "tunnel-mtu-too-low" // the path MTU leaves no room in a tunnel
	ReasonTruncated  packet.Reason = "truncated"          // a header is cut off
	ReasonTracking   packet.Reason = "tracking-clash"     // connection tracking knows another connection with the same addresses
	ReasonHelper     packet.Reason = "helper-refused"     // a helper can't read the segment: checksum wrong or cut off
	ReasonLoopback   packet.Reason = "dnat-to-loopback"   // from elsewhere to 127.0.0.0/8 or ::1
	ReasonBadQuote   packet.Reason = "bad-quoted-header"  // an ICMP error's quoted header changed under us
	ReasonRoute      packet.Reason = "route"              // the way to the server
	ReasonDNAT       packet.Reason = "dnat"               // destination rewritten to the server
	ReasonSNAT       packet.Reason = "snat"               // source rewritten to the virtual service
	ReasonDNATQuoted packet.Reason = "dnat-icmp"          // an ICMP error rewritten for the server
	ReasonSNATQuoted packet.Reason = "snat-icmp"          // an ICMP error rewritten for the client
	ReasonEncap      packet.Reason = "encapsulated"       // wrapped for a tunnelled server
	ReasonSent       packet.Reason = "sent"               // out by LOCAL_OUT
	ReasonLocal      packet.Reason = "local"              // the server is this host: the packet stays
	ReasonFits       packet.Reason = "fits"               // no larger than the path MTU, or may be fragmented
	ReasonICMP       packet.Reason = "icmp-error"         // an ICMP error was made
)

// Why an ICMP error that is due is not sent.
const (
	ReasonICMPUnrouted  packet.Reason = "icmp-unrouted"    // the packet has no route
	ReasonICMPHeader    packet.Reason = "icmp-no-header"   // its header can't be read
	ReasonICMPFragment  packet.Reason = "icmp-fragment"    // about a later fragment
	ReasonICMPBroadcast packet.Reason = "icmp-broadcast"   // about a broadcast or multicast
	ReasonICMPAboutICMP packet.Reason = "icmp-about-error" // about an ICMP error
	ReasonICMPSource    packet.Reason = "icmp-no-source"   // about a packet without a source that can be answered
	ReasonICMPOptions   packet.Reason = "icmp-options"     // its IPv4 options can't be echoed
	ReasonICMPNoWay     packet.Reason = "icmp-no-way"      // no way back, or no address to send from
	ReasonICMPNoRoom    packet.Reason = "icmp-no-room"     // no room to quote the packet
)

// Routed reports the way to a server.
type Routed struct {
	Dest   *sched.Dest // nil: to the packet's own destination
	Route  *packet.Route
	Cached bool // remembered by the server
}

// Reason implements packet.Event.
func (Routed) Reason() packet.Reason { return ReasonRoute }

// Func implements packet.Event.
func (e Routed) Func() string { return outRouteFunc(e.Route.Family) }

// Dropped reports that a transmitter gave a packet up.
type Dropped struct {
	Why packet.Reason
	In  string // the kernel function
	MTU int    // with ReasonTooBig and ReasonTunnelMTU
}

// Reason implements packet.Event.
func (e Dropped) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (e Dropped) Func() string { return e.In }

// Translated reports that addresses and ports were rewritten, in the packet or
// in what an ICMP error quotes.
type Translated struct {
	Why              packet.Reason
	In               string
	Conn             *conntrack.Conn
	Old, New         packet.Addr
	OldPort, NewPort uint16
}

// Reason implements packet.Event.
func (e Translated) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (e Translated) Func() string { return e.In }

// Encapsulated reports a tunnel's outer headers.
type Encapsulated struct {
	Dest     *sched.Dest
	Src, Dst packet.Addr
	Family   packet.Family // of the outer header
	Octets   int           // of all new headers
}

// Reason implements packet.Event.
func (Encapsulated) Reason() packet.Reason { return ReasonEncap }

// Func implements packet.Event.
func (e Encapsulated) Func() string {
	if e.Family == packet.IPv6 {
		return "ip_vs_tunnel_xmit_v6"
	}
	return "ip_vs_tunnel_xmit"
}

// Sent reports where a packet goes after the transmitter: out, or to this host.
type Sent struct {
	Route *packet.Route // nil: stays on this host
	In    string
}

// Reason implements packet.Event.
func (e Sent) Reason() packet.Reason {
	if e.Route == nil {
		return ReasonLocal
	}
	return ReasonSent
}

// Func implements packet.Event.
func (e Sent) Func() string { return e.In }

// Fitted reports that a packet was not too big for its way. Its time to live has
// been lowered by then.
type Fitted struct {
	Family packet.Family // of the way
	Len    int           // of the packet, before any tunnel header
	MTU    int           // what the way leaves to the packet
}

// Reason implements packet.Event.
func (Fitted) Reason() packet.Reason { return ReasonFits }

// Func implements packet.Event.
func (Fitted) Func() string { return "ensure_mtu_is_adequate" }

// Errored reports an ICMP error, made or refused.
type Errored struct {
	Type, Code uint8
	Info       uint32
	Why        packet.Reason  // ReasonICMP, or why it is not sent
	Error      *packet.Packet // nil: none may or can be sent
}

// Reason implements packet.Event.
func (e Errored) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (e Errored) Func() string { return "icmp_send" }
