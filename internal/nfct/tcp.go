package nfct

import (
	"encoding/binary"
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
)

// tcpState is a state of a TCP connection as somebody in the middle sees it.
//
// Kernel: include/uapi/linux/netfilter/nf_conntrack_tcp.h, enum tcp_conntrack (6.1).
type tcpState uint8

const (
	tcpNone tcpState = iota
	tcpSynSent
	tcpSynRecv
	tcpEstablished
	tcpFinWait
	tcpCloseWait
	tcpLastAck
	tcpTimeWait
	tcpClose
	tcpSynSent2 // SYN of both sides
	tcpInvalid  // no state: the packet doesn't fit
	tcpIgnore   // no state: the packet may be right, and we are not
)

const (
	unackTimeout   = 300 * time.Second
	retransTimeout = 300 * time.Second
	maxRetrans     = 3
)

// tcpTimeouts are how long a connection may be silent in a state.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_timeouts (6.1).
var tcpTimeouts = [...]time.Duration{
	tcpSynSent: 120 * time.Second, tcpSynRecv: 60 * time.Second, tcpEstablished: 5 * 24 * time.Hour,
	tcpFinWait: 120 * time.Second, tcpCloseWait: 60 * time.Second, tcpLastAck: 30 * time.Second,
	tcpTimeWait: 120 * time.Second, tcpClose: 10 * time.Second, tcpSynSent2: 120 * time.Second,
}

// tcpEvent is what of a segment's flags counts.
type tcpEvent uint8

const (
	evSyn tcpEvent = iota
	evSynAck
	evFin
	evAck
	evRst
	evNone
)

// tcpNext is the state after an event in a state, by direction.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_conntracks (6.1).
var tcpNext = func() (next [2][6][10]tcpState) {
	const ss, sr, es, fw, cw, la, tw, cl, s2, iv, ig = tcpSynSent, tcpSynRecv, tcpEstablished,
		tcpFinWait, tcpCloseWait, tcpLastAck, tcpTimeWait, tcpClose, tcpSynSent2, tcpInvalid, tcpIgnore
	next[Original] = [6][10]tcpState{ //     NO  SS  SR  ES  FW  CW  LA  TW  CL  S2
		evSyn:    {ss, ss, ig, ig, ig, ig, ig, ss, ss, s2},
		evSynAck: {iv, iv, sr, iv, iv, iv, iv, iv, iv, sr},
		evFin:    {iv, iv, fw, fw, la, la, la, tw, cl, iv},
		evAck:    {es, iv, es, es, cw, cw, tw, tw, cl, iv},
		evRst:    {iv, cl, cl, cl, cl, cl, cl, cl, cl, cl},
		evNone:   {iv, iv, iv, iv, iv, iv, iv, iv, iv, iv},
	}
	next[Reply] = [6][10]tcpState{
		evSyn:    {iv, s2, iv, iv, iv, iv, iv, ss, iv, s2},
		evSynAck: {iv, sr, ig, ig, ig, ig, ig, ig, ig, sr},
		evFin:    {iv, iv, fw, fw, la, la, la, tw, cl, iv},
		evAck:    {iv, ig, sr, es, cw, cw, tw, tw, cl, ig},
		evRst:    {iv, cl, cl, cl, cl, cl, cl, cl, cl, cl},
		evNone:   {iv, iv, iv, iv, iv, iv, iv, iv, iv, iv},
	}
	return next
}()

// tcpConn is what is known of a TCP connection.
//
// Kernel: include/linux/netfilter/nf_conntrack_tcp.h, struct ip_ct_tcp (6.1).
type tcpConn struct {
	seen  [2]window
	state tcpState
	last  struct { // segment
		dir             Dir
		event           tcpEvent
		seq, ack, end   uint32
		win             uint16
		retrans         uint8
		scale           uint8
		scaled, sack    bool // its options, of a SYN that was ignored
		challenge       bool // it may be answered by an ACK that means nothing (RFC 5961)
		simultaneousSyn bool
	}
}

// tcpSegment is a TCP segment's header.
type tcpSegment struct {
	b        []byte
	seq, ack uint32
	flags    uint8
	win      uint16
}

const (
	flagFin = 1 << iota
	flagSyn
	flagRst
	flagPsh
	flagAck
	flagUrg
)

func (g *tcpSegment) has(flag uint8) bool { return g.flags&flag != 0 }

// headerLen is the header's length in octets.
func (g *tcpSegment) headerLen() int { return int(g.b[12]>>4) * 4 }

// end is the sequence number behind the segment.
func (g *tcpSegment) end() uint32 {
	n := uint32(len(g.b) - g.headerLen())
	if g.has(flagSyn) {
		n++
	}
	if g.has(flagFin) {
		n++
	}
	return g.seq + n
}

func (g *tcpSegment) event() tcpEvent {
	switch {
	case g.has(flagRst):
		return evRst
	case g.has(flagSyn) && g.has(flagAck):
		return evSynAck
	case g.has(flagSyn):
		return evSyn
	case g.has(flagFin):
		return evFin
	case g.has(flagAck):
		return evAck
	}
	return evNone
}

// segment reads the packet's TCP header. It reports false where it is broken.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_error, tcp_valid_flags (6.1).
func (s *seen) segment() (g tcpSegment, ok bool) {
	if len(s.b) < packet.SizeTCP {
		return g, false
	}
	g = tcpSegment{
		b: s.b, seq: binary.BigEndian.Uint32(s.b[4:]), ack: binary.BigEndian.Uint32(s.b[8:]),
		flags: s.b[13], win: binary.BigEndian.Uint16(s.b[14:]),
	}
	if n := g.headerLen(); n < packet.SizeTCP || n > len(s.b) || s.badChecksum() {
		return g, false
	}
	switch g.flags & (flagFin | flagSyn | flagRst | flagAck | flagUrg) {
	case flagSyn, flagSyn | flagUrg, flagSyn | flagAck, flagRst, flagRst | flagAck,
		flagFin | flagAck, flagFin | flagAck | flagUrg, flagAck, flagAck | flagUrg:
		return g, true
	}
	return g, false
}

// begin starts a connection with a segment; one that is no SYN is taken to be
// of a connection that was there before. It reports false if none can begin so.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_new (6.1).
func (c *tcpConn) begin(g *tcpSegment) bool {
	state := tcpNext[Original][g.event()][tcpNone]
	if state == tcpInvalid {
		return false
	}
	*c = tcpConn{}
	w := &c.seen[Original]
	w.end, w.maxWin = g.end(), max(uint32(g.win), 1)
	w.maxEnd = w.end
	if state == tcpSynSent {
		w.readOptions(g)
	} else {
		w.maxEnd += w.maxWin
		for d := range c.seen {
			c.seen[d].sack, c.seen[d].liberal = true, true
		}
	}
	c.last.event = evNone
	return true
}

// closing reports whether the connection is about to end.
//
// Kernel: nf_conntrack_proto_tcp.c, tcp_can_early_drop (6.1).
func (c *tcpConn) closing() bool {
	switch c.state {
	case tcpFinWait, tcpLastAck, tcpTimeWait, tcpClose, tcpCloseWait:
		return true
	}
	return false
}

// established reports whether data may be exchanged.
//
// Kernel: nf_conntrack_proto_tcp.c, nf_conntrack_tcp_established (6.1).
func (c *Conn) established() bool {
	return c.tcp.state == tcpEstablished && c.assured
}

// tcp tracks a TCP segment.
//
// Kernel: nf_conntrack_proto_tcp.c, nf_conntrack_tcp_packet (6.1).
func (s *seen) tcp() verdict {
	g, ok := s.segment()
	if !ok {
		return invalid
	}
	ct := s.conn
	c := &ct.tcp
	if !ct.confirmed && !c.begin(&g) {
		return invalid
	}
	dir, event, old := s.dir, g.event(), c.state
	next := tcpNext[dir][event][old]
	check := true
	switch next {
	case tcpSynSent:
		if old < tcpTimeWait {
			break
		}
		if c.seen[0].closeInit || c.seen[1].closeInit || c.last.dir == dir && c.last.event == evRst {
			s.table.kill(ct)
			return anew
		}
		if next = s.ignore(&g, event, old); next == tcpIgnore {
			return valid
		}
		old = tcpSynSent
	case tcpIgnore:
		if next = s.ignore(&g, event, old); next == tcpIgnore {
			return valid
		}
		old = tcpSynSent
	case tcpInvalid:
		return invalid
	case tcpTimeWait:
		if old == tcpLastAck && event == evAck && c.last.dir != dir && c.last.event == evSyn && c.last.challenge {
			c.last.challenge = false
			return valid
		}
	case tcpSynSent2:
		c.last.simultaneousSyn = true
	case tcpSynRecv:
		if dir == Reply && event == evAck && c.last.simultaneousSyn {
			next = tcpEstablished
		}
	case tcpClose:
		if event == evRst {
			if next, check, ok = s.reset(&g, old); !ok {
				return invalid
			}
		}
	}
	if check {
		switch c.inWindow(dir, event, &g, &ct.adj[1-dir]) {
		case outside:
			return valid
		case tooFar:
			s.strayed(event)
			return invalid
		}
	}
	c.last.event, c.last.dir = event, dir
	c.state = next
	if old != next && next == tcpFinWait {
		c.seen[dir].closeInit = true
	}
	s.renewTCP(&g, event, old, next)
	return valid
}

// ignore handles a segment that may be right where we are wrong: a SYN, what
// answers it, and an ACK for a connection that is only half open. It returns
// the state that the connection gets where that shows that the other side agrees
// with the client; tcpIgnore otherwise.
func (s *seen) ignore(g *tcpSegment, event tcpEvent, old tcpState) tcpState {
	c, dir := &s.conn.tcp, s.dir
	l := &c.last
	if event == evSynAck && l.event == evSyn && l.dir != dir && g.ack == l.end {
		w := &c.seen[l.dir]
		w.end, w.maxEnd, w.maxWin = l.end, l.end, max(uint32(l.win), 1)
		l.challenge = false
		w.setFlags(l.scaled, l.sack)
		w.scale = l.scale
		c.seen[dir] = window{liberal: c.seen[dir].liberal}
		return tcpSynRecv
	}
	l.event, l.dir, l.seq, l.end, l.win = event, dir, g.seq, g.end(), g.win
	if event == evSyn && dir == Original {
		var w window
		w.readOptions(g)
		l.scaled, l.sack, l.scale = w.scaled, w.sack, 0
		if w.scaled {
			l.scale = w.scale
		}
		l.simultaneousSyn = false
		l.challenge = old == tcpLastAck
	}
	if old == tcpSynSent && event == evAck && dir == Reply {
		l.ack = g.ack
	}
	return tcpIgnore
}

// reset decides about a RST that would close the connection: whether it is one
// at all, the state after it, and whether it has to be within the window.
func (s *seen) reset(g *tcpSegment, old tcpState) (next tcpState, check, ok bool) {
	c, dir := &s.conn.tcp, s.dir
	l, peer := &c.last, &c.seen[1-dir]
	if c.closing() {
		return tcpClose, false, true
	}
	next = tcpClose
	if peer.acked && l.event != evSyn {
		if g.seq == 0 && !s.conn.established() {
			return next, true, true
		}
		if before(g.seq, peer.maxAck) {
			return next, true, false
		}
		if !s.conn.established() || g.seq == peer.maxAck ||
			l.event == evAck && l.dir == dir && g.seq == l.end {
			return next, true, true
		}
		next = old
	}
	answersSyn := s.conn.seenReply && l.event == evSyn && l.dir != dir
	answersAck := !s.conn.assured && l.event == evAck
	if (answersSyn || answersAck) && g.ack == l.end {
		return next, false, true
	}
	if old == tcpSynSent && l.event == evAck && l.dir == Reply && g.seq == l.ack {
		return next, false, true
	}
	return next, true, true
}

// strayed shortens the life of a connection both of whose sides want to end it,
// beyond the windows as we know them.
//
// Kernel: nf_conntrack_proto_tcp.c, nf_tcp_handle_invalid (6.1).
func (s *seen) strayed(event tcpEvent) {
	ct := s.conn
	if !ct.assured || event != evRst && event != evFin {
		return
	}
	if l := &ct.tcp.last; l.dir != s.dir && (l.event == evFin || l.event == evRst) {
		if left := ct.expires - s.now; left > unackTimeout {
			ct.expires = s.now + unackTimeout
		}
	} else {
		l.event, l.dir = event, s.dir
	}
}

// renewTCP renews the connection's time after a segment that fits.
func (s *seen) renewTCP(g *tcpSegment, event tcpEvent, old, next tcpState) {
	ct := s.conn
	c := &ct.tcp
	by := tcpTimeouts[next]
	switch {
	case c.last.retrans >= maxRetrans && by > retransTimeout:
		by = retransTimeout
	case event == evRst:
		by = tcpTimeouts[tcpClose]
	case (c.seen[0].unacked || c.seen[1].unacked) && by > unackTimeout:
		by = unackTimeout
	case c.last.win == 0 && by > retransTimeout:
		by = retransTimeout
	}
	if !ct.seenReply {
		if g.has(flagRst) {
			s.table.kill(ct)
			return
		}
		if event == evSyn && old == tcpSynSent {
			return
		}
		if next == tcpEstablished {
			by = min(by, unackTimeout)
		}
	} else if !ct.assured && (old == tcpSynRecv || old == tcpEstablished) && next == tcpEstablished {
		ct.assured = true
	}
	ct.refresh(s.now, by)
}

// adjust shifts the numbers of p's segment b, in the connection's direction dir. It
// reports false where its options are broken. A partial checksum is of the pseudo
// header alone, which they are not in.
func adjust(p *packet.Packet, b []byte, c *Conn, dir Dir) bool {
	partial := p.Partial != 0 && len(b) >= packet.SizeTCP
	var check [2]byte
	if partial {
		copy(check[:], b[16:])
	}
	ok := conntrack.AdjustSeq(b, &c.adj[dir], &c.adj[1-dir])
	if partial {
		copy(b[16:], check[:])
	}
	return ok
}
