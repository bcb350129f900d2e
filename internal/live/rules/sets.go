package rules

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"goipvs/packet"
)

// maxElements is how many elements one message may carry: the list of them is
// an attribute, of at most 64 KiB.
const maxElements = 512

// set is one of a table's sets with what it is to hold and how a packet is
// looked up in it.
type set struct {
	*nftables.Set
	match   []expr.Any // matches what is in the set
	members func(*Interest) []nftables.SetElement
}

// sets returns the sets of a table.
func sets(t *nftables.Table, f packet.Family) []*set {
	l := layouts[f]
	mk := func(name string, members func(*Interest) []nftables.SetElement, types ...nftables.SetDatatype) *set {
		s := &nftables.Set{Table: t, Name: name, KeyType: nftables.MustConcatSetType(types...)}
		if len(types) > 1 {
			s.Concatenation = true
		} else {
			s.KeyType = types[0]
		}
		return &set{Set: s, members: members}
	}
	addr := nftables.TypeIPAddr
	if f == packet.IPv6 {
		addr = nftables.TypeIP6Addr
	}
	endpoint := func(name string, of func(*Interest) map[Endpoint]struct{}, addrAt, portAt uint32, ports bool) *set {
		types := []nftables.SetDatatype{nftables.TypeInetProto, addr}
		match := []expr.Any{
			load(expr.MetaKeyL4PROTO),
			&expr.Payload{DestRegister: reg + 1, Base: expr.PayloadBaseNetworkHeader, Offset: addrAt, Len: l.addr},
		}
		if ports {
			types = append(types, nftables.TypeInetService)
			match = append(match, &expr.Payload{DestRegister: reg + 1 + l.addr/4, Base: expr.PayloadBaseTransportHeader, Offset: portAt, Len: 2})
		}
		s := mk(name, func(i *Interest) []nftables.SetElement { return endpoints(of(i), l.addr, ports) }, types...)
		s.match = append(match, &expr.Lookup{SourceRegister: reg, SetName: name})
		return s
	}
	requests := func(i *Interest) map[Endpoint]struct{} { return i.Requests }
	replies := func(i *Interest) map[Endpoint]struct{} { return i.Replies }
	marks := mk("marks", func(i *Interest) []nftables.SetElement { return markElements(i.Marks) }, nftables.TypeMark)
	marks.KeyByteOrder = binaryutil.NativeEndian // for nft, which else prints the octets swapped
	marks.match = []expr.Any{load(expr.MetaKeyMARK), &expr.Lookup{SourceRegister: reg, SetName: "marks"}}
	return []*set{
		endpoint("services", requests, l.dst, 2, true),
		endpoint("addresses", requests, l.dst, 0, false),
		marks,
		endpoint("servers", replies, l.src, 0, true),
		endpoint("hosts", replies, l.src, 0, false),
	}
}

// byName finds a set.
func byName(all []*set, name string) *set {
	return all[slices.IndexFunc(all, func(s *set) bool { return s.Name == name })]
}

// endpoints returns the elements for the endpoints with a port, or for those
// without, sorted.
func endpoints(m map[Endpoint]struct{}, addr uint32, ports bool) []nftables.SetElement {
	var all []nftables.SetElement
	for e := range m {
		if (e.Port != 0) != ports {
			continue
		}
		key := append([]byte{e.Protocol, 0, 0, 0}, e.Addr[:addr]...)
		if ports {
			key = append(binary.BigEndian.AppendUint16(key, e.Port), 0, 0)
		}
		all = append(all, nftables.SetElement{Key: key})
	}
	return sorted(all)
}

func markElements(m map[uint32]struct{}) []nftables.SetElement {
	var all []nftables.SetElement
	for v := range m {
		all = append(all, nftables.SetElement{Key: native(v)})
	}
	return sorted(all)
}

func sorted(e []nftables.SetElement) []nftables.SetElement {
	slices.SortFunc(e, func(a, b nftables.SetElement) int { return bytes.Compare(a.Key, b.Key) })
	return e
}
