package bench

import (
	"fmt"
	"net/netip"
	"strings"

	"goipvs/internal/bench/load"
	"goipvs/internal/lab"
	"goipvs/packet"
)

// The addresses of the hosts. The director is .1 in each network.
const (
	clientAddr = "192.0.2.100"
	vipAddr    = "203.0.113.10"
)

// serverAddrs are the servers', each in a network of its own with the director.
var serverAddrs = []string{"10.1.1.11", "10.1.2.11"}

func at(addr string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(addr), load.Port) }

// mac is the Ethernet address of a host's interface in network n: 0 is the
// client's, 1 and 2 the servers', 11 and 12 those between servers and client.
func mac(n, host int) string { return fmt.Sprintf("02:00:00:00:%02x:%02x", n, host) }

// gateway is the director's address in a server's network.
func gateway(server string) string { return server[:strings.LastIndexByte(server, '.')] + ".1" }

func script(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

func iface(name, mac, addr string) string {
	return script("ip link set "+name+" address "+mac, "ip addr add "+addr+"/24 dev "+name, "ip link set "+name+" up")
}

func neigh(addr, mac, dev string) string {
	return script("ip neigh add " + addr + " lladdr " + mac + " dev " + dev)
}

// plan returns the hosts. With straight, servers answer the client themselves,
// past the director, as the virtual address. rules are the director's further
// lines. Neighbours are fixed, so that no ARP is measured.
func plan(straight bool, frames Frames, rules string) lab.Plan {
	p := lab.Plan{Family: packet.IPv4, VIP: netip.MustParseAddr(vipAddr), Offloads: frames != Bare}
	client := lab.Host{Name: "client", Setup: iface("eth0", mac(0, 100), clientAddr) + script("ip route add default via 192.0.2.1") + neigh("192.0.2.1", mac(0, 1), "eth0")}
	director := lab.Host{Name: "director", Setup: script("sysctl -w net.ipv4.ip_forward=1") +
		iface("eth0", mac(0, 1), "192.0.2.1") + neigh(clientAddr, mac(0, 100), "eth0") +
		script("ip link add ipvs0 type dummy", "ip link set ipvs0 up", "ip addr add "+vipAddr+"/32 dev ipvs0")}
	p.Cables = []lab.Cable{{Host: "director", If: "eth0", To: "client", ToIf: "eth0"}}
	var servers []lab.Host
	for i, a := range serverAddrs {
		n, name, dev := i+1, fmt.Sprintf("server%d", i+1), fmt.Sprintf("eth%d", i+1)
		gw := gateway(a)
		s := lab.Host{Name: name, Setup: iface("eth0", mac(n, 11), a) + neigh(gw, mac(n, 1), "eth0")}
		director.Setup += iface(dev, mac(n, 1), gw) + neigh(a, mac(n, 11), dev)
		p.Cables = append(p.Cables, lab.Cable{Host: "director", If: dev, To: name, ToIf: "eth0"})
		if straight {
			mine, his := fmt.Sprintf("10.2.%d.11", n), fmt.Sprintf("10.2.%d.100", n)
			s.Setup += script("sysctl -w net.ipv4.conf.all.arp_ignore=1", "sysctl -w net.ipv4.conf.all.arp_announce=2") +
				iface("eth1", mac(10+n, 11), mine) + neigh(his, mac(10+n, 100), "eth1") +
				script("ip addr add "+vipAddr+"/32 dev lo", "ip route add default via "+his)
			client.Setup += iface(dev, mac(10+n, 100), his) + neigh(mine, mac(10+n, 11), dev)
			p.Cables = append(p.Cables, lab.Cable{Host: "client", If: dev, To: name, ToIf: "eth1"})
		} else {
			s.Setup += script("ip route add default via " + gw)
		}
		servers = append(servers, s)
	}
	director.Setup += rules
	p.Hosts = append([]lab.Host{client, director}, servers...)
	return p
}

// Frames says what TCP's data goes in.
type Frames string

// The kinds of frames.
const (
	Super Frames = "super" // super-packets: every interface has its offloads, as between virtual machines
	MTU   Frames = "mtu"   // MTU-size frames, which the director's interfaces put together (GRO), as network cards do
	Bare  Frames = "bare"  // no offload anywhere: MTU-size frames with complete checksums that everybody verifies
)

// offload switches the offloads of a built network's interfaces. The
// director's are right already, but for GRO.
func offload(n *lab.Network, frames Frames) error {
	if frames == Super {
		return nil
	}
	for _, c := range n.Plan.Cables {
		for _, end := range []struct{ host, dev string }{{c.Host, c.If}, {c.To, c.ToIf}} {
			h := n.Nodes[end.host]
			var err error
			switch {
			case frames == Bare:
				err = h.OffloadsOff(end.dev)
			case end.host == "director":
				err = h.SetOffloads(end.dev, true, lab.GRO)
			default:
				err = h.SetOffloads(end.dev, false, lab.TSO, lab.GSO)
				if err == nil {
					err = h.SetOffloads(end.dev, true, lab.GRO)
				}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
