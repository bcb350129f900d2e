package rules

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"goipvs/hooks"
	"goipvs/internal/setup"
	"goipvs/packet"
)

// builder builds a family's table.
type builder struct {
	*Tables
	family packet.Family
	table  *nftables.Table
}

// priorities of chains that are not IPVS's.
const (
	priorityRaw    = -300
	priorityMangle = -150
	priorityClean  = -97 // at LOCAL_OUT, behind IPVS
)

// Priority is where goipvs handles packets at a hook point: the priority of
// IPVS's first function there.
func Priority(p hooks.Point) int {
	first := 0
	for i, place := range hooks.Places {
		if place.Point == p && (first == 0 || place.Priority < hooks.Places[first-1].Priority) {
			first = i + 1
		}
	}
	return hooks.Places[first-1].Priority
}

// chain adds a chain with its rules; without a hook it is one to jump to.
func (b *builder) chain(name string, hook *nftables.ChainHook, priority int, rules ...[]expr.Any) {
	c := &nftables.Chain{Table: b.table, Name: name}
	if hook != nil {
		c.Type = nftables.ChainTypeFilter
		c.Hooknum = hook
		c.Priority = new(nftables.ChainPriority(priority))
	}
	b.c.AddChain(c)
	for _, r := range rules {
		b.c.AddRule(&nftables.Rule{Table: b.table, Chain: c, Exprs: r})
	}
}

// build adds what the table holds, from the chains that are jumped to up.
func (b *builder) build(i *Interest) error {
	b.marks()
	if i == nil {
		return nil
	}
	all := sets(b.table, b.family)
	for _, s := range all {
		if err := b.c.AddSet(s.Set, nil); err != nil {
			return err
		}
	}
	if err := b.update(all, Delta{Added: i, Gone: NewInterest()}); err != nil {
		return err
	}
	in := func(names ...string) (matches [][]expr.Any) {
		for _, n := range names {
			matches = append(matches, byName(all, n).match)
		}
		return matches
	}
	if err := b.spread(); err != nil {
		return err
	}
	b.queueing("requests", in("services", "addresses", "marks"), to("by_source"))
	b.queueing("replies", in("servers", "hosts"), to("by_dest"))
	b.queueing("errors", icmpErrors(b.family), b.kernel.queue(b.config.Queue, b.config.Queues))
	if b.kernel.defrag != nil {
		b.chain("defrag", nil, 0, b.kernel.defrag(b.table.Family))
	}
	b.points(i)
	b.raw(i, byName(all, "servers"))
	return nil
}

// queueing adds a chain that queues what matches, by the end of its rules.
func (b *builder) queueing(name string, matches [][]expr.Any, end []expr.Any) {
	rules := make([][]expr.Any, len(matches))
	for i, m := range matches {
		rules[i] = exprs(m, end)
	}
	b.chain(name, nil, 0, rules...)
}

// points adds the chains at IPVS's hook points, and the one behind LOCAL_OUT.
func (b *builder) points(i *Interest) {
	bit := b.config.Bit
	passed := exprs(ours(bit), accept())
	arrived := exprs(ours(bit), setMark(bit, 0), accept()) // it looped back, or was unwrapped
	requests, replies, errors := jump("requests"), jump("replies"), jump("errors")
	in := [][]expr.Any{arrived, exprs(notToHost(), accept()), requests, replies, errors}
	out := [][]expr.Any{passed, requests, replies, errors}
	if i.IgnoreTunneled {
		pass := exprs(unknown(), setMark(bit, bit), accept())
		in = append([][]expr.Any{arrived, pass}, in[1:]...)
		out = append([][]expr.Any{passed, pass}, out[1:]...)
	}
	b.chain("input", nftables.ChainHookInput, Priority(hooks.LocalIn), in...)
	b.chain("forward", nftables.ChainHookForward, Priority(hooks.Forward), passed, replies, errors)
	b.chain("output", nftables.ChainHookOutput, Priority(hooks.LocalOut), out...)

	// What loops back must still be known at LOCAL_IN.
	clean := exprs(ours(bit), notLoopback(), setMark(bit, 0))
	b.chain("output_clean", nftables.ChainHookOutput, priorityClean, clean)
	b.chain("postrouting", nftables.ChainHookPostrouting, priorityRaw, clean)
}

// raw adds the chains before connection tracking. A request stays tracked until
// IPVS takes it, as in the kernel, so that rules about its state go on to hold;
// a reply can only be told here.
func (b *builder) raw(i *Interest, servers *set) {
	bit := b.config.Bit
	restore := exprs(ours(bit), restoreMark(bit))
	if !i.NoTrack || !b.kernel.notrack {
		b.chain("output_raw", nftables.ChainHookOutput, priorityRaw, restore)
		return
	}
	replies := exprs(servers.match, notrack())
	b.chain("output_raw", nftables.ChainHookOutput, priorityRaw, restore, exprs(ours(bit), notrack(), accept()), replies)
	b.chain("prerouting_raw", nftables.ChainHookPrerouting, priorityRaw, replies)
}

// marks adds the chain that sets marks.
func (b *builder) marks() {
	var rules [][]expr.Any
	for _, m := range b.marksOf(b.family) {
		rules = append(rules, b.mark(m))
	}
	if len(rules) > 0 {
		b.chain("prerouting_mangle", nftables.ChainHookPrerouting, priorityMangle, rules...)
	}
}

// mark is a rule that sets a mark; our bit stays.
func (b *builder) mark(m setup.MarkAdd) []expr.Any {
	var e []expr.Any
	if m.In != "" {
		name := make([]byte, 16)
		copy(name, m.In)
		e = append(e, load(expr.MetaKeyIIFNAME), equal(name...))
	}
	if m.Dst.IsValid() {
		l := layouts[b.family]
		mask := make([]byte, l.addr)
		for i := range m.Dst.Bits() {
			mask[i/8] |= 0x80 >> (i % 8)
		}
		e = append(e,
			&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: l.dst, Len: l.addr},
			&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: l.addr, Mask: mask, Xor: make([]byte, l.addr)},
			equal(m.Dst.Masked().Addr().AsSlice()...))
	}
	if m.Protocol != 0 {
		e = append(e, protocol(m.Protocol)...)
	}
	if m.HasDPort {
		e = append(e, &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			equal(byte(m.DPort>>8), byte(m.DPort)))
	}
	return exprs(e, setMark(^b.config.Bit, m.Mark&^b.config.Bit))
}
