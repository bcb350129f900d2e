package machine

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/setup"
)

// Each kind of thing is written down as an Entry first, and both adding and
// removing it read the Entry.

// AddAddr implements setup.Machine. IPv6 addresses are valid at once, without
// duplicate address detection.
func (m *Machine) AddAddr(c setup.AddrAdd) error {
	e := Entry{Kind: KindAddr, Dev: c.Dev, Addr: c.Prefix.String()}
	if a := m.alias[c.Dev]; a != "" {
		// A prefix on lo would be this host's as a whole.
		e.Dev, e.Addr = a, netip.PrefixFrom(c.Prefix.Addr(), c.Prefix.Addr().BitLen()).String()
	}
	return m.do(e, func() error { return m.addr(e, m.nl.AddrAdd) })
}

func (m *Machine) addr(e Entry, f func(netlink.Link, *netlink.Addr) error) error {
	l, err := m.link(e.Dev)
	if err != nil {
		return err
	}
	p, err := netip.ParsePrefix(e.Addr)
	if err != nil {
		return err
	}
	a := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return f(l, a)
}

// ipNet is p with its host part.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

var routeTypes = map[setup.RouteType]int{
	setup.Unicast: unix.RTN_UNICAST, setup.Local: unix.RTN_LOCAL, setup.Unreachable: unix.RTN_UNREACHABLE,
	setup.Blackhole: unix.RTN_BLACKHOLE, setup.Prohibit: unix.RTN_PROHIBIT,
}

// AddRoute implements setup.Machine.
func (m *Machine) AddRoute(c setup.RouteAdd) error {
	e := Entry{Kind: KindRoute, Type: string(c.Type), Addr: c.Prefix.String(), Dev: c.Dev, Table: c.Table}
	if a := m.alias[c.Dev]; a != "" {
		e.Dev = a
	}
	if c.Via.IsValid() {
		e.Via = c.Via.String()
	}
	return m.do(e, func() error { return m.route(e, m.nl.RouteAdd) })
}

func (m *Machine) route(e Entry, f func(*netlink.Route) error) error {
	p, err := netip.ParsePrefix(e.Addr)
	if err != nil {
		return err
	}
	typ, ok := routeTypes[setup.RouteType(e.Type)]
	if !ok {
		return fmt.Errorf("%w: route type %q", unix.EINVAL, e.Type)
	}
	r := &netlink.Route{Dst: ipNet(p.Masked()), Type: typ, Table: int(e.Table), Family: family(!p.Addr().Is4())}
	switch {
	case e.Via != "":
		via, err := netip.ParseAddr(e.Via)
		if err != nil {
			return err
		}
		r.Gw = via.AsSlice()
	case typ == unix.RTN_LOCAL:
		r.Scope = netlink.SCOPE_HOST
	case typ == unix.RTN_UNICAST:
		r.Scope = netlink.SCOPE_LINK
	}
	if e.Dev != "" {
		l, err := m.link(e.Dev)
		if err != nil {
			return err
		}
		r.LinkIndex = l.Attrs().Index
	}
	return f(r)
}

func family(v6 bool) int {
	if v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// AddRule implements setup.Machine.
func (m *Machine) AddRule(c setup.RuleAdd) error {
	e := Entry{Kind: KindRule, IPv6: c.IPv6, Mark: c.FwMark, Table: c.Table}
	if c.From.IsValid() {
		e.Addr = c.From.String()
	}
	return m.do(e, func() error { return m.rule(e, m.addRule) })
}

// addRule adds a rule that isn't there; the kernel takes one twice.
func (m *Machine) addRule(r *netlink.Rule) error {
	all, err := m.nl.RuleList(r.Family)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.Table == r.Table && x.Mark == r.Mark && x.Src.String() == r.Src.String() && x.Dst == nil && x.IifName == "" && x.OifName == "" {
			return unix.EEXIST
		}
	}
	return m.nl.RuleAdd(r)
}

func (m *Machine) rule(e Entry, f func(*netlink.Rule) error) error {
	r := netlink.NewRule()
	r.Family, r.Mark, r.Table = family(e.IPv6), e.Mark, int(e.Table)
	if e.Addr != "" {
		p, err := netip.ParsePrefix(e.Addr)
		if err != nil {
			return err
		}
		r.Src = ipNet(p)
	}
	return f(r)
}

// AddNeigh implements setup.Machine.
func (m *Machine) AddNeigh(c setup.NeighAdd) error {
	e := Entry{Kind: KindNeigh, Dev: c.Dev, Addr: c.Addr.String(), Key: net.HardwareAddr(c.MAC[:]).String()}
	return m.do(e, func() error { return m.neigh(e, m.nl.NeighAdd) })
}

func (m *Machine) neigh(e Entry, f func(*netlink.Neigh) error) error {
	l, err := m.link(e.Dev)
	if err != nil {
		return err
	}
	a, err := netip.ParseAddr(e.Addr)
	if err != nil {
		return err
	}
	mac, err := net.ParseMAC(e.Key)
	if err != nil {
		return err
	}
	return f(&netlink.Neigh{
		LinkIndex: l.Attrs().Index, Family: family(!a.Is4()), State: netlink.NUD_PERMANENT,
		IP: a.AsSlice(), HardwareAddr: mac,
	})
}

// undoOne undoes one entry.
func (m *Machine) undoOne(e Entry) error {
	switch e.Kind {
	case KindAddr:
		return m.addr(e, m.nl.AddrDel)
	case KindRoute:
		return m.route(e, m.nl.RouteDel)
	case KindRule:
		return m.rule(e, m.nl.RuleDel)
	case KindNeigh:
		return m.neigh(e, m.nl.NeighDel)
	case KindSysctl:
		return m.writeSysctl(e.Key, e.Old)
	}
	return m.undoLink(e)
}
