package fuzzer

import (
	"net/netip"

	"goipvs/packet"
)

// stray sends what is for no service, or for one in no usual way.
func (t *traffic) stray() {
	f := pick(t.dice, t.families)
	src, dst := client(f, t.IntN(16)), virtual(f, 0)
	iface := outside
	switch t.IntN(6) {
	case 0: // to the director's own addresses
		dst = pick(t.dice, []netip.Addr{ownOutside[f], ownInside[f]})
	case 1: // past the director, to a server
		dst = realServer(f, t.between(1, servers))
	case 2: // from an address that can't be
		src = pick(t.dice, oddAddresses[f])
		if t.in(30) {
			src = dst
		}
	case 3: // to an address that can't be
		dst = pick(t.dice, oddAddresses[f])
	case 4: // from inside, to a service
		src, iface = realServer(f, t.between(1, servers)), t.serverIf()
	}
	h := t.header(src, dst)
	sport, dport := uint16(10000+t.IntN(40)), pick(t.dice, []uint16{80, 53, 8080, 9999, 500, 0, 20, 21})
	switch t.IntN(4) {
	case 0:
		s := segment{sport: sport, dport: dport, flags: pick(t.dice, []uint8{syn, ack, rst, syn | ack, fin | ack}), data: t.octets(t.IntN(20))}
		t.send(iface, mac{}, s.datagram(h))
	case 1:
		t.send(iface, mac{}, udpDatagram(h, sport, dport, t.octets(t.IntN(20))))
	default:
		t.send(iface, mac{}, t.otherProtocol(h))
	}
}

// oddAddresses are such that nobody has.
var oddAddresses = [2][]netip.Addr{
	{
		addr("0.0.0.0"), addr("127.0.0.1"), addr("224.0.0.5"), addr("255.255.255.255"), addr("192.0.2.255"), addr("10.1.0.1"), addr("240.1.1.1"),
		addr("0.0.0.7"), addr("169.254.3.3"), addr("203.0.113.10"),
	},
	{
		addr("::"), addr("::1"), addr("ff02::5"), addr("ff05::1:3"), addr("::ffff:10.1.0.11"), addr("2001:db8:1::1"), addr("2001:db8:f::10"),
	},
}

// otherProtocol makes a datagram of a protocol that IPVS doesn't balance.
func (t *traffic) otherProtocol(h *ip) []byte {
	h.proto = pick(t.dice, []uint8{packet.ProtoGRE, packet.ProtoESP, packet.ProtoESP, packet.ProtoAH, packet.ProtoIPIP, packet.ProtoIPv6, 2, 33, 89, 103, 136, 253})
	body := t.octets(t.between(4, 60))
	switch h.proto {
	case packet.ProtoIPIP, packet.ProtoIPv6:
		// A tunnel's packet to whom it may concern: its inside is a request.
		f := familyOf(h.src)
		if h.proto == packet.ProtoIPv6 {
			f = 1
		}
		in := ip{src: client(f, t.IntN(16)), dst: virtual(f, 0), ttl: 64, id: 1}
		s := segment{sport: 10000, dport: 80, flags: syn}
		return h.datagram(s.datagram(&in))
	case packet.ProtoAH:
		body = append([]byte{6, 4, 0, 0}, t.octets(32)...)
	}
	return h.datagram(body)
}

// unasked lets a server speak first, or after its connection is gone.
func (t *traffic) unasked() {
	s := pick(t.dice, t.services)
	if len(s.servers) == 0 {
		return
	}
	r := pick(t.dice, s.servers)
	f := familyOf(r.addr)
	iface, from := t.serverIf(), mac{}
	if r.addr == ownInside[f] || r.addr == ownOutside[f] || r.addr == loopback[f] {
		iface = local
	}
	h := t.header(r.addr, client(f, t.IntN(16)))
	port := uint16(10000 + t.IntN(40))
	switch s.proto {
	case packet.ProtoTCP:
		x := segment{sport: r.port, dport: port, flags: pick(t.dice, []uint8{syn, ack, rst, syn | ack})}
		t.send(iface, from, x.datagram(h))
	case packet.ProtoSCTP:
		t.send(iface, from, sctpDatagram(h, r.port, port, t.chunks(pick(t.dice, sctpAny), iface)))
	default:
		data := t.octets(t.IntN(30))
		if s.sip {
			data = t.sip(t.IntN(6))
		}
		t.send(iface, from, udpDatagram(h, r.port, port, data))
	}
}
