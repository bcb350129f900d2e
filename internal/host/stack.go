package host

import (
	"goipvs/packet"
	"goipvs/xmit"
)

// RouteOutput is xmit.Stack's.
func (h *Host) RouteOutput(f packet.Family, dst packet.Addr, flags xmit.RouteFlags) *packet.Route {
	return nil
}

// RouteGen is xmit.Stack's.
func (h *Host) RouteGen() uint32 { return 0 }

// RouteReply is xmit.Stack's.
func (h *Host) RouteReply(p *packet.Packet, src, dst packet.Addr, tos uint8) *packet.Route {
	return nil
}

// AddrType is xmit.Stack's.
func (h *Host) AddrType(f packet.Family, a packet.Addr) xmit.AddrType { return xmit.AddrInvalid }

// LocalOut is xmit.Stack's.
func (h *Host) LocalOut(p *packet.Packet) {}

// Reroute is xmit.Stack's.
func (h *Host) Reroute(p *packet.Packet) bool { return false }

// Defrag is xmit.Stack's.
func (h *Host) Defrag(p *packet.Packet, at xmit.DefragUser) bool { return false }

// UpdatePMTU is xmit.Stack's.
func (h *Host) UpdatePMTU(f packet.Family, src, dst packet.Addr, proto uint8, mtu int) {}

// RandomID is xmit.Stack's.
func (h *Host) RandomID() uint16 { return 0 }
