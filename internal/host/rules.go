package host

import (
	"net/netip"
	"slices"

	"goipvs/packet"
)

// flow is what a route is looked up by.
//
// Kernel: struct flowi4, struct flowi6.
type flow struct {
	family   packet.Family
	dst, src packet.Addr
	mark     uint32
	oif      int
	scope    uint8 // routes of a lesser scope don't count
	known    bool  // dst is the neighbour to send to (FLOWI_FLAG_KNOWN_NH)
	anySrc   bool  // src need not be this host's (FLOWI_FLAG_ANYSRC)
}

// rule sends flows to a table.
type rule struct {
	pref    int
	from    packet.Addr
	fromLen int
	hasFrom bool
	mark    uint32
	table   uint32
}

func (r *rule) matches(fl *flow) bool {
	if r.mark != 0 && r.mark != fl.mark {
		return false
	}
	if !r.hasFrom || r.fromLen == 0 {
		return true
	}
	if fl.family == packet.IPv6 && fl.src.IsZero() {
		return false
	}
	return maskAddr(fl.family, fl.src, r.fromLen) == r.from
}

// fib is the routing of one family: its rules and tables.
type fib struct {
	family packet.Family
	tables map[uint32]*table
	rules  []rule // by preference; without the kernel's own three
	local  *table
	main   *table
	cache  [cacheSize]cached

	// customLocal: there are local routes that no address made, so that a source
	// has to be looked up to tell whether it is this host's.
	customLocal bool
}

// cacheSize is the size of the cache of lookups, a power of two.
const cacheSize = 512

// cached is one remembered lookup by destination alone.
type cached struct {
	dst packet.Addr
	gen uint32
	e   *entry
}

func newFIB(f packet.Family) *fib {
	b := &fib{family: f, tables: make(map[uint32]*table)}
	b.local, b.main = b.table(TableLocal), b.table(TableMain)
	return b
}

// table returns a table, which it makes if need be.
func (b *fib) table(id uint32) *table {
	t := b.tables[id]
	if t == nil {
		t = new(table)
		b.tables[id] = t
	}
	return t
}

// lookup finds the route of a flow by the rules: the error is that of the route
// found, or ErrUnreachable if there is none.
//
// Kernel: include/net/ip_fib.h, fib_lookup; net/ipv4/fib_rules.c,
// __fib_lookup; net/ipv6/fib6_rules.c, fib6_rule_lookup (6.1).
func (b *fib) lookup(fl *flow, gen uint32) (*entry, error) {
	if len(b.rules) == 0 {
		return b.lookupPlain(fl, gen)
	}
	e := b.local.lookup(fl)
	for i := range b.rules {
		if e != nil {
			return e, e.fail()
		}
		if b.rules[i].matches(fl) {
			e = b.tables[b.rules[i].table].lookup(fl)
		}
	}
	if e == nil {
		e = b.main.lookup(fl)
	}
	if e == nil {
		e = b.tables[TableDefault].lookup(fl)
	}
	if e == nil {
		return nil, ErrUnreachable
	}
	return e, e.fail()
}

// lookupPlain finds the route of a flow where there are no rules but the
// kernel's own. The IPv4 tables local and main are then one, so that a longer
// prefix of main goes before a shorter one of local.
func (b *fib) lookupPlain(fl *flow, gen uint32) (*entry, error) {
	simple := fl.oif == 0 && fl.scope == 0
	slot := &b.cache[(fl.dst.Fold()*0x9e3779b1)>>16%cacheSize]
	if simple && slot.gen == gen && slot.dst == fl.dst {
		return slot.result()
	}
	e := b.local.lookup(fl)
	if e == nil || b.family == packet.IPv4 {
		if m := b.main.lookup(fl); e == nil || m != nil && m.plen > e.plen {
			e = m
		}
	}
	if e == nil {
		e = b.tables[TableDefault].lookup(fl)
	}
	c := cached{dst: fl.dst, gen: gen, e: e}
	if simple {
		*slot = c
	}
	return c.result()
}

func (c *cached) result() (*entry, error) {
	if c.e == nil {
		return nil, ErrUnreachable
	}
	return c.e, c.e.fail()
}

// RuleSpec is a routing rule to add: packets with the mark and from the source
// (where given) are looked up in the table. As `ip rule add` does, a rule goes
// before all others of its family but the one for the local table.
type RuleSpec struct {
	Family packet.Family
	From   netip.Prefix // the zero Prefix: any
	Mark   uint32       // 0: any
	Table  uint32
}

// AddRule adds a rule. Errors: ErrExists, ErrInvalid.
func (h *Host) AddRule(r RuleSpec) error {
	b := h.fib(r.Family)
	if b == nil || r.Table == 0 {
		return ErrInvalid
	}
	n := rule{mark: r.Mark, table: r.Table, pref: 32766 - 1}
	if r.From.IsValid() {
		a, f := packet.AddrFrom(r.From.Addr())
		if f != r.Family {
			return ErrInvalid
		}
		n.hasFrom, n.fromLen, n.from = true, r.From.Bits(), maskAddr(f, a, r.From.Bits())
	}
	for _, o := range b.rules {
		if o.mark == n.mark && o.hasFrom == n.hasFrom && o.from == n.from && o.fromLen == n.fromLen && o.table == n.table {
			return ErrExists
		}
	}
	if len(b.rules) > 0 {
		n.pref = b.rules[0].pref - 1
	}
	b.rules = slices.Insert(b.rules, 0, n)
	h.changed()
	return nil
}
