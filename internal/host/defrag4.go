package host

import (
	"encoding/binary"

	"goipvs/packet"
)

// gather4 puts an IPv4 fragment together with those that came before it. It
// reports whether p is the whole datagram now; else the host has kept or dropped
// it.
//
// Kernel: net/ipv4/ip_fragment.c, ip_defrag (6.1).
func (h *Host) gather4(p *packet.Packet, user fragUser) bool {
	const in = "ip_defrag"
	t := &h.frags[0]
	b := p.Data()
	q := t.find(h, fragKey{
		src: source(p), dst: destination(p), id: uint32(binary.BigEndian.Uint16(b[4:])), proto: b[9], user: user,
	})
	if q == nil {
		h.drop(p, ReasonFragMemory, in)
		return false
	}
	if t.tooFar(q) {
		t.reset(h, q)
	}
	if why := h.queue4(t, q, p); why != "" {
		h.drop(p, why, "ip_frag_queue")
		return false
	}
	if !q.complete() {
		if p.Listener != nil {
			p.Listener.Event(p, Queued{Have: q.meat, User: user.String()})
		}
		return false
	}
	t.kill(q)
	if why := q.reassemble4(p, t.kernel); why != "" {
		h.drop(p, why, "ip_frag_reasm")
		return false
	}
	if p.Listener != nil {
		p.Listener.Event(p, Reassembled{Fragments: q.count(), Largest: p.FragMax})
	}
	return true
}

// queue4 puts p into its queue. It returns why not, or "".
//
// Kernel: net/ipv4/ip_fragment.c, ip_frag_queue (6.1).
func (h *Host) queue4(t *fragTable, q *fragQueue, p *packet.Packet) packet.Reason {
	b := p.Data()
	word := packet.Fragmentation(b, 0)
	ihl := int(b[0]&0xf) * 4
	off := int(word&packet.FragMask) * 8
	end := off + len(b) - ihl
	if word&packet.FlagMF == 0 {
		if end < q.len || q.lastIn && end != q.len {
			t.kill(q)
			return ReasonFragEnd
		}
		q.lastIn, q.len = true, end
	} else {
		end &^= 7
		if end > q.len {
			if q.lastIn {
				t.kill(q)
				return ReasonFragEnd
			}
			q.len = end
		}
	}
	if end <= off {
		t.kill(q)
		return ReasonFragEmpty
	}
	k := h.keep(p)
	k.Trim(ihl + end - off)
	f := frag{p: k, header: ihl, data: k.Data()[ihl:]}
	switch q.insert(f, off, end) {
	case duplicate:
		return ReasonFragDuplicate
	case overlap:
		t.kill(q)
		return ReasonFragOverlap
	}
	t.account(q, k, off, end, 1<<(b[1]&3))
	size := k.Len()
	q.maxSize = max(q.maxSize, size)
	if word&packet.FlagDF != 0 {
		q.maxDF = max(q.maxDF, size)
	}
	return ""
}

// reassemble4 makes p the datagram that q holds. It returns why that can't be,
// or "".
//
// Kernel: net/ipv4/ip_fragment.c, ip_frag_reasm (6.1).
func (q *fragQueue) reassemble4(p *packet.Packet, k memory) packet.Reason {
	ce, ok := ecnOf(q.ecn)
	if !ok {
		return ReasonFragECN
	}
	head, buf := q.join(0)
	total := len(buf) - packet.Headroom
	if total > 65535 {
		return ReasonFragTooLong
	}
	s := q.become(p, head, buf)
	s.pieces = q.pieces(q.key.user == userLocal, k)
	p.FragMax = max(q.maxDF, q.maxSize)
	b := p.Data()
	binary.BigEndian.PutUint16(b[2:], uint16(total))
	b[1] |= ce
	var word uint16
	if q.maxDF == q.maxSize {
		p.FragPMTU, word = true, packet.FlagDF
	}
	binary.BigEndian.PutUint16(b[6:], word)
	packet.SetIPv4Checksum(b, 0)
	return ""
}

// count is the number of a queue's fragments.
func (q *fragQueue) count() (n int) {
	for i := range q.runs {
		n += len(q.runs[i].frags)
	}
	return n
}

// String names the place where fragments are put together.
func (u fragUser) String() string {
	switch u {
	case userLocal:
		return "local delivery"
	case userPreRouting:
		return "PREROUTING"
	case userLocalOut:
		return "LOCAL_OUT"
	}
	return "IPVS"
}
