package fuzzer

import "goipvs/packet"

// tcpFlow is a client's TCP connection.
type tcpFlow struct {
	ends_
	seq, ack uint32
	phase    phase
}

// ends_ is what all flows have.
type ends_ = ends

// phase is how far a client believes its connection to be.
type phase int

const (
	idle phase = iota
	opening
	accepted // the server's SYN has come
	open
	closing
)

// move is what a client does next.
type move struct {
	flags uint8
	data  bool
	to    phase
}

// moves are what clients do, in order and out of it.
var moves = [...][]choice[move]{
	idle: {
		{90, move{syn, false, opening}, 0}, {3, move{syn, true, opening}, 0}, {3, move{ack, false, open}, 0}, {1, move{syn | ack, false, open}, 0},
		{1, move{rst, false, idle}, 0}, {1, move{fin | ack, false, closing}, 0}, {1, move{syn | fin, false, opening}, 0}, {1, move{syn | rst, false, idle}, 0},
		{1, move{0, false, idle}, 0},
	},
	opening: {
		{50, move{syn, false, opening}, 0}, {20, move{ack, false, open}, 0}, {10, move{psh | ack, true, open}, 0}, {5, move{rst, false, closing}, 0},
		{5, move{fin | ack, false, closing}, 0},
	},
	accepted: {
		{85, move{ack, false, open}, 0}, {10, move{psh | ack, true, open}, 0}, {4, move{rst, false, closing}, 0}, {3, move{syn, false, opening}, 0},
	},
	open: {
		{45, move{psh | ack, true, open}, 0}, {20, move{ack, false, open}, 0}, {22, move{fin | ack, false, closing}, 0}, {6, move{rst, false, closing}, 0},
		{3, move{rst | ack, false, closing}, 0}, {4, move{syn, false, opening}, 0}, {2, move{psh | ack | urg, true, open}, 0}, {1, move{0, true, open}, 0},
		{1, move{0xff, true, open}, 0}, {1, move{0xc0 | ack, false, open}, 0}, {1, move{fin, false, closing}, 0},
	},
	closing: {
		{55, move{ack, false, closing}, 0}, {25, move{syn, false, opening}, 0}, {6, move{rst, false, closing}, 0}, {10, move{fin | ack, false, closing}, 0},
		{3, move{psh | ack, true, closing}, 0},
	},
}

func newTCPFlow(t *traffic, e ends) *tcpFlow { return &tcpFlow{ends_: e, seq: t.Uint32()} }

func (f *tcpFlow) ends() ends { return f.ends_ }

func (f *tcpFlow) step(t *traffic) {
	m := choose(t.dice, t.feat, moves[f.phase])
	s := segment{sport: f.cport, dport: f.vport, seq: f.seq, flags: m.flags}
	if m.flags&ack != 0 {
		s.ack = f.ack
	}
	if m.data {
		s.data = t.octets(t.size(f.iface))
	}
	h := t.header(f.client, f.virtual)
	if t.in(3) {
		s.data = t.zeroSum(h, packet.ProtoTCP, f.cport, f.vport, s.seq, s.ack, s.flags, s.data)
	}
	if m.flags&syn != 0 && t.in(50) {
		s.options = []byte{2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 1, 0}
	}
	if !t.in(8) { // else the same will come again
		f.seq += uint32(len(s.data))
		if m.flags&(fin|syn) != 0 {
			f.seq++
		}
	}
	f.phase = m.to
	t.send(f.iface, f.mac(), s.datagram(h))
}

func (f *tcpFlow) saw(s *sighting) {
	if s.h.Protocol != packet.ProtoTCP || s.dst != f.client || s.dport != f.cport || s.src != f.virtual || s.sport != f.vport {
		return
	}
	f.ack = s.seq + s.length
	if s.flags&(fin|syn) != 0 {
		f.ack++
	}
	if s.flags&syn != 0 && f.phase == opening {
		f.phase = accepted
	}
}

// mac is the Ethernet address that the client's packets come from; zero for the
// usual.
func (e *ends) mac() mac {
	if e.client == onlineAlone[familyOf(e.client)] {
		return onlineMAC
	}
	return mac{}
}

// answerTCP draws what a server says to a segment.
func (t *traffic) answerTCP(s *sighting, h *ip) []byte {
	if s.flags&rst != 0 && !t.in(10) {
		return nil
	}
	r := segment{sport: s.dport, dport: s.sport, seq: s.ack, ack: s.seq + s.length}
	switch {
	case s.flags&syn != 0:
		r.flags, r.seq = syn|ack, uint32(s.sport)*7919+uint32(s.dport)
		r.ack++
		if t.in(5) {
			r.flags = rst | ack
		} else if t.in(3) {
			r.flags = ack
		}
	case s.flags&fin != 0:
		r.flags = pick(t.dice, []uint8{fin | ack, fin | ack, ack})
		r.ack++
	case s.length > 0:
		r.flags, r.data = psh|ack, t.octets(t.size(s.iface))
		if s.dport == ftpPort && t.feat.has(FTP) {
			r.data = t.ftpAnswer(s.dst)
		}
		if t.in(15) {
			r.flags |= fin
		}
	default:
		if t.in(50) {
			return nil
		}
		r.flags = pick(t.dice, []uint8{ack, fin | ack, psh | ack, rst, rst | ack, syn, 0})
	}
	return r.datagram(h)
}
