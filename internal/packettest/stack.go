package packettest

import (
	"goipvs/packet"
	"goipvs/xmit"
)

// Stack is a machine whose interface 2 leads to 10.1.0.0/16 and 2001:db8:1::/48,
// interface 1 to all else. Its fields may be changed between packets.
type Stack struct {
	Local     map[packet.Addr]bool // own addresses
	Gone      map[packet.Addr]bool // addresses without a route
	NoRoute   bool                 // there are no routes at all
	NoReroute bool
	MTU       int
	Gen       uint32 // generation of the routes
	Time      uint32 // milliseconds since midnight

	Drop    bool // keep neither what is sent nor what is asked; then safe for concurrent use
	Out     []*packet.Packet
	Lookups []xmit.RouteFlags // of RouteOutput
	PMTU    []PMTU            // of UpdatePMTU

	// Whole is what Defrag puts a fragment together to; nil: it waits.
	Whole func(p *packet.Packet, at xmit.DefragUser) bool
}

// PMTU is what UpdatePMTU was told.
type PMTU struct {
	Src, Dst packet.Addr
	Proto    uint8
	MTU      int
}

// NewStack returns a machine with these addresses besides 127.0.0.1 and ::1.
func NewStack(local ...string) *Stack {
	s := &Stack{MTU: 1500, Local: map[packet.Addr]bool{}, Gone: map[packet.Addr]bool{}, Time: 0x01234567}
	for _, a := range append(local, "127.0.0.1", "::1", "192.0.2.1", "10.1.0.1", "2001:db8:a::1", "2001:db8:1::1") {
		s.Local[Addr(a)] = true
	}
	return s
}

var (
	src1  = [2]packet.Addr{Addr("192.0.2.1"), Addr("2001:db8:a::1")}
	src2  = [2]packet.Addr{Addr("10.1.0.1"), Addr("2001:db8:1::1")}
	net6  = Addr("2001:db8:1::")
	bcast = Addr("255.255.255.255")
)

// RouteOutput is xmit.Stack's.
func (s *Stack) RouteOutput(f packet.Family, dst packet.Addr, flags xmit.RouteFlags) *packet.Route {
	if !s.Drop {
		s.Lookups = append(s.Lookups, flags)
	}
	return s.route(f, dst, flags)
}

func (s *Stack) route(f packet.Family, dst packet.Addr, flags xmit.RouteFlags) *packet.Route {
	if s.NoRoute || s.Gone[dst] {
		return nil
	}
	rt := &packet.Route{Family: f, OutIf: 1, MTU: s.MTU, Src: src1[f/packet.IPv6], Gen: s.Gen}
	switch {
	case s.Local[dst]:
		rt.Local, rt.OutIf = true, 3
	case f == packet.IPv4 && dst[0] == 10, f == packet.IPv6 && dst.Mask(f, 48) == net6:
		rt.OutIf, rt.Src = 2, src2[f/packet.IPv6]
	}
	if flags&xmit.KnownNextHop != 0 {
		rt.NextHop = dst
	}
	return rt
}

// RouteGen is xmit.Stack's.
func (s *Stack) RouteGen() uint32 { return s.Gen }

// RouteReply is xmit.Stack's.
func (s *Stack) RouteReply(p *packet.Packet, src, dst packet.Addr, tos uint8) *packet.Route {
	if !src.IsZero() && !s.Local[src] {
		return nil
	}
	return s.route(p.Family, dst, 0)
}

// AddrType is xmit.Stack's.
func (s *Stack) AddrType(f packet.Family, a packet.Addr) xmit.AddrType {
	switch {
	case s.Local[a]:
		return xmit.AddrLocal
	case a.IsMulticast(f):
		return xmit.AddrMulticast
	case f == packet.IPv4 && (a.IsZero() || a == bcast):
		return xmit.AddrBroadcast
	case a.IsZero(), f == packet.IPv6 && s.Gone[a]:
		return xmit.AddrInvalid
	}
	return xmit.AddrUnicast
}

// LocalOut is xmit.Stack's.
func (s *Stack) LocalOut(p *packet.Packet) {
	if !s.Drop {
		p.CompleteChecksum()
		q := *p
		s.Out = append(s.Out, &q)
	}
}

// Sent returns what was sent since the last call.
func (s *Stack) Sent() []*packet.Packet {
	out := s.Out
	s.Out = nil
	return out
}

// Reroute is xmit.Stack's.
func (s *Stack) Reroute(*packet.Packet) bool { return !s.NoReroute }

// Defrag is xmit.Stack's.
func (s *Stack) Defrag(p *packet.Packet, at xmit.DefragUser) bool {
	return s.Whole != nil && s.Whole(p, at)
}

// UpdatePMTU is xmit.Stack's.
func (s *Stack) UpdatePMTU(_ packet.Family, src, dst packet.Addr, proto uint8, mtu int) {
	s.PMTU = append(s.PMTU, PMTU{src, dst, proto, mtu})
}

// RandomID is xmit.Stack's.
func (s *Stack) RandomID() uint16 { return 0x1234 }

// Timestamp is xmit.Clock's.
func (s *Stack) Timestamp() uint32 { return s.Time }
