package xmit_test

import (
	"testing"

	"goipvs/conntrack"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

var direct = sched.DestConfig{Forward: sched.DRoute}

// Features: X2.
func TestDR(t *testing.T) {
	later := to6
	later.Ext = []packettest.Ext{packettest.FragmentHeader(1280, false, 9)}
	plays(t, "dr", []scene{
		{name: "TCP v4", packet: to4.TCP(1024, 80, packettest.SYN, nil), dest: direct},
		{name: "TCP v6", packet: to6.TCP(1024, 80, packettest.SYN, nil), dest: direct},
		{name: "checksums are not looked at, but IP's is made right", packet: packettest.Change(packettest.Change(to4.TCP(1024, 80, 0, nil), 36, 0xde, 0xad), 10, 0, 0), dest: direct},
		{name: "UDP without checksum", packet: to4.UDPNoSum(1024, 80, nil), dest: direct},
		{name: "a transport header isn't needed", packet: to4.Wrap(packet.ProtoTCP, nil), dest: direct},
		{name: "later fragment v6", packet: later.Wrap(packet.ProtoUDP, packettest.Payload(8)), dest: direct},
		{name: "from a process here", packet: to4.TCP(1024, 80, packettest.SYN, nil), dest: direct, made: true},
	})
}

// For these the server doesn't matter: the packet's own destination is the way.
//
// Features: X6, X7.
func TestBypassAndNull(t *testing.T) {
	far4, far6 := packettest.IP{Src: client4, Dst: "198.18.0.1"}, packettest.IP{Src: client6, Dst: "2001:db8:99::1"}
	plays(t, "bypass", []scene{
		{name: "bypass v4", packet: far4.TCP(1024, 80, packettest.SYN, nil), flags: conntrack.Flags(sched.Bypass), noDest: true},
		{name: "bypass v6", packet: far6.TCP(1024, 80, packettest.SYN, nil), flags: conntrack.Flags(sched.Bypass), noDest: true},
		{name: "bypass to this host", packet: to4.TCP(1024, 80, packettest.SYN, nil), flags: conntrack.Flags(sched.Bypass), noDest: true},
		{name: "bypass without a route", packet: far4.TCP(1024, 80, packettest.SYN, nil), flags: conntrack.Flags(sched.Bypass), noDest: true,
			stack: func(s *packettest.Stack) { s.Gone[packettest.Addr("198.18.0.1")] = true }},
		{name: "local node v4", packet: to4.TCP(1024, 80, packettest.SYN, nil), dest: sched.DestConfig{Forward: sched.LocalNode}},
		{name: "local node v6", packet: to6.TCP(1024, 80, packettest.SYN, nil), dest: sched.DestConfig{Forward: sched.LocalNode}},
	})
}

// Between this host's addresses and others' not every way is allowed.
//
// Features: S7, X10, X12.
func TestLocality(t *testing.T) {
	server := func(fwd sched.Forward, addr string) sched.DestConfig {
		return sched.DestConfig{Forward: fwd, DestKey: sched.DestKey{Family: packettest.Family(addr), Addr: packettest.Addr(addr)}}
	}
	own4, own6 := "10.1.0.1", "2001:db8:1::1"
	loop4 := packettest.IP{Src: "127.0.0.1", Dst: vip4}
	loop6 := packettest.IP{Src: "::1", Dst: vip6}
	byLo := func(p *packet.Packet) { p.InIf, p.Loopback = 3, true }
	syn4, syn6 := to4.TCP(1024, 80, packettest.SYN, nil), to6.TCP(1024, 80, packettest.SYN, nil)
	plays(t, "locality", []scene{
		{name: "NAT to a server here", packet: syn4, dest: server(sched.Masq, own4)},
		{name: "NAT to a server here v6", packet: syn6, dest: server(sched.Masq, own6)},
		{name: "NAT to a server here with TTL 1", packet: ttl(to4, 1).TCP(1024, 80, packettest.SYN, nil), dest: server(sched.Masq, own4)},
		{name: "NAT of a forwarded packet to a server here", packet: syn4, dest: server(sched.Masq, own4), forward: true},
		{name: "NAT to 127.0.0.1 from elsewhere", packet: syn4, dest: server(sched.Masq, "127.0.0.1")},
		{name: "NAT to 127.0.0.1 from here", packet: syn4, dest: server(sched.Masq, "127.0.0.1"), made: true},
		{name: "NAT to ::1 from elsewhere", packet: syn6, dest: server(sched.Masq, "::1")},
		{name: "NAT to ::1 from here", packet: syn6, dest: server(sched.Masq, "::1"), made: true},
		{name: "DR to a server here", packet: syn4, dest: server(sched.DRoute, own4)},
		{name: "DR to a server here v6", packet: syn6, dest: server(sched.DRoute, own6)},
		{name: "DR of a forwarded packet to a server here", packet: syn4, dest: server(sched.DRoute, own4), forward: true},
		{name: "tunnel to a server here", packet: syn4, dest: server(sched.Tunnel, own4)},
		{name: "tunnel to a server here v6", packet: syn6, dest: server(sched.Tunnel, own6)},
		{name: "tunnel of a forwarded packet to a server here", packet: syn4, dest: server(sched.Tunnel, own4), forward: true},
		{name: "NAT from 127.0.0.1 to a server elsewhere", packet: loop4.TCP(1024, 80, packettest.SYN, nil), made: true},
		{name: "NAT from 127.0.0.1, arrived", packet: loop4.TCP(1024, 80, packettest.SYN, nil)},
		{name: "NAT from ::1 to a server elsewhere", packet: loop6.TCP(1024, 80, packettest.SYN, nil), made: true},
		{name: "NAT from ::1 by lo", packet: loop6.TCP(1024, 80, packettest.SYN, nil), change: byLo},
		{name: "NAT from ::1, arrived", packet: loop6.TCP(1024, 80, packettest.SYN, nil)},
		{name: "NAT from 127.0.0.1 to a server here", packet: loop4.TCP(1024, 80, packettest.SYN, nil), dest: server(sched.Masq, own4), made: true},
	})
}
