package host

import (
	"net/netip"

	"goipvs/packet"
)

// RouteType is the type of a route.
type RouteType uint8

// The types of routes.
const (
	Unicast RouteType = iota
	LocalRoute
	Unreachable
	Blackhole
	Prohibit
)

// Table numbers of the kernel's own routing tables.
const (
	TableDefault = 253
	TableMain    = 254
	TableLocal   = 255
)

// RouteSpec is a route to add. With no Table it is added to the main one. At
// least one of Via and Dev is given where the type is Unicast.
type RouteSpec struct {
	Dst   netip.Prefix // 0.0.0.0/0 or ::/0: the default route
	Type  RouteType
	Via   netip.Addr // the gateway; the zero Addr: none, the destination is on the link
	Dev   string     // the interface; "": the one on whose link the gateway is
	Table uint32     // 0: main
}

// AddRoute adds a route. Errors: ErrNoDevice, ErrExists, ErrInvalid,
// ErrGateway (the gateway is on no link), ErrDown.
func (h *Host) AddRoute(r RouteSpec) error { return nil }

// RuleSpec is a routing rule to add: packets with the mark and from the source
// (where given) are looked up in the table. As `ip rule add` does, a rule goes
// before all others of its family but the one for the local table.
type RuleSpec struct {
	Family packet.Family
	From   netip.Prefix // the zero Prefix: any
	Mark   uint32       // 0: any
	Table  uint32
}

// AddRule adds a rule. Errors: ErrExists, ErrInvalid.
func (h *Host) AddRule(r RuleSpec) error { return nil }

// MarkRule is a rule of table mangle, chain PREROUTING, that sets a packet's
// mark. Every condition given must hold.
type MarkRule struct {
	Family   packet.Family
	In       string       // the interface; "": any
	Dst      netip.Prefix // the zero Prefix: any
	Protocol uint8        // 0: any
	HasDPort bool         // DPort counts: TCP, and not a later fragment
	DPort    uint16
	Mark     uint32
}

// AddMark appends a rule. In may name an interface that doesn't exist. Errors:
// ErrInvalid.
func (h *Host) AddMark(m MarkRule) error { return nil }

// SetForwarding sets net.ipv4.ip_forward or net.ipv6.conf.all.forwarding.
func (h *Host) SetForwarding(f packet.Family, on bool) {}

// EnableDefrag says that netfilter puts fragments of a family together at
// PREROUTING and LOCAL_OUT, from now on: for IPv6 once the first service or
// server of that family was added (the host also finds out by Hooks.Active),
// for IPv4 where connection tracking is in use, which ip_vs_ftp asks for when a
// server with NAT is added to a service on TCP port 21.
//
// Kernel: nf_defrag_ipv4_enable, nf_defrag_ipv6_enable (6.1).
func (h *Host) EnableDefrag(f packet.Family) {}
