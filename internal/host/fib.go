package host

import (
	"slices"

	"goipvs/packet"
)

// Route scopes: how far a destination is. A greater one is nearer.
//
// Kernel: include/uapi/linux/rtnetlink.h, RT_SCOPE_UNIVERSE and others.
const (
	scopeGlobal = 0
	scopeLink   = 253
	scopeHost   = 254
)

// entry is one route: a prefix of a table with where its packets go, and what
// was found out about single destinations behind it.
//
// Kernel: struct fib_alias with its fib_info and fib_nh; struct fib6_info.
type entry struct {
	dst     packet.Addr
	plen    int
	typ     RouteType
	scope   uint8
	metric  int
	dev     *iface // nil where the type is an error
	gw      packet.Addr
	hasGW   bool
	prefSrc packet.Addr // zero: none
	auto    bool        // made with an address or interface, goes with it

	gen        uint32        // of in and out
	in, out    *packet.Route // for all destinations but those of exceptions
	exceptions map[packet.Addr]*exception
}

// fail is the error that a route of a type stands for.
//
// Kernel: net/ipv4/fib_semantics.c, fib_props; net/ipv6/route.c,
// ip6_rt_type_to_error (6.1).
func (e *entry) fail() error {
	switch e.typ {
	case Unreachable:
		return ErrNoHost
	case Blackhole:
		return ErrInvalid
	case Prohibit:
		return ErrDenied
	}
	return nil
}

// table is one routing table of one family: for each prefix length that occurs
// its prefixes, and for each prefix its routes, best first.
type table struct {
	lens []int // descending
	by   [129]map[packet.Addr][]*entry
}

// add inserts a route behind those of its prefix with no greater metric.
func (t *table) add(e *entry) {
	m := t.by[e.plen]
	if m == nil {
		m = make(map[packet.Addr][]*entry)
		t.by[e.plen] = m
		i, _ := slices.BinarySearchFunc(t.lens, e.plen, func(a, b int) int { return b - a })
		t.lens = slices.Insert(t.lens, i, e.plen)
	}
	list := m[e.dst]
	i := 0
	for i < len(list) && list[i].metric <= e.metric {
		i++
	}
	m[e.dst] = slices.Insert(list, i, e)
}

// find returns the first route of a prefix that has a metric.
func (t *table) find(dst packet.Addr, plen, metric int) *entry {
	for _, e := range t.by[plen][dst] {
		if e.metric == metric {
			return e
		}
	}
	return nil
}

// remove deletes the routes for which gone is true.
func (t *table) remove(gone func(*entry) bool) {
	for _, n := range t.lens {
		for dst, list := range t.by[n] {
			if list = slices.DeleteFunc(list, gone); len(list) == 0 {
				delete(t.by[n], dst)
			} else {
				t.by[n][dst] = list
			}
		}
	}
}

// all calls f for each route.
func (t *table) all(f func(*entry)) {
	for _, n := range t.lens {
		for _, list := range t.by[n] {
			for _, e := range list {
				f(e)
			}
		}
	}
}

// lookup returns the route with the longest prefix that serves a flow, nil if
// none does.
//
// Kernel: net/ipv4/fib_trie.c, fib_table_lookup; net/ipv6/ip6_fib.c,
// fib6_node_lookup (6.1).
func (t *table) lookup(fl *flow) *entry {
	if t == nil {
		return nil
	}
	for _, n := range t.lens {
		for _, e := range t.by[n][maskAddr(fl.family, fl.dst, n)] {
			if e.scope < fl.scope {
				continue
			}
			if fl.oif != 0 && e.dev != nil && e.dev.index != fl.oif {
				continue
			}
			return e
		}
	}
	return nil
}

// maskAddr returns the first n bits of an address.
func maskAddr(f packet.Family, a packet.Addr, n int) packet.Addr {
	if f == packet.IPv4 {
		return packet.Addr4(uint32(uint64(a.V4()) >> (32 - n) << (32 - n)))
	}
	return a.Mask(packet.IPv6, uint32(n))
}

// addrBits is the length of a family's addresses.
func addrBits(f packet.Family) int {
	if f == packet.IPv6 {
		return 128
	}
	return 32
}
