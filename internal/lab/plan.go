package lab

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"goipvs/hooks"
	"goipvs/packet"
)

// Scenario is a way in which requests reach the servers.
type Scenario string

// The scenarios.
const (
	NAT    Scenario = "nat"
	DR     Scenario = "dr"
	Tunnel Scenario = "tun"
	Local  Scenario = "local"
	FTP    Scenario = "ftp"
	SIP    Scenario = "sip"
	SCTP   Scenario = "sctp"
)

// Scenarios are all scenarios, in the order in which they are best understood.
var Scenarios = []Scenario{NAT, DR, Tunnel, Local, FTP, SIP, SCTP}

// Title says in a line what the scenario is.
func (s Scenario) Title() string {
	return map[Scenario]string{
		NAT:    "NAT: the director rewrites addresses and ports, replies come back through it",
		DR:     "direct routing: requests go on unchanged, servers answer the client themselves",
		Tunnel: "IPIP tunnels: requests go on wrapped, servers unwrap and answer the client themselves",
		Local:  "client and server on the director: NAT to itself and for itself",
		FTP:    "FTP through NAT: data connections that were announced in the text of another, which is rewritten",
		SIP:    "SIP through NAT: messages of a call go to one server, wherever they come from; servers call, too",
		SCTP:   "SCTP through NAT: associations go round the servers",
	}[s]
}

// straight reports whether servers answer the client themselves.
func (s Scenario) straight() bool { return s == DR || s == Tunnel }

// Host is a host to build and what it is told.
type Host struct {
	Name   string
	Setup  string // its configuration, in the language of internal/setup
	Serves []Serving
	Unwrap netip.Addr // the tunnels that end here: to this address; the zero Addr: none
}

// Cable joins an interface of a host with one of another, or with the switch.
type Cable struct {
	Host, If string
	To, ToIf string // To "": the switch
}

// Plan is a set of hosts: the client first, then the director, then the
// servers.
type Plan struct {
	Scenario Scenario
	Family   packet.Family
	Kernel   hooks.Kernel // whose rules the director follows
	VIP      netip.Addr
	Hosts    []Host
	Cables   []Cable
	Offloads bool // the director's interfaces keep their offloads
}

// numbers are the addresses of a plan's hosts.
type numbers struct {
	vip                netip.Addr
	client, clientSide netip.Prefix // the network of client and director
	back, serverSide   netip.Prefix // the network of servers and director, where the client is, too, when servers answer themselves
	server             [3]netip.Prefix
	forwarding         string
}

func numbersOf(f packet.Family) numbers {
	p := netip.MustParsePrefix
	if f == packet.IPv6 {
		return numbers{
			vip:    netip.MustParseAddr("2001:db8:f::10"),
			client: p("2001:db8:a::100/64"), clientSide: p("2001:db8:a::1/64"),
			back: p("2001:db8:1::fe/64"), serverSide: p("2001:db8:1::1/64"),
			server:     [3]netip.Prefix{p("2001:db8:1::11/64"), p("2001:db8:1::12/64"), p("2001:db8:1::13/64")},
			forwarding: "net.ipv6.conf.all.forwarding",
		}
	}
	return numbers{
		vip:    netip.MustParseAddr("203.0.113.10"),
		client: p("192.0.2.100/24"), clientSide: p("192.0.2.1/24"),
		back: p("10.1.0.254/24"), serverSide: p("10.1.0.1/24"),
		server:     [3]netip.Prefix{p("10.1.0.11/24"), p("10.1.0.12/24"), p("10.1.0.13/24")},
		forwarding: "net.ipv4.ip_forward",
	}
}

// mac is an Ethernet address.
type mac [6]byte

// String returns the address as ip(8) has it.
func (m mac) String() string { return net.HardwareAddr(m[:]).String() }

// Ethernet addresses: on the clients' side 02:00:00:00:00:xx, on the servers'
// 02:00:00:00:01:xx.
var (
	macClient     = mac{2, 0, 0, 0, 0, 0x64}
	macClientSide = mac{2, 0, 0, 0, 0, 1}
	macServerSide = mac{2, 0, 0, 0, 1, 1}
	macBack       = mac{2, 0, 0, 0, 1, 0xfe}
)

func macServer(i int) mac { return mac{2, 0, 0, 0, 1, byte(0x0b + i)} }

// NewPlan returns the plan of a scenario.
func NewPlan(s Scenario, f packet.Family) Plan {
	n := numbersOf(f)
	p := Plan{Scenario: s, Family: f, VIP: n.vip}
	p.Hosts = append(p.Hosts, clientHost(n, s.straight()), directorHost(s, n))
	p.Cables = []Cable{{"director", "eth0", "client", "eth0"}, {"director", "eth1", "", ""}}
	if s.straight() {
		p.Cables = append(p.Cables, Cable{"client", "eth1", "", ""})
	}
	for i := range n.servers(s) {
		p.Hosts = append(p.Hosts, serverHost(i, s, n))
		p.Cables = append(p.Cables, Cable{serverName(i), "eth0", "", ""})
	}
	return p
}

func serverName(i int) string { return fmt.Sprintf("server%d", i+1) }

// servers returns the servers' addresses in a scenario.
func (n numbers) servers(s Scenario) []netip.Prefix {
	if s == Local {
		return n.server[:1] // the other one is the director itself
	}
	return n.server[:]
}

// Client is the host that asks.
func (p Plan) Client() Host { return p.Hosts[0] }

// Director is the host that the daemon runs on.
func (p Plan) Director() Host { return p.Hosts[1] }

// Servers are the hosts behind the director.
func (p Plan) Servers() []Host { return p.Hosts[2:] }

// Web is the virtual service for HTTP.
func (p Plan) Web() netip.AddrPort { return netip.AddrPortFrom(p.VIP, webPort) }

// Echo is the virtual service for UDP echo.
func (p Plan) Echo() netip.AddrPort { return netip.AddrPortFrom(p.VIP, echoPort) }

// Service is the scenario's first virtual service.
func (p Plan) Service() netip.AddrPort {
	return netip.AddrPortFrom(p.VIP, p.Scenario.services()[0].port)
}

// script puts lines together; an empty line is left out.
func script(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		if l != "" {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

func iface(name string, m mac, p netip.Prefix) string {
	return script(fmt.Sprintf("ip link set %s address %s", name, m), addr(p, name), "ip link set "+name+" up")
}

func addr(p netip.Prefix, dev string) string {
	if p.Addr().Is6() {
		return fmt.Sprintf("ip -6 addr add %s dev %s nodad", p, dev)
	}
	return fmt.Sprintf("ip addr add %s dev %s", p, dev)
}

func route(dst string, via netip.Prefix) string {
	if via.Addr().Is6() {
		return fmt.Sprintf("ip -6 route add %s via %s", dst, via.Addr())
	}
	return fmt.Sprintf("ip route add %s via %s", dst, via.Addr())
}

func neigh(a netip.Prefix, m mac, dev string) string {
	if a.Addr().Is6() {
		return fmt.Sprintf("ip -6 neigh add %s lladdr %s dev %s", a.Addr(), m, dev)
	}
	return fmt.Sprintf("ip neigh add %s lladdr %s dev %s", a.Addr(), m, dev)
}

func clientHost(n numbers, straight bool) Host {
	h := Host{Name: "client"}
	h.Setup = iface("eth0", macClient, n.client) + route("default", n.clientSide) + "\n"
	if straight {
		h.Setup += iface("eth1", macBack, n.back)
	}
	return h
}

func serverHost(i int, s Scenario, n numbers) Host {
	h := Host{Name: serverName(i)}
	a := n.server[i].Addr()
	if !s.straight() {
		h.Serves = s.servings(a, true)
		h.Setup = iface("eth0", macServer(i), n.server[i]) + route("default", n.serverSide) + "\n"
		return h
	}
	if s == Tunnel {
		h.Unwrap = a
	}
	h.Serves = s.servings(n.vip, false)
	h.Setup = script(
		"sysctl -w net.ipv4.conf.all.arp_ignore=1", // the VIP is ours, but only the director says so
		"sysctl -w net.ipv4.conf.all.arp_announce=2",
	) + iface("eth0", macServer(i), n.server[i]) + script(
		addr(netip.PrefixFrom(n.vip, n.vip.BitLen()), "lo"),
		route("default", n.back),
	)
	return h
}

func directorHost(s Scenario, n numbers) Host {
	h := Host{Name: "director"}
	h.Setup = script("sysctl -w "+n.forwarding+"=1") +
		iface("eth0", macClientSide, n.clientSide) + iface("eth1", macServerSide, n.serverSide) + script(
		"ip link add ipvs0 type dummy",
		"ip link set ipvs0 up",
		addr(netip.PrefixFrom(n.vip, n.vip.BitLen()), "ipvs0"),
		neigh(n.client, macClient, "eth0"),
	)
	for i, a := range n.servers(s) {
		h.Setup += neigh(a, macServer(i), "eth1") + "\n"
	}
	h.Setup += rulesOf(s, n)
	if s == Local {
		h.Serves = s.servings(n.serverSide.Addr(), true)
	}
	return h
}
