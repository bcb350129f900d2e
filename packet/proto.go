package packet

import "strconv"

// Protocol numbers (IANA) that IPVS knows by name.
const (
	ProtoIP     = 0
	ProtoICMP   = 1
	ProtoIPIP   = 4
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoIPv6   = 41
	ProtoGRE    = 47
	ProtoESP    = 50
	ProtoAH     = 51
	ProtoICMPv6 = 58
	ProtoSCTP   = 132
)

// IPv6 extension headers.
const (
	extHopByHop = 0
	extRouting  = 43
	ExtFragment = 44
	extNone     = 59
	extDestOpts = 60
)

// ProtoName returns a protocol's name as IPVS prints it.
//
// Kernel: ip_vs_core.c, ip_vs_proto_name (6.1).
func ProtoName(proto uint8) string {
	switch proto {
	case ProtoIP:
		return "IP"
	case ProtoUDP:
		return "UDP"
	case ProtoTCP:
		return "TCP"
	case ProtoSCTP:
		return "SCTP"
	case ProtoICMP:
		return "ICMP"
	case ProtoICMPv6:
		return "ICMPv6"
	}
	return "IP_" + strconv.Itoa(int(proto))
}
