package snapshot

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeTypes are those that the language has, as ip names them.
var routeTypes = map[int]string{
	unix.RTN_UNICAST: "", unix.RTN_LOCAL: "local ", unix.RTN_UNREACHABLE: "unreachable ", unix.RTN_BLACKHOLE: "blackhole ", unix.RTN_PROHIBIT: "prohibit ",
}

// routes writes the routes that don't come of addresses, those first that others'
// gateways may need.
func (s *shot) routes() error {
	var all []netlink.Route
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		f, err := s.nl.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return fmt.Errorf("routes: %w", err)
		}
		all = append(all, f...)
	}
	all = slices.DeleteFunc(all, func(r netlink.Route) bool {
		return r.Protocol == unix.RTPROT_KERNEL || r.Flags&unix.RTM_F_CLONED != 0
	})
	slices.SortStableFunc(all, func(a, b netlink.Route) int {
		if a.Gw == nil != (b.Gw == nil) {
			if a.Gw == nil {
				return -1
			}
			return 1
		}
		return a.Priority - b.Priority // the one with the least counts
	})
	seen := map[string]bool{}
	for i := range all {
		s.route(&all[i], seen)
	}
	return nil
}

func (s *shot) route(r *netlink.Route, seen map[string]bool) {
	p, ok := prefix(r.Dst)
	if !ok {
		p = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if r.Family == unix.AF_INET6 {
			p = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	typ, known := routeTypes[r.Type]
	l := s.links[r.LinkIndex]
	key := fmt.Sprint(p, r.Table)
	switch {
	case r.Type == unix.RTN_BROADCAST || r.Type == unix.RTN_ANYCAST || r.Type == unix.RTN_MULTICAST:
		return
	case !known:
		s.leave(r, "A ROUTE OF ANOTHER TYPE")
		return
	case len(r.MultiPath) > 0:
		s.leave(r, "A ROUTE OF SEVERAL WAYS")
		return
	case r.Encap != nil || r.Via != nil || r.MPLSDst != nil:
		s.leave(r, "A ROUTE THAT ENCAPSULATES OR GOES BY THE OTHER FAMILY")
		return
	case l == nil && r.Type == unix.RTN_UNICAST:
		s.leave(r, "A ROUTE BY AN INTERFACE THAT IS LEFT OUT")
		return
	case seen[key]:
		s.leave(r, "ANOTHER ROUTE TO THE SAME NETWORK COMES BEFORE IT")
		return
	}
	seen[key] = true
	var b strings.Builder
	b.WriteString("ip ")
	if p.Addr().Is6() {
		b.WriteString("-6 ")
	}
	to := p.String()
	if p.Bits() == 0 && r.Type == unix.RTN_UNICAST {
		to = "default"
	}
	fmt.Fprintf(&b, "route add %s%s", typ, to)
	if gw, ok := netip.AddrFromSlice(r.Gw); ok {
		fmt.Fprintf(&b, " via %s", gw.Unmap())
	}
	if l != nil && (r.Type == unix.RTN_UNICAST || r.Type == unix.RTN_LOCAL) {
		fmt.Fprintf(&b, " dev %s", l.name)
	}
	usual := unix.RT_TABLE_MAIN
	if r.Type == unix.RTN_LOCAL {
		usual = unix.RT_TABLE_LOCAL
	}
	if r.Table != usual {
		fmt.Fprintf(&b, " table %d", r.Table)
	}
	s.say("%s", b.String())
	for _, x := range []struct {
		there bool
		what  string
	}{
		{r.MTU != 0, fmt.Sprintf("mtu %d", r.MTU)}, {r.Src != nil, fmt.Sprintf("src %s", r.Src)},
		{r.Tos != 0, fmt.Sprintf("tos %d", r.Tos)}, {r.Flags&unix.RTNH_F_ONLINK != 0, "onlink"},
		{r.Flags&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0, "dead"},
	} {
		if x.there {
			s.leave(x.what, "OF THE ROUTE ABOVE")
		}
	}
}

// rules writes the user's rules. Each that `ip rule add` adds comes before those
// that are there, so the last is first here.
func (s *shot) rules() error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		all, err := s.nl.RuleList(family)
		if err != nil {
			return fmt.Errorf("rules: %w", err)
		}
		slices.SortStableFunc(all, func(a, b netlink.Rule) int { return b.Priority - a.Priority })
		for i := range all {
			if !usual(&all[i]) {
				s.rule(&all[i], family == unix.AF_INET6)
			}
		}
	}
	return nil
}

// usual reports whether it is one of the rules that each machine has.
func usual(r *netlink.Rule) bool {
	return r.Mark == 0 && r.Src == nil && r.Dst == nil && r.IifName == "" && r.OifName == "" &&
		(r.Priority == 0 && r.Table == unix.RT_TABLE_LOCAL || r.Priority == 32766 && r.Table == unix.RT_TABLE_MAIN ||
			r.Priority == 32767 && r.Table == unix.RT_TABLE_DEFAULT)
}

func (s *shot) rule(r *netlink.Rule, six bool) {
	switch {
	case r.Dst != nil || r.IifName != "" || r.OifName != "" || r.Invert || r.Tos != 0 || r.IPProto > 0 || r.Goto > 0 ||
		r.Sport != nil || r.Dport != nil || r.UIDRange != nil || r.SuppressPrefixlen >= 0 || r.TunID != 0 || r.Table == 0:
		s.leave(strings.TrimSpace(r.String()), "A RULE BY OTHER THAN SOURCE AND MARK")
		return
	case r.Mask != nil && *r.Mask != 0xffffffff && r.Mark != 0:
		s.leave(strings.TrimSpace(r.String()), "A RULE BY PART OF THE MARK")
		return
	case r.Priority > 32766 || r.Priority == 0:
		s.leave(r, "A RULE BEHIND THE MAIN TABLE'S, OR BEFORE THE LOCAL ONE'S")
		return
	}
	line := "ip rule add"
	if six {
		line = "ip -6 rule add"
	}
	if p, ok := prefix(r.Src); ok {
		line += " from " + p.String()
	}
	if r.Mark != 0 {
		line += fmt.Sprintf(" fwmark %d", r.Mark)
	}
	s.say("%s lookup %d", line, r.Table)
}
