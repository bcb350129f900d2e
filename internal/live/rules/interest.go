package rules

import "goipvs/packet"

// Endpoint is a protocol's port at an address, or with port 0 all of them.
type Endpoint struct {
	Protocol uint8
	Addr     packet.Addr
	Port     uint16
}

// Interest is which packets of a family can concern IPVS.
type Interest struct {
	Requests map[Endpoint]struct{} // destinations: virtual services
	Replies  map[Endpoint]struct{} // sources: real servers, and what they answer as
	Marks    map[uint32]struct{}   // firewall-mark services

	// NoTrack keeps the kernel's connection tracking away from what IPVS
	// handles (net.ipv4.vs.conntrack=0).
	NoTrack bool
	// IgnoreTunneled lets packets that come in a tunnel for this host pass
	// IPVS, also once they are unwrapped (net.ipv4.vs.ignore_tunneled=1).
	IgnoreTunneled bool
}

// NewInterest returns an interest in ICMP errors alone.
func NewInterest() *Interest {
	return &Interest{
		Requests: map[Endpoint]struct{}{},
		Replies:  map[Endpoint]struct{}{},
		Marks:    map[uint32]struct{}{},
	}
}

// Delta is what came and went between two interests of one family.
type Delta struct{ Added, Gone *Interest }
