package rules

import (
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"goipvs/packet"
)

// A connection's packets of both directions go into one queue, so that no two
// workers want its lock: the queue is chosen by the client's address and port,
// which requests have as their source, replies as their destination. Packets of
// TCP have queues of their own, where super-packets come whole.

// hash makes the register a number below n, of an address and the port at
// offset at.
func hash(addrAt, addrLen, at, n uint32) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: addrAt, Len: addrLen},
		&expr.Payload{DestRegister: reg + addrLen/4, Base: expr.PayloadBaseTransportHeader, Offset: at, Len: 2},
		&expr.Hash{SourceRegister: reg, DestRegister: reg, Length: addrLen + 4, Modulus: n, Seed: 1, Type: expr.HashTypeJenkins},
	}
}

// spread adds the chains that queue: by_source and by_dest, and what they need.
func (b *builder) spread() error {
	l := layouts[b.family]
	tcp := protocol(packet.ProtoTCP)
	c := b.config
	super := func(with ...[]expr.Any) (rules [][]expr.Any) {
		if c.Super != 0 {
			rules = append(rules, exprs(append([][]expr.Any{tcp}, with...)...))
		}
		return rules
	}
	if c.Queues < 2 || !b.kernel.hash {
		rules := append(super(b.kernel.queue(c.Super, c.Queues)), b.kernel.queue(c.Queue, c.Queues))
		b.chain("by_source", nil, 0, rules...)
		b.chain("by_dest", nil, 0, rules...)
		return nil
	}
	if err := b.numbers("queues", c.Queue); err != nil {
		return err
	}
	if c.Super != 0 {
		if err := b.numbers("supers", c.Super); err != nil {
			return err
		}
	}
	to := func(set string) []expr.Any {
		return []expr.Any{&expr.Lookup{SourceRegister: reg, SetName: set, IsDestRegSet: true}} // the verdict's register
	}
	for _, side := range []struct {
		name     string
		addr, at uint32
	}{{"by_source", l.src, 0}, {"by_dest", l.dst, 2}} {
		by := hash(side.addr, l.addr, side.at, uint32(c.Queues))
		rules := append(super(by, to("supers")), exprs(by, to("queues")), b.kernel.queue(c.Queue, c.Queues)) // what has no ports
		b.chain(side.name, nil, 0, rules...)
	}
	return nil
}

// numbers adds a map from 0 and on to the queues from first on.
func (b *builder) numbers(name string, first uint16) error {
	var to []nftables.SetElement
	for i := range b.config.Queues {
		chain := "queue_" + strconv.Itoa(int(first+i))
		b.chain(chain, nil, 0, b.kernel.queue(first+i, 1))
		to = append(to, nftables.SetElement{Key: native(uint32(i)), VerdictData: &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}})
	}
	s := &nftables.Set{Table: b.table, Name: name, IsMap: true, KeyType: nftables.TypeInteger, DataType: nftables.TypeVerdict}
	if err := b.c.AddSet(s, nil); err != nil {
		return err
	}
	return inPieces(to, func(e []nftables.SetElement) error { return b.c.SetAddElements(s, e) })
}
