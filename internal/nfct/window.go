package nfct

import (
	"encoding/binary"

	"goipvs/conntrack"
	"goipvs/packet"
)

// window is what one side of a TCP connection has sent, and may send.
//
// Kernel: include/uapi/linux/netfilter/nf_conntrack_tcp.h, struct ip_ct_tcp_state (6.1).
type window struct {
	end    uint32 // behind the highest octet it sent
	maxEnd uint32 // behind the highest that the peer takes
	maxWin uint32 // the largest window it offered; 0: nothing was seen of it
	maxAck uint32 // the highest it acknowledged, if acked
	scale  uint8  // of its windows

	scaled    bool // it offered to scale
	sack      bool // it offered selective acknowledgements
	closeInit bool // it closed first
	liberal   bool // it is never too far
	unacked   bool // what it sent is not all acknowledged
	acked     bool
}

// setFlags sets what options say, and clears what else is known.
func (w *window) setFlags(scaled, sack bool) {
	w.scaled, w.sack = scaled, sack
	w.closeInit, w.liberal, w.unacked, w.acked = false, false, false, false
}

// TCP's options.
const (
	optEnd      = 0
	optNop      = 1
	optScale    = 3
	optSACKPerm = 4
	optSACK     = 5
	maxScale    = 14
)

// options calls f for each option of a segment, until one is broken or f returns
// false.
func (g *tcpSegment) options(f func(kind uint8, data []byte) bool) {
	b := g.b[packet.SizeTCP:min(g.headerLen(), len(g.b))]
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == optNop {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return
		}
		if !f(b[0], b[2:b[1]]) {
			return
		}
		b = b[b[1]:]
	}
}

// readOptions takes what the options of a SYN offer, if it has any.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_options (6.1).
func (w *window) readOptions(g *tcpSegment) {
	if g.headerLen() == packet.SizeTCP {
		return
	}
	w.scale = 0
	w.scaled, w.sack, w.closeInit, w.unacked, w.acked = false, false, false, false, false
	g.options(func(kind uint8, data []byte) bool {
		switch {
		case kind == optSACKPerm && len(data) == 0:
			w.sack = true
		case kind == optScale && len(data) == 1:
			w.scale, w.scaled = min(data[0], maxScale), true
		}
		return true
	})
}

// highest returns the highest number that a segment acknowledges, selectively or
// not.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_sack (6.1).
func (g *tcpSegment) highest() uint32 {
	sack := g.ack
	g.options(func(kind uint8, data []byte) bool {
		if kind != optSACK || len(data) < 8 || len(data)%8 != 0 {
			return true
		}
		for ; len(data) > 0; data = data[8:] {
			if right := binary.BigEndian.Uint32(data[4:]); after(right, sack) {
				sack = right
			}
		}
		return false
	})
	return sack
}

func before(a, b uint32) bool { return int32(a-b) < 0 }
func after(a, b uint32) bool  { return before(b, a) }

// greet takes a SYN, or the answer to one, as the beginning of what a side says.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_init_sender (6.1).
func (w *window) greet(peer *window, g *tcpSegment, dir Dir) {
	w.end, w.maxEnd = g.end(), g.end()
	w.maxWin = max(uint32(g.win), 1)
	w.readOptions(g)
	if dir == Reply && !(w.scaled && peer.scaled) {
		w.scale, peer.scale = 0, 0
	}
}

// fit says how a segment fits the windows.
type fit uint8

const (
	inside  fit = iota
	outside     // it doesn't, and changes nothing, but may be right
	tooFar      // it isn't the connection's
	taken       // it doesn't, but its sender may do as it likes
)

// ackSlack is how far back an acknowledgement may lie behind what was sent, at
// least.
//
// Kernel: nf_conntrack_proto_tcp.c, MAXACKWINCONST (6.1).
const ackSlack = 66000

// inWindow looks whether a segment fits what was seen of both sides, and takes
// note of it. adj is by how much the other side's numbers were shifted.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_in_window (6.1).
func (c *tcpConn) inWindow(dir Dir, event tcpEvent, g *tcpSegment, adj *conntrack.SeqAdj) fit {
	me, peer := &c.seen[dir], &c.seen[1-dir]
	seq, end, win := g.seq, g.end(), uint32(g.win)
	ack, sack := g.ack, g.ack
	if peer.sack {
		sack = g.highest()
	}
	shift := uint32(adj.Offset(ack - 1))
	ack, sack = ack-shift, sack-shift

	switch {
	case me.maxWin == 0 && g.has(flagSyn):
		me.greet(peer, g, dir)
		if !g.has(flagAck) {
			return inside
		}
	case me.maxWin == 0:
		me.join(peer, end, win, sack)
	case g.has(flagSyn) && after(end, me.end) && (c.state == tcpSynSent || c.state == tcpSynRecv):
		me.greet(peer, g, dir)
		if dir == Reply && !g.has(flagAck) {
			return inside
		}
	}
	if !g.has(flagAck) || g.has(flagRst) && ack == 0 {
		ack, sack = peer.end, peer.end
	}
	if g.has(flagRst) && seq == 0 && c.state == tcpSynSent {
		seq, end = me.end, me.end
	}
	if f := c.place(me, peer, seq, end, sack); f != inside {
		return f
	}
	if !g.has(flagSyn) {
		win <<= me.scale
	}
	me.send(end, win+sack-ack, ack, g.has(flagAck))
	peer.receive(me, end, sack, ack, win)
	if event == evAck {
		c.countRetrans(dir, seq, ack, end, g.win)
	}
	return inside
}

// join begins with a side in the middle of what it says.
func (w *window) join(peer *window, end, win, sack uint32) {
	w.end = end
	w.maxWin = max(win<<w.scale, 1)
	w.maxEnd = end + w.maxWin
	if peer.maxWin == 0 {
		peer.end, peer.maxEnd = sack, sack
	} else if sack == peer.end+1 {
		peer.end++ // an answer to a keepalive
	}
}

// place says whether a segment lies within the windows.
func (c *tcpConn) place(me, peer *window, seq, end, sack uint32) fit {
	lowest := peer.end - max(me.maxWin, ackSlack) - 1
	received := peer.maxWin == 0 || after(end, me.end-peer.maxWin-1)
	switch {
	case !before(seq, me.maxEnd+1):
		over := end - me.maxEnd + 1
		if peer.maxWin != 0 && received && after(sack, lowest) && over <= peer.maxWin && before(sack, peer.end+1) {
			me.end, me.unacked = end, true
			return me.unless(outside)
		}
		return me.unless(tooFar)
	case !before(sack, peer.end+1):
		return me.unless(tooFar)
	case !received, !after(sack, lowest):
		return me.unless(outside)
	}
	return inside
}

// unless returns f, but for a side that is never too far.
func (w *window) unless(f fit) fit {
	if w.liberal {
		return taken
	}
	return f
}

// send notes what a side sent.
func (w *window) send(end, win, ack uint32, acks bool) {
	w.maxWin = max(w.maxWin, win)
	if after(end, w.end) {
		w.end, w.unacked = end, true
	}
	if acks && (!w.acked || after(ack, w.maxAck)) {
		w.maxAck, w.acked = ack, true
	}
}

// receive notes what a side, the receiver, got and may send.
func (w *window) receive(sender *window, end, sack, ack, win uint32) {
	if w.maxWin != 0 && after(end, sender.maxEnd) {
		w.maxWin += end - sender.maxEnd
	}
	if after(sack+win, w.maxEnd-1) {
		w.maxEnd = sack + win
		if win == 0 {
			w.maxEnd++
		}
	}
	if ack == w.end {
		w.unacked = false
	}
}

// countRetrans counts how often an ACK was sent again.
func (c *tcpConn) countRetrans(dir Dir, seq, ack, end uint32, win uint16) {
	l := &c.last
	if l.dir == dir && l.seq == seq && l.ack == ack && l.end == end && l.win == win {
		if l.retrans < 255 {
			l.retrans++
		}
		return
	}
	l.dir, l.seq, l.ack, l.end, l.win, l.retrans = dir, seq, ack, end, win, 0
}
