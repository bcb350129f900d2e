package ipvsadm

import (
	"net/netip"
	"strings"

	"goipvs/packet"
)

// endpoint is an address with a port, both perhaps missing.
type endpoint struct {
	family packet.Family // 0: none yet
	addr   packet.Addr
	port   uint16
}

// parseEndpoint reads "host[:port]" or "[IPv6 address]:port" into e, and reports
// what of it there was; neither means that it is wrong. What isn't there stays
// as it is in e. Port names are proto's.
func (r *run) parseEndpoint(s string, proto uint8, e *endpoint) (addr, port bool) {
	if strings.Trim(s, "0123456789") == "" {
		return false, false
	}
	portText, hasPort := "", false
	if s[0] == '[' {
		host, left, ok := strings.Cut(s[1:], "]")
		if !ok || !strings.HasPrefix(left, ":") {
			return false, false
		}
		s, portText, hasPort = host, left[1:], true
	}
	if a, ok := parse6(s); ok {
		e.addr, e.family = a, packet.IPv6
	} else {
		// The port in brackets goes by the board where there is no IPv6 address
		// in them.
		i := strings.LastIndexByte(s, ':')
		if hasPort = i >= 0; hasPort {
			s, portText = s[:i], s[i+1:]
		}
		a, ok := r.parse4(s)
		if !ok {
			return false, false
		}
		e.addr, e.family = packet.Addr4(a), packet.IPv4
	}
	if !hasPort {
		return true, false
	}
	n, ok := parseNumber(portText, 0, 65535)
	if !ok {
		p, ok := r.names.Port(portText, proto)
		if !ok {
			return false, false
		}
		n = int64(p)
	}
	e.port = uint16(n)
	return true, true
}

// parse6 reads an IPv6 address without a zone.
func parse6(s string) (packet.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is6() || a.Zone() != "" {
		return packet.Addr{}, false
	}
	return packet.Addr(a.As16()), true
}

// parse4 reads an IPv4 address or the name of a host that has one.
func (r *run) parse4(s string) (uint32, bool) {
	if a, ok := inetAton(s); ok {
		return a, true
	}
	if s == "" {
		return 0, false
	}
	a, ok := r.names.Addr(s)
	if !ok || !a.Is4() {
		return 0, false
	}
	v, _ := packet.AddrFrom(a)
	return v.V4(), true
}

// addrText prints an address as inet_ntop does, which unlike netip has IPv4
// addresses in "compatible" ones, too.
func addrText(f packet.Family, a packet.Addr) string {
	if f == packet.IPv6 && a.Word(0)|a.Word(1)|a.Word(2) == 0 && a.Word(3)>>16 != 0 {
		return "::" + packet.Addr4(a.Word(3)).Netip(packet.IPv4).String()
	}
	return a.Netip(f).String()
}
