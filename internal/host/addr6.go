package host

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"goipvs/packet"
)

// Metrics of IPv6 routes.
//
// Kernel: include/net/ip6_fib.h, IP6_RT_PRIO_USER, IP6_RT_PRIO_ADDRCONF (6.1).
const (
	metricUser6 = 1024
	metricLink6 = 256
)

// addr6 is an IPv6 address of an interface.
//
// Kernel: struct inet6_ifaddr.
type addr6 struct {
	addr packet.Addr
	plen int
}

// scope6 is the scope of an IPv6 address (RFC 4007 §4, RFC 4291 §2.7), for
// unicast addresses and as sources: 1 interface, 2 link, 5 site, 14 global.
//
// Kernel: net/ipv6/addrconf_core.c, __ipv6_addr_type; __ipv6_addr_src_scope (6.1).
func scope6(a packet.Addr) int {
	switch {
	case a.IsMulticast(packet.IPv6):
		return int(a[1] & 0xf)
	case a.IsLinkLocal6(), a.IsLoopback(packet.IPv6):
		return 2
	case a[0] == 0xfe && a[1]&0xc0 == 0xc0:
		return 5
	}
	return 14
}

// addAddr6 puts the address before those of no greater scope.
//
// Kernel: net/ipv6/addrconf.c, inet6_addr_add, ipv6_link_dev_addr (6.1).
func (h *Host) addAddr6(d *iface, addr packet.Addr, plen int) error {
	if !d.has6() || addr.IsLoopback(packet.IPv6) && d.kind != loopback {
		return ErrInvalid
	}
	if h.owns6(addr) {
		return ErrExists
	}
	at := 0
	for at < len(d.addr6) && scope6(addr) < scope6(d.addr6[at].addr) {
		at++
	}
	a := addr6{addr: addr, plen: plen}
	d.addr6 = slices.Insert(d.addr6, at, a)
	h.v6.local.add(&entry{dst: addr, plen: 128, typ: LocalRoute, scope: scopeHost, dev: d, auto: true})
	if d.up {
		h.prefixRoute6(d, &a)
	}
	if h.forward6 {
		h.joinAnycast(d, &a)
	}
	return nil
}

// prefixRoute6 adds the route to an address's link.
//
// Kernel: net/ipv6/addrconf.c, addrconf_prefix_route (6.1).
func (h *Host) prefixRoute6(d *iface, a *addr6) {
	dst := maskAddr(packet.IPv6, a.addr, a.plen)
	for _, o := range h.v6.main.by[a.plen][dst] {
		if o.dev == d && o.auto {
			return
		}
	}
	h.v6.main.add(&entry{dst: dst, plen: a.plen, dev: d, metric: metricLink6, auto: true})
}

// linkRoutes6 adds what an interface that came up routes by itself: multicasts
// and its addresses' links.
func (h *Host) linkRoutes6(d *iface) {
	if !d.has6() {
		return
	}
	if d.kind != loopback {
		h.v6.local.add(&entry{dst: packet.Addr{0: 0xff}, plen: 8, typ: multicastRoute, dev: d, metric: metricLink6, auto: true})
	}
	for i := range d.addr6 {
		h.prefixRoute6(d, &d.addr6[i])
	}
}

// joinAnycast makes the subnet-router anycast address of an address's link this
// host's (RFC 4291 §2.6.1), which routers have.
//
// Kernel: net/ipv6/addrconf.c, addrconf_join_anycast (6.1).
func (h *Host) joinAnycast(d *iface, a *addr6) {
	dst := maskAddr(packet.IPv6, a.addr, a.plen)
	if a.plen >= 127 || dst.IsZero() {
		return
	}
	for _, o := range h.v6.local.by[128][dst] {
		if o.dev == d && o.typ == anycastRoute {
			return
		}
	}
	h.v6.local.add(&entry{dst: dst, plen: 128, typ: anycastRoute, scope: scopeHost, dev: d, auto: true})
}

// owns6 reports whether an IPv6 address is one of an interface's.
//
// Kernel: net/ipv6/addrconf.c, ipv6_chk_addr (6.1).
func (h *Host) owns6(a packet.Addr) bool {
	for _, d := range h.ifaces[1:] {
		for i := range d.addr6 {
			if d.addr6[i].addr == a {
				return true
			}
		}
	}
	return false
}

// joined6 reports whether an interface listens to an IPv6 multicast group: all
// nodes, all routers if it forwards, and the solicited-node groups of its
// addresses (RFC 4291 §2.7.1, §2.8).
func (h *Host) joined6(d *iface, a packet.Addr) bool {
	if !d.has6() {
		return false
	}
	var short [14]byte
	if a[0] == 0xff && [14]byte(a[2:]) == short {
		return false
	}
	if [13]byte(a[2:15]) == [13]byte{} {
		switch a[15] {
		case 1:
			return a[1] == 1 || a[1] == 2
		case 2:
			return h.forward6 && d.kind != loopback && (a[1] == 1 || a[1] == 2 || a[1] == 5)
		}
		return false
	}
	if d.kind != Ethernet || [13]byte(a[:13]) != [13]byte{0: 0xff, 1: 2, 11: 1, 12: 0xff} {
		return false
	}
	for i := range d.addr6 {
		b := &d.addr6[i]
		if [3]byte(a[13:]) == [3]byte(b.addr[13:]) {
			return true
		}
		if any6 := maskAddr(packet.IPv6, b.addr, b.plen); h.forward6 && b.plen < 127 && [3]byte(a[13:]) == [3]byte(any6[13:]) {
			return true
		}
	}
	return false
}

// selectAddr6 chooses a source for dst among all addresses, with d the outgoing
// interface (nil: not known), or among d's alone where dst is not beyond its
// link (RFC 6724 §5). It returns zero if there is none.
//
// Kernel: net/ipv6/addrconf.c, ipv6_dev_get_saddr (6.1).
func (h *Host) selectAddr6(d *iface, dst packet.Addr) (best packet.Addr) {
	var top [5]int
	found := false
	label := label6(dst)
	near := d != nil && (dst.IsMulticast(packet.IPv6) || scope6(dst) <= 2)
	for _, o := range h.ifaces[1:] {
		if near && o != d {
			continue
		}
		for i := range o.addr6 {
			a := &o.addr6[i]
			s := score6(a, dst, d == nil || o == d, label)
			if !found || slices.Compare(s[:], top[:]) > 0 {
				best, top, found = a.addr, s, true
			}
		}
	}
	return best
}

// score6 rates a source by the rules of RFC 6724 §5 that can differ here, in
// order: same address (1), scope (2), outgoing interface (5), label (6), longest
// common prefix (8). Temporary, deprecated and home addresses don't occur.
//
// Kernel: net/ipv6/addrconf.c, ipv6_get_saddr_eval (6.1).
func score6(a *addr6, dst packet.Addr, onIf bool, label int) (s [5]int) {
	if a.addr == dst {
		s[0] = 1
	}
	s[1] = scope6(a.addr)
	if s[1] >= scope6(dst) {
		s[1] = -s[1]
	} else {
		s[1] -= 128
	}
	if onIf {
		s[2] = 1
	}
	if label6(a.addr) == label {
		s[3] = 1
	}
	s[4] = min(commonBits(a.addr, dst), a.plen)
	return s
}

// commonBits is the length of the common prefix of two addresses.
func commonBits(a, b packet.Addr) int {
	for i := 0; i < 16; i += 8 {
		if x := binary.BigEndian.Uint64(a[i:]) ^ binary.BigEndian.Uint64(b[i:]); x != 0 {
			return 8*i + bits.LeadingZeros64(x)
		}
	}
	return 128
}

// labels6 is the policy table's labels, longest prefix first.
//
// Kernel: net/ipv6/addrlabel.c, ip6addrlbl_init_table (6.1); RFC 6724 §2.1.
var labels6 = []struct {
	prefix packet.Addr
	plen   int
	label  int
}{
	{packet.Addr{15: 1}, 128, 0},
	{packet.Addr{}, 96, 3},
	{packet.Addr{10: 0xff, 11: 0xff}, 96, 4},
	{packet.Addr{0x20, 0x01}, 32, 6},
	{packet.Addr{0x20, 0x01, 0x00, 0x10}, 28, 7},
	{packet.Addr{0x3f, 0xfe}, 16, 12},
	{packet.Addr{0x20, 0x02}, 16, 2},
	{packet.Addr{0xfe, 0xc0}, 10, 11},
	{packet.Addr{0xfc}, 7, 5},
}

func label6(a packet.Addr) int {
	for i := range labels6 {
		if l := &labels6[i]; maskAddr(packet.IPv6, a, l.plen) == l.prefix {
			return l.label
		}
	}
	return 1
}
