package host

import (
	"encoding/binary"

	"goipvs/packet"
	"goipvs/xmit"
)

// cutter sends a datagram in fragments.
type cutter struct {
	h     *Host
	p     *packet.Packet
	d     *iface
	ours  bool // fragments bear it that IPVS is done with the packet
	count int
}

// send sends a fragment made of a header and octets of the datagram.
func (c *cutter) send(header, data []byte) {
	h := c.h
	need := packet.Headroom + len(header) + len(data)
	if cap(h.txbuf) < need {
		h.txbuf = make([]byte, 2*need)
	}
	buf := h.txbuf[:need]
	copy(buf[packet.Headroom:], header)
	copy(buf[packet.Headroom+len(header):], data)
	q, p := &h.tx, c.p
	q.Set(p.Family, buf, packet.Headroom)
	q.Kind, q.InIf, q.OutIf, q.Loopback = p.Kind, p.InIf, p.OutIf, p.Loopback
	q.Mark, q.Ours, q.Route, q.Listener = p.Mark, c.ours, p.Route, p.Listener
	q.Origin = arrived(p)
	c.count++
	h.finish(q, c.d)
}

// fragment4 sends an IPv4 packet that is too big for its way, or was put
// together from fragments, in fragments; or tells its sender that it can't.
//
// Kernel: net/ipv4/ip_output.c, ip_fragment, ip_do_fragment (6.1).
func (h *Host) fragment4(p *packet.Packet, d *iface, mtu int) {
	b := p.Data()
	s := knownState(p)
	if packet.Fragmentation(b, 0)&packet.FlagDF != 0 && (!p.IgnoreDF || p.FragMax > mtu) {
		h.drop(p, ReasonTooBig, "ip_fragment")
		xmit.ICMPError(h, p, icmpUnreachable, icmpFragNeeded, uint32(mtu))
		return
	}
	if p.FragMax != 0 && p.FragMax < mtu {
		mtu = p.FragMax
	}
	hlen := int(b[0]&0xf) * 4
	if mtu < hlen+8 {
		h.drop(p, ReasonTooBig, "ip_do_fragment")
		return
	}
	c := cutter{h: h, p: p, d: d, ours: p.Ours}
	mtu -= hlen
	header := append(make([]byte, 0, 60), b[:hlen]...)
	pieces, first := s.cuts(p)
	frag := packet.Fragmentation(b, 0)
	if fits4(pieces, first-hlen, hlen, mtu) && frag&(packet.FlagMF|packet.FragMask) == 0 {
		c.again4(header, b[hlen:], pieces, first-hlen, s)
	} else {
		c.anew4(header, b[hlen:], mtu, s)
	}
	if p.Listener != nil {
		p.Listener.Event(p, Fragmented{Count: c.count})
	}
}

// fits4 reports whether a datagram can go in the pieces that it was put together
// from: a piece's buffer has room for the header that it came with.
func fits4(pieces []piece, first, hlen, mtu int) bool {
	if len(pieces) == 0 || first > mtu || first&7 != 0 {
		return false
	}
	for i, c := range pieces {
		if c.len > mtu || c.len&7 != 0 && i < len(pieces)-1 || c.room < hlen {
			return false
		}
	}
	return true
}

// again4 cuts a datagram where it was cut before.
func (c *cutter) again4(header, data []byte, pieces []piece, first int, s *state) {
	off, n := 0, first
	for i := 0; ; i++ {
		word := uint16(off / 8)
		if i < len(pieces) {
			word |= packet.FlagMF
		}
		c.send4(header, data[off:off+n], word)
		if i == len(pieces) {
			return
		}
		if i == 0 && s.options.len > 0 {
			fragmentOptions(header[packet.SizeIPv4:])
		}
		off += n
		n = pieces[i].len
	}
}

// anew4 cuts a datagram into fragments with up to mtu octets of data.
func (c *cutter) anew4(header, data []byte, mtu int, s *state) {
	word := binary.BigEndian.Uint16(header[6:])
	base, more := int(word&packet.FragMask), word&packet.FlagMF
	var df uint16
	if c.p.FragPMTU {
		df = packet.FlagDF
	}
	for off := 0; off < len(data); {
		n := len(data) - off
		if n > mtu {
			n = mtu &^ 7
		}
		w := uint16(base+off/8) | df | more
		if off+n < len(data) {
			w |= packet.FlagMF
		}
		c.send4(header, data[off:off+n], w)
		if base+off/8 == 0 && s != nil && s.options.len > 0 {
			fragmentOptions(header[packet.SizeIPv4:])
		}
		off += n
	}
}

// send4 sends one fragment, its header completed.
func (c *cutter) send4(header, data []byte, word uint16) {
	binary.BigEndian.PutUint16(header[2:], uint16(len(header)+len(data)))
	binary.BigEndian.PutUint16(header[6:], word)
	packet.SetIPv4Checksum(header, 0)
	c.send(header, data)
}

// output6th sends an IPv6 packet by d, in fragments where it is too big or was
// put together from smaller ones.
//
// Kernel: net/ipv6/ip6_output.c, __ip6_finish_output, ip6_finish_output2 (6.1).
func (h *Host) output6th(p *packet.Packet, d *iface, forwarded bool) {
	if dst := destination(p); dst.IsMulticast(packet.IPv6) && d.kind != loopback {
		if h.joined6(d, dst) {
			h.loop(h.keep(p), d)
			if p.TTL() == 0 {
				h.drop(p, ReasonTTL, "ip6_finish_output2")
				return
			}
		}
		if scope6(dst) <= 1 {
			h.drop(p, ReasonScope, "ip6_finish_output2")
			return
		}
	}
	mtu := p.Route.MTU
	if p.Len() > mtu || p.FragMax != 0 && p.Len() > p.FragMax {
		h.fragment6(p, d, mtu)
		return
	}
	h.finish(p, d)
}

// sizeFragHeader is the size of an IPv6 fragment header.
const sizeFragHeader = 8

// fragment6 sends an IPv6 packet in fragments, or tells its sender that it is
// too big: only packets that were put together here, or that this host made, may
// be cut.
//
// Kernel: net/ipv6/ip6_output.c, ip6_fragment (6.1).
func (h *Host) fragment6(p *packet.Packet, d *iface, mtu int) {
	b := p.Data()
	pieces, first := knownState(p).cuts(p)
	hlen, at := unfragmentable(b[:first])
	tooBig := !p.IgnoreDF && len(b) > mtu || p.FragMax > mtu
	size := mtu
	if p.FragMax != 0 {
		size = max(p.FragMax, minMTU6)
	}
	if hlen == 0 {
		h.drop(p, ReasonTruncated, "ip6_find_1stfragopt")
		return
	}
	if tooBig || size < hlen+sizeFragHeader+8 {
		h.drop(p, ReasonTooBig, "ip6_fragment")
		xmit.ICMPError(h, p, icmp6TooBig, 0, uint32(mtu))
		return
	}
	size -= hlen + sizeFragHeader
	header := make([]byte, hlen+sizeFragHeader)
	copy(header, b[:hlen])
	header[hlen] = header[at]
	header[at] = packet.ExtFragment
	binary.BigEndian.PutUint32(header[hlen+4:], h.random())
	c := cutter{h: h, p: p, d: d}
	if fits6(pieces, first-hlen, hlen, size) {
		c.again6(header, b[hlen:], pieces, first-hlen)
	} else {
		c.anew6(header, b[hlen:], size)
	}
	if p.Listener != nil {
		p.Listener.Event(p, Fragmented{Count: c.count})
	}
}

// fits6 reports whether a datagram can go in the pieces that it was put together
// from. A piece's buffer has room for the headers that it came with.
func fits6(pieces []piece, first, hlen, size int) bool {
	if len(pieces) == 0 || first > size || first&7 != 0 {
		return false
	}
	for i, c := range pieces {
		if c.len > size || c.len&7 != 0 && i < len(pieces)-1 || c.room < hlen+sizeFragHeader {
			return false
		}
	}
	return true
}

func (c *cutter) again6(header, data []byte, pieces []piece, first int) {
	off, n := 0, first
	for i := 0; ; i++ {
		c.ours = c.p.Ours && i == 0
		c.send6(header, data[off:off+n], off, i < len(pieces))
		if i == len(pieces) {
			return
		}
		off += n
		n = pieces[i].len
	}
}

func (c *cutter) anew6(header, data []byte, size int) {
	for off := 0; off < len(data); {
		n := len(data) - off
		if n > size {
			n = size &^ 7
		}
		c.send6(header, data[off:off+n], off, off+n < len(data))
		off += n
	}
}

// send6 sends one fragment, its headers completed. A buffer made for a fragment
// forgets that IPVS is done with the packet: one that loops back comes to the hooks
// anew, unless its first piece was sent on as it was.
//
// Kernel: net/ipv6/ip6_output.c, ip6_copy_metadata (6.1).
func (c *cutter) send6(header, data []byte, off int, more bool) {
	word := uint16(off)
	if more {
		word |= 1
	}
	fh := header[len(header)-sizeFragHeader:]
	binary.BigEndian.PutUint16(fh[2:], word)
	binary.BigEndian.PutUint16(header[4:], uint16(len(header)-packet.SizeIPv6+len(data)))
	c.send(header, data)
}

// unfragmentable returns the length of the headers that go into every fragment,
// and the offset of the last next-header field in them; 0 if they don't parse: b
// is a packet's first piece, and has to have all of them.
//
// Kernel: net/ipv6/output_core.c, ip6_find_1stfragopt (6.1).
func unfragmentable(b []byte) (n, nextAt int) {
	n, nextAt = packet.SizeIPv6, 6
	foundRouting := false
	for n <= len(b) {
		switch b[nextAt] {
		case extHopByHop:
		case extRouting:
			foundRouting = true
		case extDestOpts:
			if foundRouting {
				return n, nextAt
			}
		default:
			return n, nextAt
		}
		if n+2 > len(b) {
			return 0, 0
		}
		nextAt = n
		n += (int(b[n+1]) + 1) * 8
		if n > maxMTU4 {
			return 0, 0
		}
	}
	return 0, 0
}
