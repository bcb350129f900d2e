package host

import (
	"encoding/binary"

	"goipvs/packet"
)

// IPv6 next headers that the host looks at (RFC 8200 §4).
const (
	extHopByHop = 0
	extRouting  = 43
	extNone     = 59
	extDestOpts = 60
)

// isExt reports whether a next header is an extension header.
//
// Kernel: net/ipv6/exthdrs_core.c, ipv6_ext_hdr (6.1).
func isExt(next uint8) bool {
	switch next {
	case extHopByHop, extRouting, packet.ExtFragment, packet.ProtoAH, extNone, extDestOpts:
		return true
	}
	return false
}

// fragHeader is where an IPv6 fragment header is, and where the next-header
// field is that leads to it.
type fragHeader struct{ at, nextAt int }

// findFragHeader finds the fragment header of a datagram.
//
// Kernel: net/ipv6/netfilter/nf_conntrack_reasm.c, find_prev_fhdr (6.1).
func findFragHeader(b []byte) (f fragHeader, ok bool) {
	f = fragHeader{packet.SizeIPv6, 6}
	for b[f.nextAt] != packet.ExtFragment {
		next := b[f.nextAt]
		if !isExt(next) || next == extNone || len(b) < f.at+2 {
			return f, false
		}
		size := (int(b[f.at+1]) + 1) * 8
		if next == packet.ProtoAH {
			size = (int(b[f.at+1]) + 2) * 4
		}
		f.nextAt = f.at
		f.at += size
	}
	return f, f.at <= len(b)
}

// firstTruncated reports whether a first fragment doesn't have the transport
// header (RFC 8200 §4.5).
//
// Kernel: include/net/ipv6_frag.h, ipv6frag_thdr_truncated;
// net/ipv6/exthdrs_core.c, ipv6_skip_exthdr (6.1).
func firstTruncated(b []byte, at int) bool {
	next := uint8(packet.ExtFragment)
	for isExt(next) {
		if next == extNone || len(b) < at+2 {
			return false
		}
		size := (int(b[at+1]) + 1) * 8
		switch next {
		case packet.ExtFragment:
			if len(b) < at+4 || binary.BigEndian.Uint16(b[at+2:])&^7 != 0 {
				return false
			}
			size = sizeFragHeader
		case packet.ProtoAH:
			size = (int(b[at+1]) + 2) * 4
		}
		next, at = b[at], at+size
	}
	switch next {
	case packet.ProtoTCP:
		at += packet.SizeTCP
	case packet.ProtoUDP:
		at += packet.SizeUDP
	case packet.ProtoICMPv6:
		at += packet.SizeICMP
	default:
		at++
	}
	return at > len(b)
}

// gather6 puts an IPv6 fragment together with those that came before it. It
// reports whether p goes on: the whole datagram, or as it is because it is no
// fragment, or one that reassembly leaves alone.
//
// Kernel: net/ipv6/netfilter/nf_conntrack_reasm.c, nf_ct_frag6_gather (6.1).
func (h *Host) gather6(p *packet.Packet, user fragUser) bool {
	const in = "nf_ct_frag6_gather"
	b := p.Data()
	if binary.BigEndian.Uint16(b[4:]) == 0 {
		return true
	}
	f, ok := findFragHeader(b)
	if !ok || firstTruncated(b, f.at) {
		return true
	}
	if len(b) < f.at+sizeFragHeader {
		h.drop(p, ReasonTruncated, in)
		return false
	}
	k := fragKey{src: source(p), dst: destination(p), id: binary.BigEndian.Uint32(b[f.at+4:]), user: user}
	if k.dst.IsMulticast(packet.IPv6) || k.dst.IsLinkLocal6() {
		k.iif = p.InIf
	}
	t := &h.frags[1]
	q := t.find(h, k)
	if q == nil {
		h.drop(p, ReasonFragMemory, in)
		return false
	}
	why := h.queue6(t, q, p, f)
	if why == ReasonFragUnaligned {
		return true
	}
	if why != "" {
		h.drop(p, why, "nf_ct_frag6_queue")
		return false
	}
	if !q.complete() {
		if p.Listener != nil {
			p.Listener.Event(p, Queued{Have: q.meat, User: user.String()})
		}
		return false
	}
	t.kill(q)
	if why := q.reassemble6(p); why != "" {
		h.drop(p, why, "nf_ct_frag6_reasm")
		return false
	}
	if p.Listener != nil {
		p.Listener.Event(p, Reassembled{Fragments: q.count(), Largest: p.FragMax})
	}
	return true
}

// queue6 puts p into its queue. It returns why not, or "".
//
// Kernel: net/ipv6/netfilter/nf_conntrack_reasm.c, nf_ct_frag6_queue (6.1).
func (h *Host) queue6(t *fragTable, q *fragQueue, p *packet.Packet, f fragHeader) packet.Reason {
	b := p.Data()
	payload := int(binary.BigEndian.Uint16(b[4:]))
	word := binary.BigEndian.Uint16(b[f.at+2:])
	off := int(word &^ 7)
	end := off + payload - (f.at + sizeFragHeader - packet.SizeIPv6)
	if end < 0 || end > maxMTU4 {
		return ReasonFragTooLong
	}
	if word&1 == 0 {
		if end < q.len || q.lastIn && end != q.len {
			return ReasonFragEnd
		}
		q.lastIn, q.len = true, end
	} else {
		if end&7 != 0 {
			t.kill(q)
			return ReasonFragUnaligned
		}
		if end > q.len {
			if q.lastIn {
				return ReasonFragEnd
			}
			q.len = end
		}
	}
	if end <= off {
		return ReasonFragEmpty
	}
	k := h.keep(p)
	header := f.at + sizeFragHeader
	if header+end-off > k.Len() {
		return ReasonTruncated
	}
	k.Trim(header + end - off)
	switch q.insert(frag{p: k, header: header, data: k.Data()[header:]}, off, end) {
	case duplicate:
		return ReasonFragDuplicate
	case overlap:
		t.kill(q)
		return ReasonFragOverlap
	}
	t.account(q, k, off, end, 1<<(b[1]>>4&3))
	q.maxSize = max(q.maxSize, payload)
	return ""
}

// reassemble6 makes p the datagram that q holds, without a fragment header. It
// returns why that can't be, or "".
//
// Kernel: net/ipv6/netfilter/nf_conntrack_reasm.c, nf_ct_frag6_reasm (6.1).
func (q *fragQueue) reassemble6(p *packet.Packet) packet.Reason {
	ce, ok := ecnOf(q.ecn)
	if !ok {
		return ReasonFragECN
	}
	head := &q.runs[0].frags[0]
	b := head.p.Data()
	f, _ := findFragHeader(b)
	payload := head.header - sizeFragHeader - packet.SizeIPv6 + q.len
	if payload > maxMTU4 {
		return ReasonFragTooLong
	}
	b[f.nextAt] = b[f.at]
	head, buf := q.join(sizeFragHeader)
	s := q.become(p, head, buf)
	s.pieces = q.pieces(false, 0)
	p.IgnoreDF = true
	p.FragMax = packet.SizeIPv6 + q.maxSize
	d := p.Data()
	binary.BigEndian.PutUint16(d[4:], uint16(payload))
	d[1] |= ce << 4
	return ""
}
