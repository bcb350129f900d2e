package filter

import (
	"bytes"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// station reads an Ethernet address.
func (p *parser) station(q qualifiers) node {
	a, err := net.ParseMAC(p.peek())
	if err != nil || len(a) != 6 {
		p.fail("an Ethernet address is wanted")
	}
	p.next()
	at := func(i int) node {
		return func(f *Frame) bool { return f.Ethernet != nil && bytes.Equal(f.Ethernet[i:i+6], a) }
	}
	return both(q.dir, at(6), at(0))
}

// host reads an address.
func (p *parser) host(q qualifiers) node {
	a, err := netip.ParseAddr(p.peek())
	if err != nil || a.Zone() != "" {
		p.fail("an address is wanted, in numbers,")
	}
	p.next()
	return p.addresses(q, netip.PrefixFrom(a, a.BitLen()))
}

// network reads a network: 10.1, 10.1.0.0/16, 10.1.0.0 mask 255.255.0.0,
// 2001:db8::/32.
func (p *parser) network(q qualifiers) node {
	text := p.peek()
	if x, err := netip.ParsePrefix(text); err == nil {
		if x.Masked() != x {
			p.fail("there are bits beyond the network's length")
		}
		p.next()
		return p.addresses(q, x)
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() {
		p.next()
		return p.addresses(q, netip.PrefixFrom(a, 128))
	}
	addr, bits, hasBits := strings.Cut(text, "/")
	parts := strings.Split(addr, ".")
	n := len(parts) * 8
	for len(parts) < 4 {
		parts = append(parts, "0")
	}
	a, err := netip.ParseAddr(strings.Join(parts, "."))
	if err != nil || !a.Is4() {
		p.fail("a network is wanted, in numbers,")
	}
	if hasBits {
		if n, err = strconv.Atoi(bits); err != nil || n < 0 || n > 32 {
			p.fail("a network is wanted, in numbers,")
		}
	}
	p.next()
	if p.take("mask") {
		m, err := netip.ParseAddr(p.peek())
		if err != nil || !m.Is4() {
			p.fail("a mask is wanted")
		}
		p.next()
		ones, size := net.IPMask(m.AsSlice()).Size()
		if size == 0 {
			p.failAt(p.at-1, "a mask without holes is wanted")
		}
		n = ones
	}
	x := netip.PrefixFrom(a, n)
	if x.Masked() != x {
		p.failAt(p.at-1, "there are bits beyond the network's length")
	}
	return p.addresses(q, x)
}

// addresses compares addresses with a network. Without a protocol IPv4 addresses
// are looked for in ARP, too.
func (p *parser) addresses(q qualifiers, x netip.Prefix) node {
	v6 := x.Addr().Is6()
	if v6 && q.proto != "" && q.proto != "ip6" || !v6 && q.proto == "ip6" {
		p.failAt(p.at-1, "an address that "+q.proto+" has not:")
	}
	if q.proto != "" && protocols[q.proto] != 0 {
		p.failAt(p.at-1, "no address of "+q.proto+":")
	}
	bits := x.Bits()
	want := x.Addr().AsSlice()
	match := func(f *Frame, typ uint16, at int) bool {
		if f.Type != typ {
			return false
		}
		if at+len(want) > len(f.Payload) {
			panic(short{})
		}
		a, _ := netip.AddrFromSlice(f.Payload[at : at+len(want)])
		got, _ := a.Prefix(bits)
		return got == x
	}
	side := func(ip4, ip6, arp int) node {
		return func(f *Frame) bool {
			if v6 {
				return match(f, typeIPv6, ip6)
			}
			return (q.proto == "" || q.proto == "ip") && match(f, typeIPv4, ip4) ||
				(q.proto == "" || q.proto == "arp") && match(f, typeARP, arp) ||
				(q.proto == "" || q.proto == "rarp") && match(f, typeRARP, arp)
		}
	}
	return both(q.dir, side(12, 8, 14), side(16, 24, 24))
}
