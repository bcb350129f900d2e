package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"goipvs/packet"
)

// ambient is what every host is told before its own setup: replies may come by
// another way than requests went, no redirects, and no limit on ICMP errors.
const ambient = `ip link set lo up
sysctl -w net.ipv4.conf.all.rp_filter=0
sysctl -w net.ipv4.conf.default.rp_filter=0
sysctl -w net.ipv4.conf.all.send_redirects=0
sysctl -w net.ipv4.conf.default.send_redirects=0
sysctl -w net.ipv4.icmp_ratelimit=0
`

// ambient6 is the same for IPv6: addresses are there at once, and none but those
// given and the link-local ones, without which no server could ask for the
// client by the VIP.
const ambient6 = `sysctl -w net.ipv6.conf.all.accept_dad=0
sysctl -w net.ipv6.conf.default.accept_dad=0
sysctl -w net.ipv6.conf.all.accept_ra=0
sysctl -w net.ipv6.conf.default.accept_ra=0
sysctl -w net.ipv6.conf.default.router_solicitations=0
sysctl -w net.ipv6.auto_flowlabels=0
sysctl -w net.ipv6.icmp.ratelimit=0
`

// Network is a plan that was built.
type Network struct {
	Plan  Plan
	Nodes map[string]*Node
	sw    *Node // the switch, nil where the plan needs none
}

// Build makes the hosts of a plan and configures all but the director, which
// its daemon configures. Unless the plan says otherwise, the director's
// interfaces are without offloads, so that everybody verifies the checksums of
// what it sends. What was made goes
// with Close, or with this process.
func Build(p Plan) (n *Network, err error) {
	n = &Network{Plan: p, Nodes: map[string]*Node{}}
	defer func() {
		if err != nil {
			n.Close()
			n = nil
		}
	}()
	for _, h := range p.Hosts {
		if n.Nodes[h.Name], err = n.newHost(h); err != nil {
			return n, err
		}
	}
	for i, c := range p.Cables {
		if err := n.plug(i, c); err != nil {
			return n, err
		}
	}
	for _, h := range p.Hosts {
		if h.Name == p.Director().Name {
			continue
		}
		if err := n.Nodes[h.Name].Configure(h.Name, h.Setup); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (n *Network) newHost(h Host) (*Node, error) {
	node, err := newNode(h)
	if err != nil {
		return nil, err
	}
	settings := ambient
	if n.Plan.Family == packet.IPv6 {
		settings += ambient6
	}
	if err := node.Configure("ambient", settings); err != nil {
		node.Close()
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return node, nil
}

// Close lets go of all hosts: those that no process is left in vanish.
func (n *Network) Close() {
	for _, h := range n.All() {
		h.Close()
	}
}

// Client is the host that asks.
func (n *Network) Client() *Node { return n.Nodes[n.Plan.Client().Name] }

// Director is the host that the daemon runs on.
func (n *Network) Director() *Node { return n.Nodes[n.Plan.Director().Name] }

// All returns all hosts, the switch among them.
func (n *Network) All() (all []*Node) {
	for _, h := range n.Plan.Hosts {
		if node := n.Nodes[h.Name]; node != nil {
			all = append(all, node)
		}
	}
	if n.sw != nil {
		all = append(all, n.sw)
	}
	return all
}

// bridgeName is the switch's own interface.
const bridgeName = "switch0"

// plug lays a cable. Each end is made in its host's namespace at once, so that
// no name of this machine is in the way.
func (n *Network) plug(i int, c Cable) error {
	from := n.Nodes[c.Host]
	to, toIf := n.Nodes[c.To], c.ToIf
	if c.To == "" {
		if err := n.needSwitch(); err != nil {
			return err
		}
		to, toIf = n.sw, fmt.Sprintf("port%d", i)
	}
	v := netlink.NewVeth(netlink.LinkAttrs{Name: c.If})
	v.PeerName, v.PeerNamespace = toIf, netlink.NsFd(to.file.Fd())
	if err := from.nl.LinkAdd(v); err != nil {
		return fmt.Errorf("veth pair %s of %s: %w", c.If, c.Host, unsupported(err, "veth interfaces"))
	}
	if c.Host == n.Plan.Director().Name && !n.Plan.Offloads {
		if err := from.OffloadsOff(c.If); err != nil {
			return err
		}
	}
	if c.To == "" {
		return n.switchPort(toIf)
	}
	return nil
}

func (n *Network) switchPort(name string) error {
	port, err := n.sw.nl.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	bridge, err := n.sw.nl.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("%s: %w", bridgeName, err)
	}
	if err := n.sw.nl.LinkSetMaster(port, bridge); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return n.sw.nl.LinkSetUp(port)
}

// needSwitch makes the switch, a namespace with a bridge.
func (n *Network) needSwitch() (err error) {
	if n.sw != nil {
		return nil
	}
	if n.sw, err = n.newHost(Host{Name: "switch"}); err != nil {
		return err
	}
	b := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}, MulticastSnooping: new(false)}
	if err := n.sw.nl.LinkAdd(b); err != nil {
		return fmt.Errorf("switch: %w", unsupported(err, "bridges"))
	}
	return n.sw.nl.LinkSetUp(b)
}
