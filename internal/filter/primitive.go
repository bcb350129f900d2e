package filter

import (
	"bytes"
	"net"
	"slices"
	"strconv"
	"strings"

	"goipvs/packet"
)

// qualifiers say what an address or number is about.
type qualifiers struct {
	proto string // "", "ether", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", …
	dir   string // "", "src", "dst", "src or dst", "src and dst"
	kind  string // "", "host", "net", "port", "portrange", "proto"
}

// protocols are the names of what goes over IP, with their numbers; 0 stands for
// those of the link.
var protocols = map[string]uint32{
	"ether": 0, "ip": 0, "ip6": 0, "arp": 0, "rarp": 0,
	"tcp": packet.ProtoTCP, "udp": packet.ProtoUDP, "sctp": packet.ProtoSCTP, "icmp": packet.ProtoICMP, "icmp6": packet.ProtoICMPv6,
	"igmp": 2, "igrp": 9, "pim": 103, "ah": packet.ProtoAH, "esp": packet.ProtoESP, "vrrp": 112,
}

var kinds = []string{"host", "net", "port", "portrange", "proto"}

// primitive reads qualifiers and what they are about.
func (p *parser) primitive() node {
	start := p.at
	var q qualifiers
	if _, ok := protocols[p.peek()]; ok {
		q.proto = p.next()
	}
	switch p.peek() {
	case "src", "dst":
		q.dir = p.next()
		if (p.peek() == "or" || p.peek() == "and") && (p.peekAt(1) == "src" || p.peekAt(1) == "dst") && p.peekAt(1) != q.dir {
			q.dir = "src " + p.next() + " dst"
			p.next()
		}
	}
	if slices.Contains(kinds, p.peek()) {
		q.kind = p.next()
	}
	switch {
	case q.kind == "" && q.dir == "" && q.proto == "" && (p.peek() == "greater" || p.peek() == "less"):
		return p.length()
	case q.kind == "" && q.dir == "" && (p.peek() == "broadcast" || p.peek() == "multicast"):
		return p.group(q.proto)
	case q.kind == "" && q.dir == "" && q.proto != "" && (p.done() || q.proto != "ether" && !p.isID()):
		if q.proto == "ether" {
			p.fail("an address is wanted")
		}
		return justProtocol(q.proto)
	case p.done():
		p.fail("an address, a port or the like is wanted")
	}
	if q == (qualifiers{}) {
		q = p.last
		if q == (qualifiers{}) {
			p.failAt(start, "a word that isn't known, or names a host:")
		}
	}
	p.last = q
	return p.about(q)
}

// done reports whether an expression may end here.
func (p *parser) done() bool {
	return p.peek() == "" || slices.Contains([]string{"and", "or", "&&", "||", ")"}, p.peek())
}

// isID reports whether an address or the like comes.
func (p *parser) isID() bool {
	return !p.done() && p.peek() != "not" && p.peek() != "!" && p.peek() != "("
}

// about reads what the qualifiers are about.
func (p *parser) about(q qualifiers) node {
	// A list in parentheses: each takes the qualifiers.
	if p.take("(") {
		saved := p.last
		p.last = q
		n := p.expression()
		p.last = saved
		if !p.take(")") {
			p.fail("a closing parenthesis is wanted")
		}
		return n
	}
	switch q.kind {
	case "port", "portrange":
		return p.ports(q)
	case "proto":
		return p.proto(q)
	case "net":
		return p.network(q)
	}
	if q.proto == "ether" {
		return p.station(q)
	}
	return p.host(q)
}

// justProtocol is a protocol's name alone.
func justProtocol(name string) node {
	switch name {
	case "ip":
		return (*Frame).ip4
	case "ip6":
		return (*Frame).ip6
	case "arp":
		return func(f *Frame) bool { return f.Type == typeARP }
	case "rarp":
		return func(f *Frame) bool { return f.Type == typeRARP }
	}
	n := protocols[name]
	v4, v6 := name != "icmp6", name != "icmp" && name != "igmp" && name != "igrp" && name != "vrrp"
	return func(f *Frame) bool { return f.carries(n, v4, v6) }
}

// length reads what follows greater and less.
func (p *parser) length() node {
	greater := p.next() == "greater"
	at := p.at
	n, err := strconv.ParseUint(p.next(), 0, 31)
	if err != nil {
		p.failAt(at, "a length is wanted")
	}
	return func(f *Frame) bool {
		if greater {
			return f.Len >= int(n)
		}
		return f.Len <= int(n)
	}
}

// group is broadcast or multicast.
func (p *parser) group(proto string) node {
	what := p.next()
	switch {
	case (proto == "" || proto == "ether") && what == "broadcast":
		return func(f *Frame) bool {
			return f.Ethernet != nil && bytes.Equal(f.Ethernet[:6], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		}
	case proto == "" || proto == "ether":
		return func(f *Frame) bool { return f.Ethernet != nil && f.Ethernet[0]&1 != 0 }
	case proto == "ip" && what == "multicast":
		return func(f *Frame) bool { return f.ip4() && u(f.Payload, 16, 1) >= 224 }
	case proto == "ip6" && what == "multicast":
		return func(f *Frame) bool { return f.ip6() && u(f.Payload, 24, 1) == 255 }
	}
	p.failAt(p.at-1, "not for "+proto+":")
	return nil
}

// both joins what holds for source and destination as a direction says.
func both(dir string, src, dst node) node {
	switch dir {
	case "src":
		return src
	case "dst":
		return dst
	case "src and dst":
		return func(f *Frame) bool { return src(f) && dst(f) }
	}
	return func(f *Frame) bool { return src(f) || dst(f) }
}

// ports reads a port or a range of them.
func (p *parser) ports(q qualifiers) node {
	proto := protocols[q.proto]
	if q.proto != "" && proto != packet.ProtoTCP && proto != packet.ProtoUDP && proto != packet.ProtoSCTP {
		p.fail(q.proto + " has no ports:")
	}
	text := p.peek()
	first, last := text, text
	if q.kind == "portrange" {
		var ok bool
		if first, last, ok = strings.Cut(text, "-"); !ok {
			p.fail("a range of ports is wanted")
		}
	}
	low, high := p.port(first, &proto), p.port(last, &proto)
	if low > high {
		low, high = high, low
	}
	p.next()
	side := func(off int) node {
		return func(f *Frame) bool {
			at := packet.SizeIPv6
			next := 0
			switch {
			case f.ip4():
				next = int(u(f.Payload, 9, 1))
			case f.ip6():
				next = int(u(f.Payload, 6, 1))
			default:
				return false
			}
			if proto != 0 && next != int(proto) || next != packet.ProtoTCP && next != packet.ProtoUDP && next != packet.ProtoSCTP {
				return false
			}
			if f.ip4() {
				var ok bool
				if at, ok = f.transport(); !ok {
					return false
				}
			}
			port := u(f.Payload, at+off, 2)
			return port >= low && port <= high
		}
	}
	return both(q.dir, side(0), side(2))
}

// port reads a port's number or name. A name that only one protocol knows is for
// that alone.
func (p *parser) port(text string, proto *uint32) uint32 {
	if n, err := strconv.ParseUint(text, 0, 16); err == nil {
		return uint32(n)
	}
	tcp, err1 := net.LookupPort("tcp", text)
	udp, err2 := net.LookupPort("udp", text)
	known := map[uint32]int{}
	if err1 == nil {
		known[packet.ProtoTCP] = tcp
	}
	if err2 == nil {
		known[packet.ProtoUDP] = udp
	}
	if *proto == 0 && len(known) == 1 {
		for only := range known {
			*proto = only
		}
	}
	n, ok := known[*proto]
	if *proto == 0 && tcp == udp && len(known) == 2 {
		n, ok = tcp, true
	}
	if !ok || text == "" {
		p.fail("a port is wanted")
	}
	return uint32(n)
}

// proto reads what follows `proto`: a number or a name, or with ether the type.
func (p *parser) proto(q qualifiers) node {
	text := strings.TrimPrefix(p.peek(), "\\")
	if q.dir != "" {
		p.fail("a protocol has no direction:")
	}
	n, err := strconv.ParseUint(text, 0, 32)
	if q.proto == "ether" {
		types := map[string]uint64{"ip": typeIPv4, "ip6": typeIPv6, "arp": typeARP, "rarp": typeRARP}
		if typ, ok := types[text]; ok {
			n, err = typ, nil
		}
		if err != nil || n < 0x600 || n > 0xffff {
			p.fail("an Ethernet type is wanted")
		}
		p.next()
		return func(f *Frame) bool { return uint64(f.Type) == n }
	}
	if known := protocols[text]; known != 0 {
		n, err = uint64(known), nil
	}
	if err != nil || n > 255 || q.proto != "" && q.proto != "ip" && q.proto != "ip6" {
		p.fail("a protocol is wanted")
	}
	p.next()
	v4, v6 := q.proto != "ip6", q.proto != "ip"
	return func(f *Frame) bool { return f.carries(uint32(n), v4, v6) }
}
