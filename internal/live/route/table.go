package route

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/packet"
	"goipvs/xmit"
)

// maxRemembered bounds what is remembered; more is forgotten all at once.
const maxRemembered = 1 << 16

// Table are the routes of the network namespace that it was opened in. It is
// safe for concurrent use.
type Table struct {
	asker *asker
	nl    *netlink.Handle
	watch *watcher
	gen   atomic.Uint32
	now   func() time.Time

	mu     sync.RWMutex
	routes map[key]*packet.Route // nil: there is none
	types  map[key]xmit.AddrType
	links  map[int]link
	rules  map[packet.Family]bool // there are rules beyond the usual ones
	pmtu   map[key]pathMTU
}

// key is what an answer is remembered by.
type key struct {
	query
	flags xmit.RouteFlags
}

type link struct {
	name     string
	mtu      int
	loopback bool
}

// Open opens the routes of the calling thread's network namespace.
func Open() (*Table, error) {
	t := &Table{now: time.Now, pmtu: map[key]pathMTU{}}
	t.forget()
	var err error
	if t.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	if t.asker, err = newAsker(); err != nil {
		t.nl.Close()
		return nil, err
	}
	if t.watch, err = watch(t.Invalidate); err != nil {
		t.asker.close()
		t.nl.Close()
		return nil, err
	}
	return t, nil
}

// Close ends the watch.
func (t *Table) Close() {
	t.watch.close()
	t.asker.close()
	t.nl.Close()
}

// Gen is the generation of what is known; it changes whenever routes may have.
func (t *Table) Gen() uint32 { return t.gen.Load() }

// Invalidate forgets all answers. What the process itself changes it need not
// wait for the kernel to tell.
func (t *Table) Invalidate() {
	t.mu.Lock()
	t.forget()
	t.mu.Unlock()
}

// forget is called with the lock held.
func (t *Table) forget() {
	t.gen.Add(1)
	t.routes = map[key]*packet.Route{}
	t.types = map[key]xmit.AddrType{}
	t.links = map[int]link{}
	t.rules = map[packet.Family]bool{}
}

// Output finds the route of a packet of this host; see xmit.Stack.
func (t *Table) Output(f packet.Family, dst packet.Addr, flags xmit.RouteFlags) *packet.Route {
	return t.find(key{query{family: f, dst: dst}, flags})
}

// From finds the route of a packet of this host with a source, a type of
// service and a mark. It returns nil where there is none, or src is none of this
// host's addresses; a zero src is for the host to choose.
func (t *Table) From(f packet.Family, src, dst packet.Addr, tos uint8, mark uint32) *packet.Route {
	if f == packet.IPv6 && !src.IsZero() && t.AddrType(f, src) != xmit.AddrLocal {
		return nil // the kernel checks it in IPv4 alone
	}
	return t.find(key{query{family: f, dst: dst, src: src, tos: tos, mark: mark}, 0})
}

func (t *Table) find(k key) *packet.Route {
	t.mu.RLock()
	r, ok := t.routes[k]
	gen := t.gen.Load()
	t.mu.RUnlock()
	if ok {
		return r
	}
	r = t.route(k, gen)
	t.mu.Lock()
	defer t.mu.Unlock()
	if gen != t.gen.Load() {
		return r // something changed meanwhile, as the caller will see by r.Gen
	}
	if len(t.routes) >= maxRemembered {
		clear(t.routes)
	}
	t.routes[k] = r
	return r
}

// route asks the kernel.
func (t *Table) route(k key, gen uint32) *packet.Route {
	a, err := t.asker.ask(k.query)
	if err == nil && k.flags&xmit.BindSource != 0 && !a.src.IsZero() {
		bound := k.query
		bound.src = a.src
		a, err = t.asker.ask(bound)
	}
	if err != nil {
		return nil
	}
	switch a.typ {
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_THROW:
		return nil
	}
	l := t.link(a.outIf, gen)
	r := &packet.Route{
		Family: k.family, OutIf: a.outIf, NextHop: a.gateway, Src: a.src, Gen: gen,
		Local: a.typ == unix.RTN_LOCAL || l.loopback,
		MTU:   a.mtu,
	}
	if r.MTU == 0 {
		r.MTU = l.mtu
	}
	r.MTU = min(r.MTU, maxMTU(k.family))
	t.mu.RLock()
	if p, ok := t.pmtu[pathKey(k.family, k.dst)]; ok && t.now().Before(p.until) {
		r.MTU = min(r.MTU, p.mtu)
	}
	t.mu.RUnlock()
	if k.flags&xmit.KnownNextHop != 0 && r.NextHop.IsZero() {
		r.NextHop = k.dst
	}
	return r
}

// maxMTU is the largest MTU that a route has, whatever its link says.
//
// Kernel: include/net/ip.h, IP_MAX_MTU; include/net/ip6_fib.h, IP6_MAX_MTU.
func maxMTU(f packet.Family) int {
	if f == packet.IPv6 {
		return 65535 + packet.SizeIPv6
	}
	return 65535
}

// Link returns an interface's MTU in octets, and whether it is a loopback
// interface. An unknown one has the MTU 1500.
func (t *Table) Link(index int) (mtu int, loopback bool) {
	l := t.link(index, t.gen.Load())
	return l.mtu, l.loopback
}

// Name returns an interface's name, its number where it has none (any more).
func (t *Table) Name(index int) string {
	if l := t.link(index, t.gen.Load()); l.name != "" {
		return l.name
	}
	return fmt.Sprintf("if%d", index)
}

// Names returns the names of all interfaces, in the order of their numbers.
func (t *Table) Names() ([]string, error) {
	links, err := t.nl.LinkList()
	if err != nil {
		return nil, fmt.Errorf("interfaces: %w", err)
	}
	slices.SortFunc(links, func(a, b netlink.Link) int { return a.Attrs().Index - b.Attrs().Index })
	names := make([]string, len(links))
	for i, l := range links {
		names[i] = l.Attrs().Name
	}
	return names, nil
}

func (t *Table) link(index int, gen uint32) link {
	t.mu.RLock()
	l, ok := t.links[index]
	t.mu.RUnlock()
	if ok {
		return l
	}
	nl, err := t.nl.LinkByIndex(index)
	if err != nil {
		return link{mtu: 1500}
	}
	l = link{nl.Attrs().Name, nl.Attrs().MTU, nl.Attrs().RawFlags&unix.IFF_LOOPBACK != 0}
	t.mu.Lock()
	if gen == t.gen.Load() {
		t.links[index] = l
	}
	t.mu.Unlock()
	return l
}

// AddrType says what an address is to this host; see xmit.Stack.
func (t *Table) AddrType(f packet.Family, a packet.Addr) xmit.AddrType {
	switch {
	case f == packet.IPv4 && (a[0] == 0 || a == packet.Addr4(0xffffffff)):
		return xmit.AddrBroadcast
	case a.IsZero():
		return xmit.AddrInvalid
	case a.IsMulticast(f):
		return xmit.AddrMulticast
	}
	k := key{query: query{family: f, dst: a}}
	t.mu.RLock()
	typ, ok := t.types[k]
	gen := t.gen.Load()
	t.mu.RUnlock()
	if ok {
		return typ
	}
	ans, err := t.asker.ask(k.query)
	typ = addrType(f, ans, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	if gen == t.gen.Load() {
		if len(t.types) >= maxRemembered {
			clear(t.types)
		}
		t.types[k] = typ
	}
	return typ
}

// addrType reads the kernel's answer. For IPv4 the kernel's own question is to
// the local table alone, so that an address without a route is somebody else's.
func addrType(f packet.Family, a answer, err error) xmit.AddrType {
	switch {
	case err != nil && f == packet.IPv6:
		return xmit.AddrInvalid
	case err != nil:
		return xmit.AddrUnicast
	case a.typ == unix.RTN_LOCAL, a.typ == unix.RTN_ANYCAST && f == packet.IPv6:
		return xmit.AddrLocal
	case a.typ == unix.RTN_BROADCAST:
		return xmit.AddrBroadcast
	}
	return xmit.AddrUnicast
}

// Policy reports whether a family has routing rules beyond those that every
// machine has, so that a packet's route may depend on more than where it goes.
func (t *Table) Policy(f packet.Family) bool {
	t.mu.RLock()
	p, ok := t.rules[f]
	gen := t.gen.Load()
	t.mu.RUnlock()
	if ok {
		return p
	}
	af, _ := family(f)
	rules, err := t.nl.RuleList(int(af))
	p = err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EAFNOSUPPORT)
	for _, r := range rules {
		usual := r.Table >= unix.RT_TABLE_DEFAULT && r.Table <= unix.RT_TABLE_LOCAL && r.Src == nil && r.Dst == nil && r.Mark == 0 && r.IifName == "" && r.OifName == ""
		p = p || !usual
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if gen == t.gen.Load() {
		t.rules[f] = p
	}
	return p
}
