package fuzzer

import (
	"fmt"
	"net/netip"
)

// The world around the director is the one that recorded cases have: clients
// behind a gateway on eth0, servers on eth1, virtual addresses on a dummy
// interface.
const (
	outside = "eth0"
	inside  = "eth1"
	local   = "local"
)

type mac [6]byte

func (m mac) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

var (
	gatewayMAC  = mac{2, 0, 0, 0, 0, 0xfe}
	router      = mac{2, 0, 0, 0, 1, 0xfe} // of the servers' network
	gateway4    = addr("192.0.2.254")
	gateway6    = addr("2001:db8:a::fe")
	router4     = addr("10.1.0.254")
	router6     = addr("2001:db8:1::fe")
	ownOutside  = [2]netip.Addr{addr("192.0.2.1"), addr("2001:db8:a::1")}
	ownInside   = [2]netip.Addr{addr("10.1.0.1"), addr("2001:db8:1::1")}
	loopback    = [2]netip.Addr{addr("127.0.0.1"), addr("::1")}
	onlineAlone = [2]netip.Addr{addr("192.0.2.77"), addr("2001:db8:a::77")} // a client on eth0's own network
	onlineMAC   = mac{2, 0, 0, 0, 0, 77}
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// family is an index into pairs of addresses: 0 is IPv4, 1 IPv6.
type family int

func (f family) v6() bool { return f == 1 }

func familyOf(a netip.Addr) family {
	if a.Is6() {
		return 1
	}
	return 0
}

// client returns the address of client n, from 0.
func client(f family, n int) netip.Addr {
	if f.v6() {
		return addr(fmt.Sprintf("2001:db8:c::%x", n+1))
	}
	return addr(fmt.Sprintf("198.51.100.%d", n%250+1))
}

// farAway returns the address of a router between the director and clients or
// servers.
func farAway(f family, n int) netip.Addr {
	if f.v6() {
		return addr(fmt.Sprintf("2001:db8:dead::%x", n+1))
	}
	return addr(fmt.Sprintf("100.64.0.%d", n%250+1))
}

// virtual returns virtual address n, from 0.
func virtual(f family, n int) netip.Addr {
	if f.v6() {
		return addr(fmt.Sprintf("2001:db8:f::%x", 0x10+n))
	}
	return addr(fmt.Sprintf("203.0.113.%d", 10+n))
}

// realServer returns the address of server n, from 1, on eth1.
func realServer(f family, n int) netip.Addr {
	if f.v6() {
		return addr(fmt.Sprintf("2001:db8:1::%x", 10+n))
	}
	return addr(fmt.Sprintf("10.1.0.%d", 10+n))
}

// beyond returns the address of a server behind the router on eth1.
func beyond(f family, n int) netip.Addr {
	if f.v6() {
		return addr(fmt.Sprintf("2001:db8:77::%x", n))
	}
	return addr(fmt.Sprintf("172.16.0.%d", n))
}

func serverMAC(n int) mac { return mac{2, 0, 0, 0, 1, byte(10 + n)} }

func ownMAC(i int) mac { return mac{2, 0, 0, 0, byte(i), 1} }

// hostPort returns ADDR:PORT as ipvsadm takes it.
func hostPort(a netip.Addr, port uint16) string { return netip.AddrPortFrom(a, port).String() }
