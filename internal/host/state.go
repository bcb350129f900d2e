package host

import (
	"goipvs/internal/nfct"
	"goipvs/packet"
)

// state is what the host remembers with a packet, as its Origin: what the kernel
// keeps in an sk_buff's control block, and how a reassembled datagram's octets
// are cut up.
type state struct {
	options options

	tracked nfct.Ref // its connection, where connections are tracked

	// The pieces that a reassembled datagram is made of, behind the first one,
	// which has all that the pieces don't.
	pieces []piece
}

// piece is a fragment's payload.
type piece struct {
	len  int
	room int // octets of the header that stood before it
}

// stateOf returns what is remembered with p, to be changed.
func stateOf(p *packet.Packet) *state {
	if s, ok := p.Origin.(*state); ok {
		return s
	}
	s := new(state)
	p.Origin = s
	return s
}

// knownState returns what is remembered with p, nil if nothing.
func knownState(p *packet.Packet) *state {
	s, _ := p.Origin.(*state)
	return s
}

// cuts returns the pieces of p behind its first, and the first's length with all
// headers: what is left of them after what happened to p meanwhile. What was to
// be one piece was taken from the pieces into the first.
//
// Kernel: net/core/skbuff.c, __pskb_pull_tail (6.1).
func (s *state) cuts(p *packet.Packet) (pieces []piece, first int) {
	if s == nil || len(s.pieces) == 0 {
		return nil, p.Len()
	}
	total := 0
	for _, c := range s.pieces {
		total += c.len
	}
	if first = p.Len() - total; first <= 0 {
		return nil, p.Len()
	}
	return pull(s.pieces, first, p.Linear)
}

// pull moves octets from the pieces until the first has want, if all together
// have.
func pull(pieces []piece, first, want int) ([]piece, int) {
	total := first
	for _, c := range pieces {
		total += c.len
	}
	if first >= want || total < want {
		return pieces, first
	}
	pieces = append([]piece(nil), pieces...)
	for first < want && len(pieces) > 0 {
		n := min(want-first, pieces[0].len)
		first += n
		pieces[0].len -= n
		pieces[0].room += n
		if pieces[0].len == 0 {
			pieces = pieces[1:]
		}
	}
	return pieces, first
}
