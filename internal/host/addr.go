package host

import (
	"net/netip"
	"slices"

	"goipvs/packet"
)

// addr4 is an IPv4 address of an interface. A second address of the same prefix
// is a secondary one, and no source is chosen from those.
//
// Kernel: struct in_ifaddr.
type addr4 struct {
	addr      packet.Addr
	plen      int
	scope     uint8
	secondary bool
}

// contains reports whether an address is on the link of a.
func (a *addr4) contains(b packet.Addr) bool {
	return maskAddr(packet.IPv4, b, a.plen) == maskAddr(packet.IPv4, a.addr, a.plen)
}

// AddAddr gives an interface an address, whose prefix is on its link. Errors:
// ErrNoDevice, ErrExists, ErrInvalid.
func (h *Host) AddAddr(ifname string, p netip.Prefix) error {
	d, err := h.device(ifname)
	if err != nil {
		return err
	}
	if !p.IsValid() {
		return ErrInvalid
	}
	a, f := packet.AddrFrom(p.Addr())
	if a.IsMulticast(f) || a.IsZero() {
		return ErrInvalid
	}
	if f == packet.IPv6 {
		err = h.addAddr6(d, a, p.Bits())
	} else {
		err = h.addAddr4(d, a, p.Bits())
	}
	if err != nil {
		return err
	}
	h.changed()
	return nil
}

// addAddr4 puts the address in its place: primary ones behind the last primary
// of no lesser scope, secondary ones at the end.
//
// Kernel: net/ipv4/devinet.c, __inet_insert_ifa (6.1).
func (h *Host) addAddr4(d *iface, addr packet.Addr, plen int) error {
	a := addr4{addr: addr, plen: plen}
	if addr.IsLoopback(packet.IPv4) {
		a.scope = scopeHost
	}
	at := 0
	for i := range d.addr4 {
		o := &d.addr4[i]
		if !o.secondary && a.scope <= o.scope {
			at = i + 1
		}
		if o.plen != plen || !o.contains(addr) {
			continue
		}
		if o.addr == addr {
			return ErrExists
		}
		if o.scope != a.scope {
			return ErrInvalid
		}
		a.secondary = true
	}
	if a.secondary {
		at = len(d.addr4)
	}
	d.addr4 = slices.Insert(d.addr4, at, a)
	h.own4[addr] = struct{}{}
	h.addrRoutes4(d, &a)
	return nil
}

// addrRoutes4 adds the routes that an address brings with it: to itself, always,
// and while the interface is up to its prefix and the prefix's broadcast address.
//
// Kernel: net/ipv4/fib_frontend.c, fib_add_ifaddr (6.1).
func (h *Host) addrRoutes4(d *iface, a *addr4) {
	prim := a.addr
	if a.secondary {
		for i := range d.addr4 {
			if o := &d.addr4[i]; !o.secondary && o.plen == a.plen && o.contains(a.addr) {
				prim = o.addr
				break
			}
		}
	}
	magic := func(t *table, typ RouteType, dst packet.Addr, plen int, scope uint8) {
		for _, o := range t.by[plen][dst] {
			if o.dev == d && o.typ == typ && o.prefSrc == prim {
				return
			}
		}
		t.add(&entry{dst: dst, plen: plen, typ: typ, scope: scope, dev: d, prefSrc: prim, auto: true})
	}
	magic(h.v4.local, LocalRoute, a.addr, 32, scopeHost)
	prefix := maskAddr(packet.IPv4, a.addr, a.plen)
	if !d.up || a.secondary || prefix.IsZero() || prefix == a.addr && a.plen == 32 {
		return
	}
	if d.kind == loopback {
		magic(h.v4.local, LocalRoute, prefix, a.plen, scopeHost)
	} else {
		magic(h.v4.main, Unicast, prefix, a.plen, scopeLink)
	}
	if a.plen < 31 {
		bcast := packet.Addr4(prefix.V4() | ^uint32(0)>>a.plen)
		magic(h.v4.local, broadcastRoute, bcast, 32, scopeLink)
	}
}

// owns4 reports whether an IPv4 address is one of an interface's.
//
// Kernel: net/ipv4/devinet.c, inet_lookup_ifaddr_rcu (6.1).
func (h *Host) owns4(a packet.Addr) bool {
	_, ok := h.own4[a]
	return ok
}

// ownerOf4 returns the interface that an address of this host belongs to, nil if
// it is none of this host's.
//
// Kernel: net/ipv4/devinet.c, __ip_dev_find (6.1).
func (h *Host) ownerOf4(a packet.Addr) *iface {
	if h.owns4(a) {
		for _, d := range h.ifaces[1:] {
			for i := range d.addr4 {
				if d.addr4[i].addr == a {
					return d
				}
			}
		}
	}
	if e := h.v4.local.lookup(&flow{family: packet.IPv4, dst: a}); e != nil && e.typ == LocalRoute {
		return e.dev
	}
	return nil
}

// selectAddr4 chooses a source on an interface for a destination (zero: any)
// among addresses up to a scope, else on any interface.
//
// Kernel: net/ipv4/devinet.c, inet_select_addr (6.1).
func (h *Host) selectAddr4(d *iface, dst packet.Addr, scope uint8) packet.Addr {
	var first packet.Addr
	for i := range d.addr4 {
		a := &d.addr4[i]
		if a.secondary || a.scope > scope {
			continue
		}
		if dst.IsZero() || a.contains(dst) {
			return a.addr
		}
		if first.IsZero() {
			first = a.addr
		}
	}
	if !first.IsZero() {
		return first
	}
	for _, o := range h.ifaces[1:] {
		for i := range o.addr4 {
			if a := &o.addr4[i]; !a.secondary && a.scope != scopeLink && a.scope <= scope {
				return a.addr
			}
		}
	}
	return packet.Addr{}
}

// prefSrc is the source that packets of this host get on a route.
//
// Kernel: net/ipv4/fib_semantics.c, fib_result_prefsrc (6.1).
func (h *Host) prefSrc(e *entry) packet.Addr {
	if !e.prefSrc.IsZero() || e.dev == nil {
		return e.prefSrc
	}
	return h.selectAddr4(e.dev, e.gw, e.scope)
}
