package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/setup"
)

// Machine runs setup commands on a namespace through netlink: all but those
// for IPVS itself, which are the daemon's and are passed over. Where the kernel
// has no dummy interface, the addresses of one go to lo.
type Machine struct {
	ns    *Netns
	nl    *netlink.Handle
	alias map[string]string // interfaces that stand for others
}

var _ setup.Machine = (*Machine)(nil)

// NewMachine returns the Machine of a namespace.
func NewMachine(ns *Netns) (*Machine, error) {
	m := &Machine{ns: ns, alias: map[string]string{}}
	err := ns.Do(func() (err error) {
		m.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("netlink in %s: %w", ns.name, err)
	}
	return m, nil
}

// Close closes what the machine is configured through; it stays as it is.
func (m *Machine) Close() { m.nl.Close() }

// Configure runs the lines of a setup file.
func (m *Machine) Configure(file, text string) error {
	lines, err := setup.Parse(file, strings.NewReader(text))
	if err != nil {
		return err
	}
	return setup.Run(lines, m, io.Discard)
}

func (m *Machine) link(name string) (netlink.Link, error) {
	if a := m.alias[name]; a != "" {
		name = a
	}
	l, err := m.nl.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return l, nil
}

// AddLink implements setup.Machine.
func (m *Machine) AddLink(c setup.LinkAdd) error {
	err := m.nl.LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: c.Name}})
	if errors.Is(err, unix.EOPNOTSUPP) {
		m.alias[c.Name] = "lo"
		return nil
	}
	return err
}

// SetLink implements setup.Machine.
func (m *Machine) SetLink(c setup.LinkSet) error {
	if m.alias[c.Name] != "" {
		return nil
	}
	l, err := m.link(c.Name)
	if err == nil && c.MAC != nil {
		err = m.nl.LinkSetHardwareAddr(l, c.MAC[:])
	}
	if err == nil && c.MTU != 0 {
		err = m.nl.LinkSetMTU(l, c.MTU)
	}
	if err == nil && c.Up != nil && *c.Up {
		err = m.nl.LinkSetUp(l)
	}
	if err == nil && c.Up != nil && !*c.Up {
		err = m.nl.LinkSetDown(l)
	}
	return err
}

// AddAddr implements setup.Machine. No address waits for duplicate address
// detection.
func (m *Machine) AddAddr(c setup.AddrAdd) error {
	l, err := m.link(c.Dev)
	if err != nil {
		return err
	}
	a := &netlink.Addr{IPNet: ipNet(c.Prefix)}
	if c.Prefix.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return m.nl.AddrAdd(l, a)
}

// AddRoute implements setup.Machine.
func (m *Machine) AddRoute(c setup.RouteAdd) error {
	r := &netlink.Route{Dst: ipNet(c.Prefix.Masked()), Table: int(c.Table), Type: routeTypes[c.Type]}
	if c.Type == setup.Local {
		r.Scope = netlink.SCOPE_HOST
	}
	if c.Via.IsValid() {
		r.Gw = c.Via.AsSlice()
	} else if c.Type == setup.Unicast {
		r.Scope = netlink.SCOPE_LINK
	}
	if c.Dev != "" {
		l, err := m.link(c.Dev)
		if err != nil {
			return err
		}
		r.LinkIndex = l.Attrs().Index
	}
	return m.nl.RouteAdd(r)
}

var routeTypes = map[setup.RouteType]int{
	setup.Unicast:     unix.RTN_UNICAST,
	setup.Local:       unix.RTN_LOCAL,
	setup.Unreachable: unix.RTN_UNREACHABLE,
	setup.Blackhole:   unix.RTN_BLACKHOLE,
	setup.Prohibit:    unix.RTN_PROHIBIT,
}

// AddRule implements setup.Machine.
func (m *Machine) AddRule(c setup.RuleAdd) error {
	r := netlink.NewRule()
	r.Family, r.Table = unix.AF_INET, int(c.Table)
	if c.IPv6 {
		r.Family = unix.AF_INET6
	}
	if c.FwMark != 0 {
		r.Mark = c.FwMark
	}
	if c.From.IsValid() {
		r.Src = ipNet(c.From)
	}
	return m.nl.RuleAdd(r)
}

// AddNeigh implements setup.Machine.
func (m *Machine) AddNeigh(c setup.NeighAdd) error {
	l, err := m.link(c.Dev)
	if err != nil {
		return err
	}
	return m.nl.NeighAdd(&netlink.Neigh{
		LinkIndex:    l.Attrs().Index,
		State:        netlink.NUD_PERMANENT,
		IP:           c.Addr.AsSlice(),
		HardwareAddr: c.MAC[:],
	})
}

// AddMark implements setup.Machine; the laboratory marks nothing.
func (m *Machine) AddMark(setup.MarkAdd) error { return errors.ErrUnsupported }

// Sysctl implements setup.Machine.
func (m *Machine) Sysctl(c setup.Sysctl) error {
	if strings.HasPrefix(c.Key, "net.ipv4.vs.") {
		return nil
	}
	return m.ns.Sysctl(strings.ReplaceAll(c.Key, ".", "/"), c.Value)
}

// LoadModule implements setup.Machine.
func (m *Machine) LoadModule(setup.Module) error { return nil }

// IPVSAdm implements setup.Machine.
func (m *Machine) IPVSAdm(setup.IPVSAdm, io.Writer) error { return nil }

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
