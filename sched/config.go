package sched

import "goipvs/packet"

// ServiceKey identifies a virtual service: protocol, address and port, or a
// firewall mark. A service with a mark has Protocol, Addr and Port zero.
type ServiceKey struct {
	Family   packet.Family
	Protocol uint8 // packet.ProtoTCP, ProtoUDP or ProtoSCTP
	Addr     packet.Addr
	Port     uint16 // 0: every port not otherwise served
	FWMark   uint32 // 0: none
}

// ServiceFlags are a service's flags, with the numbers of the kernel's
// interface.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_SVC_F_* (6.1).
type ServiceFlags uint32

// The flags of a service.
const (
	Persistent ServiceFlags = 0x0001
	Hashed     ServiceFlags = 0x0002 // the kernel's own: set in all that it reports, ignored in what it is told
	OnePacket  ServiceFlags = 0x0004
	Sched1     ServiceFlags = 0x0008 // sh-fallback, mh-fallback
	Sched2     ServiceFlags = 0x0010 // sh-port, mh-port
	Sched3     ServiceFlags = 0x0020
)

// ServiceConfig is what a service is told to be.
type ServiceConfig struct {
	ServiceKey
	Scheduler string // name, or "none"
	PE        string // persistence engine; "": none
	Flags     ServiceFlags
	Timeout   uint32 // of persistence, in seconds
	Netmask   uint32 // of persistence: IPv4 mask in host order (0xffffffff: each address), IPv6 prefix length 1..128
}

// Forward is a forwarding method, with the numbers of the kernel's interface.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_CONN_F_MASQ and others (6.1).
type Forward uint8

// The forwarding methods.
const (
	Masq      Forward = 0 // NAT
	LocalNode Forward = 1
	Tunnel    Forward = 2
	DRoute    Forward = 3
	Bypass    Forward = 4
)

// String returns the method as ipvsadm lists it.
func (f Forward) String() string {
	switch f {
	case LocalNode:
		return "Local"
	case Tunnel:
		return "Tunnel"
	case DRoute:
		return "Route"
	case Bypass:
		return "Bypass"
	}
	return "Masq"
}

// TunType is how packets for a tunnelled server are wrapped.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_CONN_F_TUNNEL_TYPE_* (6.1).
type TunType uint8

// The tunnel types.
const (
	TunIPIP TunType = 0
	TunGUE  TunType = 1
	TunGRE  TunType = 2
)

// TunFlags say how a tunnel's outer checksum is made; 0 is none.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_TUNNEL_ENCAP_FLAG_* (6.1).
type TunFlags uint16

// The tunnel flags.
const (
	TunCsum    TunFlags = 1
	TunRemCsum TunFlags = 2
)

// DestKey identifies a real server within its service.
type DestKey struct {
	Family packet.Family
	Addr   packet.Addr
	Port   uint16 // 0 with a firewall-mark service: the client's
}

// DestConfig is what a real server is told to be.
type DestConfig struct {
	DestKey
	Forward  Forward
	Weight   int32  // 0: no new connections
	Upper    uint32 // connections at which it takes no more; 0: no limit
	Lower    uint32 // connections below which it takes some again; 0: three quarters of Upper
	TunType  TunType
	TunPort  uint16 // GUE's UDP port
	TunFlags TunFlags
}
