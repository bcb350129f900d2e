package sched

import (
	"fmt"
	"net/netip"

	"goipvs/packet"
)

// String returns the key as ipvsadm lists a service: "TCP 192.0.2.1:80",
// "FWM 7".
func (k ServiceKey) String() string {
	if k.FWMark != 0 {
		if k.Family == packet.IPv6 {
			return fmt.Sprintf("FWM %d IPv6", k.FWMark)
		}
		return fmt.Sprintf("FWM %d", k.FWMark)
	}
	return packet.ProtoName(k.Protocol) + " " + netip.AddrPortFrom(k.Addr.Netip(k.Family), k.Port).String()
}

// String returns the key as address and port.
func (k DestKey) String() string {
	return netip.AddrPortFrom(k.Addr.Netip(k.Family), k.Port).String()
}

// normal returns the key with those fields cleared that do not identify.
func (k ServiceKey) normal() ServiceKey {
	if k.FWMark != 0 {
		return ServiceKey{Family: k.Family, FWMark: k.FWMark}
	}
	return k
}

// equalAddr compares addresses as far as the family goes.
//
// Kernel: include/net/ip_vs.h, ip_vs_addr_equal (6.1).
func equalAddr(f packet.Family, a, b packet.Addr) bool {
	if f == packet.IPv4 {
		return a.V4() == b.V4()
	}
	return a == b
}
