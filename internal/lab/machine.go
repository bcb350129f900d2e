package lab

import (
	"fmt"
	"io"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/live/machine"
	"goipvs/internal/setup"
)

// Node is a host that was built: its namespace and what configures it.
type Node struct {
	Host
	*Netns
	nl      *netlink.Handle
	machine *machine.Machine
}

// newNode makes a host with nothing but its loopback interface.
func newNode(h Host) (*Node, error) {
	ns, err := NewNetns(h.Name)
	if err != nil {
		return nil, err
	}
	n := &Node{Host: h, Netns: ns}
	if err := ns.Do(n.open); err != nil {
		n.Close()
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return n, nil
}

// open runs in the namespace.
func (n *Node) open() (err error) {
	if n.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return err
	}
	journal, left, err := machine.OpenJournal("") // nothing is to be undone
	if err != nil {
		return err
	}
	n.machine, err = machine.Open(journal, left, noIPVS{}, func(string) {})
	return err
}

// Configure runs the lines of a setup file on the host; those for IPVS are
// passed over.
func (n *Node) Configure(file, text string) error {
	lines, err := setup.Parse(file, strings.NewReader(text))
	if err != nil {
		return err
	}
	return n.Do(func() error { return setup.Run(lines, n.machine, io.Discard) })
}

// Close lets go of the host.
func (n *Node) Close() {
	if n.nl != nil {
		n.nl.Close()
	}
	n.Netns.Close()
}

// noIPVS is the director of a host that has none, or whose daemon takes care.
type noIPVS struct{}

func (noIPVS) AddMark(setup.MarkAdd) error       { return nil }
func (noIPVS) Setting(string, string) error      { return nil }
func (noIPVS) LoadModule(string) error           { return nil }
func (noIPVS) IPVSAdm([]string, io.Writer) error { return nil }
