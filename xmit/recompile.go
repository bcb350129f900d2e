package xmit

import (
	"encoding/binary"

	"goipvs/packet"
)

// compileOptions does to the IPv4 options of p what receipt does: where they ask
// for it, this host's address and the time are put in. The header's checksum
// stays as it was. It reports false if something is wrong with them.
//
// Kernel: net/ipv4/ip_options.c, __ip_options_compile (6.1).
func compileOptions(s Stack, p *packet.Packet) bool {
	b := p.Data()
	if len(b) < packet.SizeIPv4 || b[0]>>4 != 4 {
		return false
	}
	head := int(b[0]&0xf) * 4
	if head < packet.SizeIPv4 || head > len(b) {
		return false
	}
	c := compiler{s: s, p: p}
	for b = b[packet.SizeIPv4:head]; len(b) > 0; {
		switch b[0] {
		case optEnd:
			clear(b)
			return true
		case optNop:
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) || !c.option(b[:b[1]]) {
			return false
		}
		b = b[b[1]:]
	}
	return true
}

// compiler is what compileOptions has seen.
type compiler struct {
	s                                Stack
	p                                *packet.Packet
	sourceRoute, route, stamp, cipso bool
}

func (c *compiler) option(b []byte) bool {
	first := func(seen *bool, atLeast int) bool {
		ok := !*seen && len(b) >= atLeast
		*seen = true
		return ok
	}
	const routerAlert = 148
	switch b[0] {
	case optLooseRoute, optStrictRoute:
		return first(&c.sourceRoute, 3) && b[2] >= 4
	case optRecordRoute:
		return first(&c.route, 3) && b[2] >= 4 && c.recordRoute(b)
	case optTimestamp:
		return first(&c.stamp, 4) && b[2] >= 5 && c.timestamp(b)
	case routerAlert:
		return len(b) >= 4
	case optCIPSO:
		return first(&c.cipso, 2)
	}
	return true
}

func (c *compiler) recordRoute(b []byte) bool {
	ptr := int(b[2])
	if ptr > len(b) {
		return true
	}
	if ptr+3 > len(b) {
		return false
	}
	c.here(b[ptr-1:])
	b[2] += 4
	return true
}

func (c *compiler) timestamp(b []byte) bool {
	ptr, flag := int(b[2]), b[3]&0xf
	if ptr > len(b) {
		if flag == stampPrespec {
			return true
		}
		b[3] += 1 << 4 // those who had no room
		return b[3]>>4 != 0
	}
	if ptr+3 > len(b) {
		return false
	}
	at := ptr - 1
	switch flag {
	case stampOnly:
		b[2] += 4
	case stampAddr, stampPrespec:
		if ptr+7 > len(b) {
			return false
		}
		if flag == stampAddr {
			c.here(b[at:])
		} else {
			var a packet.Addr
			copy(a[:4], b[at:])
			if c.s.AddrType(packet.IPv4, a) == AddrUnicast {
				return true
			}
		}
		at += 4
		b[2] += 8
	default:
		return true
	}
	binary.BigEndian.PutUint32(b[at:], timestamp(c.s))
	return true
}

// here writes the address by which the packet's sender knows this host.
//
// Kernel: net/ipv4/fib_frontend.c, fib_compute_spec_dst (6.1).
func (c *compiler) here(b []byte) {
	ip := c.p.Data()
	if c.p.Route.Local {
		copy(b, ip[16:20])
		return
	}
	var src packet.Addr
	copy(src[:4], ip[12:16])
	if rt := c.s.RouteReply(c.p, packet.Addr{}, src, 0); rt != nil {
		copy(b, rt.Src[:4])
	}
}
