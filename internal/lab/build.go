package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"goipvs/packet"
)

// ambient is what every host is told before its own setup: replies may come by
// another way than requests went, no redirects, and no limit on ICMP errors.
var ambient = []struct{ key, value string }{
	{"net/ipv4/conf/all/rp_filter", "0"},
	{"net/ipv4/conf/default/rp_filter", "0"},
	{"net/ipv4/conf/all/send_redirects", "0"},
	{"net/ipv4/conf/default/send_redirects", "0"},
	{"net/ipv4/icmp_ratelimit", "0"},
}

// ambient6 is ambient for IPv6: no addresses but the ones given, at once.
var ambient6 = []struct{ key, value string }{
	{"net/ipv6/conf/all/accept_dad", "0"},
	{"net/ipv6/conf/default/accept_dad", "0"},
	{"net/ipv6/conf/all/accept_ra", "0"},
	{"net/ipv6/conf/default/accept_ra", "0"},
	{"net/ipv6/conf/default/router_solicitations", "0"},
	{"net/ipv6/auto_flowlabels", "0"},
	{"net/ipv6/icmp/ratelimit", "0"},
}

// Node is a host that was built: its namespace and its machine.
type Node struct {
	Host
	*Netns
	*Machine
}

// Network is a plan that was built.
type Network struct {
	Plan  Plan
	Nodes map[string]*Node
	sw    *Node // the switch, nil where the plan needs none
}

// Build makes the hosts of a plan. The director's interfaces are without
// offloads, so that everybody verifies the checksums of what it sends. What was
// made goes with Close, or with this process.
func Build(p Plan) (n *Network, err error) {
	n = &Network{Plan: p, Nodes: map[string]*Node{}}
	defer func() {
		if err != nil {
			n.Close()
			n = nil
		}
	}()
	for _, h := range p.Hosts {
		if n.Nodes[h.Name], err = newNode(h, p.Family); err != nil {
			return n, err
		}
	}
	for i, c := range p.Cables {
		if err := n.plug(i, c); err != nil {
			return n, err
		}
	}
	for _, h := range p.Hosts {
		if err := n.Nodes[h.Name].Configure(h.Name, h.Setup); err != nil {
			return n, err
		}
	}
	for _, c := range p.Cables {
		if c.Host == p.Director().Name {
			if err := n.Director().OffloadsOff(c.If); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// newNode makes a host with nothing but its loopback interface, which is up.
func newNode(h Host, f packet.Family) (*Node, error) {
	ns, err := NewNetns(h.Name)
	if err != nil {
		return nil, err
	}
	m, err := NewMachine(ns)
	if err != nil {
		ns.Close()
		return nil, err
	}
	n := &Node{h, ns, m}
	settings := ambient
	if f == packet.IPv6 {
		settings = append(settings[:len(settings):len(settings)], ambient6...)
	}
	for _, s := range settings {
		if err := ns.Sysctl(s.key, s.value); err != nil {
			n.Close()
			return nil, err
		}
	}
	if err := m.Configure(h.Name, "ip link set lo up"); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Close lets go of the host.
func (n *Node) Close() {
	n.Machine.Close()
	n.Netns.Close()
}

// Close lets go of all hosts: those that no process is left in vanish.
func (n *Network) Close() {
	for _, h := range n.Nodes {
		if h != nil {
			h.Close()
		}
	}
	if n.sw != nil {
		n.sw.Close()
	}
}

// Client, Director and Server return a host.
func (n *Network) Client() *Node { return n.Nodes[n.Plan.Client().Name] }

// Director is the host that the daemon runs on.
func (n *Network) Director() *Node { return n.Nodes[n.Plan.Director().Name] }

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
	if c.To != "" {
		return nil
	}
	port, err := n.sw.link(toIf)
	if err != nil {
		return err
	}
	bridge, err := n.sw.link(bridgeName)
	if err != nil {
		return err
	}
	if err := n.sw.nl.LinkSetMaster(port, bridge); err != nil {
		return fmt.Errorf("%s: %w", toIf, err)
	}
	return n.sw.nl.LinkSetUp(port)
}

// needSwitch makes the switch, a namespace with a bridge.
func (n *Network) needSwitch() error {
	if n.sw != nil {
		return nil
	}
	sw, err := newNode(Host{Name: "switch"}, n.Plan.Family)
	if err != nil {
		return err
	}
	n.sw = sw
	b := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}, MulticastSnooping: new(false)}
	if err := sw.nl.LinkAdd(b); err != nil {
		return fmt.Errorf("switch: %w", unsupported(err, "bridges"))
	}
	return sw.nl.LinkSetUp(b)
}
