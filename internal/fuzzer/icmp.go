package fuzzer

import (
	"encoding/binary"
	"net/netip"

	"goipvs/packet"
)

// icmpType is a type and a code.
type icmpType struct{ typ, code uint8 }

// errors4 and errors6 are what errors there are, with some types that are none
// that anybody knows.
var errors4 = []choice[icmpType]{
	{4, icmpType{3, 0}, 0}, {8, icmpType{3, 1}, 0}, {3, icmpType{3, 2}, 0}, {12, icmpType{3, 3}, 0}, {16, icmpType{3, 4}, 0}, {2, icmpType{3, 10}, 0},
	{2, icmpType{3, 13}, 0}, {1, icmpType{3, 99}, 0}, {4, icmpType{4, 0}, 0}, {8, icmpType{11, 0}, 0}, {3, icmpType{11, 1}, 0}, {3, icmpType{12, 0}, 0},
	{3, icmpType{5, 1}, 0}, {1, icmpType{6, 0}, 0}, {1, icmpType{42, 7}, 0},
}

var errors6 = []choice[icmpType]{
	{4, icmpType{1, 0}, 0}, {3, icmpType{1, 1}, 0}, {4, icmpType{1, 3}, 0}, {12, icmpType{1, 4}, 0}, {16, icmpType{2, 0}, 0}, {8, icmpType{3, 0}, 0},
	{3, icmpType{3, 1}, 0}, {4, icmpType{4, 0}, 0}, {1, icmpType{4, 1}, 0}, {1, icmpType{100, 0}, 0}, {1, icmpType{127, 3}, 0}, {1, icmpType{0, 0}, 0},
}

// wordOf draws an error's second word: the MTU, where it says one.
func (t *traffic) wordOf(k icmpType, f family) uint32 {
	switch {
	case !f.v6() && k == icmpType{3, 4}:
		return uint32(pick(t.dice, []int{0, 68, 296, 552, 576, 1000, 1280, 1400, 1480, 1500, 9000, 0x10000 | 1300}))
	case f.v6() && k.typ == 2:
		return uint32(pick(t.dice, []int{0, 576, 1280, 1281, 1300, 1400, 1480, 1500, 9000}))
	case t.in(5):
		return t.Uint32()
	}
	return 0
}

// sendError sends an ICMP error about a datagram.
func (t *traffic) sendError(iface string, from mac, src, dst netip.Addr, about []byte) {
	f := familyOf(src)
	if familyOf(dst) != f {
		return
	}
	table := errors4
	if f.v6() {
		table = errors6
	}
	k := choose(t.dice, t.feat, table)
	h := t.header(src, dst)
	h.df = t.in(10)
	t.send(iface, from, icmpDatagram(h, k.typ, k.code, t.wordOf(k, f), t.quote(about)))
}

// quote draws how much of a datagram an error quotes, and what became of that
// on the way.
func (t *traffic) quote(b []byte) []byte {
	q := append([]byte(nil), b...)
	h := packet.SizeIPv4
	if len(b) > 0 && b[0]>>4 == 6 {
		h = packet.SizeIPv6
	}
	n := h + pick(t.dice, []int{8, 8, 8, 8, 20, 28, 64, 128, 548, 548, 1500})
	if t.in(8) {
		n = pick(t.dice, []int{h, h - 1, h + 1, h + 2, h + 4, h + 7, 4, 0, h + 12, h + 16})
	}
	q = q[:min(max(n, 0), len(q))]
	if len(q) < h || t.in(75) {
		return q
	}
	switch t.IntN(8) {
	case 0: // other ports
		if len(q) >= h+4 {
			q[h+t.IntN(4)] ^= byte(t.between(1, 255))
		}
	case 1: // another address
		q[h-1-t.IntN(8)] ^= byte(t.between(1, 255))
	case 2: // another length
		at := 2
		if h == packet.SizeIPv6 {
			at = 4
		}
		binary.BigEndian.PutUint16(q[at:], uint16(t.IntN(2000)))
	case 3: // a later fragment, or a first one
		if h == packet.SizeIPv4 {
			binary.BigEndian.PutUint16(q[6:], pick(t.dice, []uint16{0x2000, 1, 0x2001, 185}))
		}
	case 4: // another protocol
		at := 9
		if h == packet.SizeIPv6 {
			at = 6
		}
		q[at] = pick(t.dice, []uint8{1, 4, 6, 17, 41, 47, 50, 51, 58, 132, 255, 44, 0})
	case 5: // another header length or version
		q[0] = pick(t.dice, []uint8{0x45, 0x46, 0x44, 0x40, 0x4f, 0x55, 0x60, 0x05})
	default: // a lower TTL
		at := 8
		if h == packet.SizeIPv6 {
			at = 7
		}
		q[at] = byte(t.IntN(64))
	}
	return q
}

// somebody returns an end of an exchange, or a router before it.
func (t *traffic) somebody(a netip.Addr) netip.Addr {
	if t.in(30) {
		return farAway(familyOf(a), t.IntN(3))
	}
	return a
}

// serverError sends an error about what reached a server.
func (t *traffic) serverError() {
	if len(t.servers) == 0 {
		return
	}
	s := pick(t.dice, t.servers)
	if len(s.inner) == 0 || !s.src.IsValid() || s.isError() {
		return
	}
	t.sendError(s.iface, s.to, t.somebody(s.dst), s.src, s.inner)
}

// tunnelError sends an error about a tunnel's packet: to the director, who made
// the outer header.
func (t *traffic) tunnelError() {
	for _, s := range t.servers {
		if &s.inner[0] == &s.data[0] || !t.in(30) {
			continue
		}
		var h packet.Header
		if parse(s.data, &h) {
			t.sendError(s.iface, s.to, t.somebody(h.Dst.Netip(h.Family)), h.Src.Netip(h.Family), s.data)
			return
		}
	}
}

// clientError sends an error about what reached a client, or what would have: a
// client of a service that is not by NAT gets its answers directly.
func (t *traffic) clientError() {
	if len(t.clients) > 0 && t.in(60) {
		if s := pick(t.dice, t.clients); s.src.IsValid() && !s.isError() {
			t.sendError(outside, mac{}, t.somebody(s.dst), s.src, s.data)
		}
		return
	}
	if len(t.flows) == 0 {
		return
	}
	e := pick(t.dice, t.flows).ends()
	if e.iface == local {
		return
	}
	t.sendError(e.iface, e.mac(), t.somebody(e.client), e.virtual, t.replyOf(e))
}

// replyOf makes a server's answer as its client would get it.
func (t *traffic) replyOf(e ends) []byte {
	h := t.header(e.virtual, e.client)
	switch e.proto {
	case packet.ProtoTCP:
		s := segment{sport: e.vport, dport: e.cport, flags: ack, data: t.octets(t.IntN(40))}
		return s.datagram(h)
	case packet.ProtoSCTP:
		return sctpDatagram(h, e.vport, e.cport, []chunk{{chunkData, 0, t.octets(20)}})
	}
	return udpDatagram(h, e.vport, e.cport, t.octets(t.IntN(40)))
}

// madeUpError sends an error about something that nobody ever sent.
func (t *traffic) madeUpError() {
	f := pick(t.dice, t.families)
	e := ends{client: client(f, t.IntN(16)), virtual: virtual(f, t.IntN(3)), cport: uint16(10000 + t.IntN(40)), vport: 80}
	e.proto = choose(t.dice, t.feat, protocols)
	e.vport = pick(t.dice, ports[e.proto])
	if t.in(50) {
		t.sendError(outside, mac{}, t.somebody(e.client), e.virtual, t.replyOf(e))
		return
	}
	e.virtual, e.client = e.client, realServer(f, t.between(1, servers))
	t.sendError(t.serverIf(), mac{}, e.client, e.virtual, t.replyOf(e))
}

// query sends an ICMP message that is no error.
func (t *traffic) query() {
	f := pick(t.dice, t.families)
	typ := pick(t.dice, []uint8{8, 8, 8, 0, 13, 15, 17})
	if f.v6() {
		typ = pick(t.dice, []uint8{128, 128, 129, 200})
	}
	to := pick(t.dice, []netip.Addr{virtual(f, 0), virtual(f, 0), realServer(f, 1), ownOutside[f], ownInside[f]})
	h := t.header(client(f, t.IntN(16)), to)
	if t.feat.has(LocalClients) && t.in(10) {
		h.src = ownOutside[f]
		t.send(local, mac{}, icmpDatagram(h, typ, 0, 0x10001, t.octets(t.IntN(64))))
		return
	}
	t.send(outside, mac{}, icmpDatagram(h, typ, 0, 0x10001, t.octets(t.IntN(64))))
}
