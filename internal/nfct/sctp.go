package nfct

import (
	"encoding/binary"
	"time"

	"goipvs/packet"
)

// sctpState is a state of an SCTP association as somebody in the middle sees it.
//
// Kernel: include/uapi/linux/netfilter/nf_conntrack_sctp.h, enum sctp_conntrack (6.1).
type sctpState uint8

const (
	sctpNone sctpState = iota
	sctpClosed
	sctpCookieWait
	sctpCookieEchoed
	sctpEstablished
	sctpShutdownSent
	sctpShutdownRecd
	sctpShutdownAckSent
	sctpHeartbeatSent
	sctpInvalid // no state
)

// sctpTimeouts are how long an association may be silent in a state.
//
// Kernel: nf_conntrack_proto_sctp.c, sctp_timeouts (6.1).
var sctpTimeouts = [...]time.Duration{
	sctpClosed: 10 * time.Second, sctpCookieWait: 3 * time.Second, sctpCookieEchoed: 3 * time.Second,
	sctpEstablished: 210 * time.Second, sctpShutdownSent: 3 * time.Second, sctpShutdownRecd: 3 * time.Second,
	sctpShutdownAckSent: 3 * time.Second, sctpHeartbeatSent: 30 * time.Second,
}

// SCTP's chunks (RFC 9260 §3.2).
const (
	chunkData             = 0
	chunkInit             = 1
	chunkInitAck          = 2
	chunkHeartbeat        = 4
	chunkHeartbeatAck     = 5
	chunkAbort            = 6
	chunkShutdown         = 7
	chunkShutdownAck      = 8
	chunkError            = 9
	chunkCookieEcho       = 10
	chunkCookieAck        = 11
	chunkShutdownComplete = 14
)

// sctpNext is the state after a chunk in a state, by direction; chunks that
// aren't there change nothing.
//
// Kernel: nf_conntrack_proto_sctp.c, sctp_conntracks (6.1).
var sctpNext = func() (next [2]map[uint8][9]sctpState) {
	const cl, cw, ce, es, ss, sr, sa, hs, iv = sctpClosed, sctpCookieWait, sctpCookieEchoed, sctpEstablished,
		sctpShutdownSent, sctpShutdownRecd, sctpShutdownAckSent, sctpHeartbeatSent, sctpInvalid
	next[Original] = map[uint8][9]sctpState{ // NO CL  CW  CE  ES  SS  SR  SA  HS
		chunkInit:             {cl, cl, cw, ce, es, cl, cl, sa, cw},
		chunkInitAck:          {cl, cl, cw, ce, es, ss, sr, sa, cl},
		chunkAbort:            {cl, cl, cl, cl, cl, cl, cl, cl, cl},
		chunkShutdown:         {cl, cl, cw, ce, ss, ss, sr, sa, cl},
		chunkShutdownAck:      {sa, cl, cw, ce, es, sa, sa, sa, sa},
		chunkError:            {cl, cl, cw, ce, es, ss, sr, sa, cl},
		chunkCookieEcho:       {cl, cl, ce, ce, es, ss, sr, sa, cl},
		chunkCookieAck:        {cl, cl, cw, es, es, ss, sr, sa, cl},
		chunkShutdownComplete: {cl, cl, cw, ce, es, ss, sr, cl, cl},
		chunkHeartbeat:        {hs, cl, cw, ce, es, ss, sr, sa, hs},
		chunkHeartbeatAck:     {cl, cl, cw, ce, es, ss, sr, sa, hs},
	}
	next[Reply] = map[uint8][9]sctpState{
		chunkInit:             {iv, cl, cw, ce, es, ss, sr, sa, iv},
		chunkInitAck:          {iv, cw, cw, ce, es, ss, sr, sa, iv},
		chunkAbort:            {iv, cl, cl, cl, cl, cl, cl, cl, iv},
		chunkShutdown:         {iv, cl, cw, ce, sr, ss, sr, sa, iv},
		chunkShutdownAck:      {iv, cl, cw, ce, es, sa, sa, sa, iv},
		chunkError:            {iv, cl, cw, cl, es, ss, sr, sa, iv},
		chunkCookieEcho:       {iv, cl, ce, ce, es, ss, sr, sa, iv},
		chunkCookieAck:        {iv, cl, cw, es, es, ss, sr, sa, iv},
		chunkShutdownComplete: {iv, cl, cw, ce, es, ss, sr, cl, iv},
		chunkHeartbeat:        {iv, cl, cw, ce, es, ss, sr, sa, hs},
		chunkHeartbeatAck:     {iv, cl, cw, ce, es, ss, sr, sa, es},
	}
	return next
}()

func nextSCTP(dir Dir, chunk uint8, state sctpState) sctpState {
	if row, ok := sctpNext[dir][chunk]; ok {
		return row[state]
	}
	return state
}

// sctpConn is what is known of an SCTP association.
//
// Kernel: include/linux/netfilter/nf_conntrack_sctp.h, struct ip_ct_sctp (6.1).
type sctpConn struct {
	state   sctpState
	tag     [2]uint32 // verification tags, by the direction of the packets that carry them
	init    [2]bool   // an INIT was sent and not answered yet
	strange bool      // a heartbeat had another tag
	lastDir Dir       // of it
}

// sctpChunk is a chunk: b begins with its header and runs to the packet's end.
type sctpChunk struct {
	typ, flags uint8
	b          []byte
}

// initTag returns the tag that an INIT or INIT ACK announces; false where it is
// cut off.
func (k *sctpChunk) initTag() (uint32, bool) {
	if len(k.b) < 20 {
		return 0, false
	}
	return binary.BigEndian.Uint32(k.b[4:]), true
}

// chunks splits an SCTP packet. It reports false for chunks that can't stand
// together.
//
// Kernel: nf_conntrack_proto_sctp.c, do_basic_checks (6.1).
func chunks(b []byte) (all []sctpChunk, ok bool) {
	alone := false
	for b = b[packet.SizeSCTP:]; len(b) >= 4; {
		k := sctpChunk{b[0], b[1], b}
		size := int(binary.BigEndian.Uint16(b[2:]))
		alone = alone || k.typ == chunkInit || k.typ == chunkInitAck || k.typ == chunkShutdownComplete
		if (k.typ == chunkCookieAck || k.typ == chunkCookieEcho || alone) && len(all) > 0 || size == 0 {
			return nil, false
		}
		all = append(all, k)
		b = b[min((size+3)&^3, len(b)):]
	}
	return all, len(all) > 0
}

// sctp tracks an SCTP packet.
//
// Kernel: nf_conntrack_proto_sctp.c, nf_conntrack_sctp_packet (6.1).
func (s *seen) sctp() verdict {
	if len(s.b) < packet.SizeSCTP {
		return invalid
	}
	if s.arrived {
		s.p.Linearize(s.h.Len + packet.SizeSCTP)
	}
	if s.arrived && binary.LittleEndian.Uint32(s.b[8:]) != packet.SCTPChecksum(s.b) {
		return invalid
	}
	all, ok := chunks(s.b)
	if !ok {
		return invalid
	}
	var has [256]bool
	for _, k := range all {
		has[k.typ] = true
	}
	tag, c := binary.BigEndian.Uint32(s.b[4:]), &s.conn.sctp
	if !s.conn.confirmed {
		if has[chunkAbort] || has[chunkShutdownComplete] || has[chunkCookieAck] || !c.begin(all, tag) {
			return invalid
		}
	}
	if !has[chunkInit] && !has[chunkShutdownComplete] && !has[chunkCookieEcho] && !has[chunkAbort] &&
		!has[chunkShutdownAck] && !has[chunkHeartbeat] && !has[chunkHeartbeatAck] && tag != c.tag[s.dir] {
		return invalid
	}
	keep := false // its time isn't renewed
	next := sctpNone
	for i := range all {
		k := &all[i]
		switch c.checkTag(s.dir, k, tag, has[chunkData] || keep) {
		case tagWrong:
			return invalid
		case tagStrange:
			keep = true
			continue
		}
		old := c.state
		if next = nextSCTP(s.dir, k.typ, old); next == sctpInvalid || !c.noteTag(s.dir, k, old) {
			return invalid
		}
		if k.typ == chunkInit && next == sctpClosed && old == sctpClosed && s.conn.confirmed {
			keep = true
		}
		c.state = next
		if old != next && next == sctpEstablished {
			s.conn.assured = true
		}
	}
	if !keep {
		s.conn.refresh(s.now, sctpTimeouts[next])
	}
	return valid
}

// begin starts an association with a packet. It reports false if none can begin
// so.
//
// Kernel: nf_conntrack_proto_sctp.c, sctp_new (6.1).
func (c *sctpConn) begin(all []sctpChunk, tag uint32) bool {
	*c = sctpConn{}
	for i := range all {
		k := &all[i]
		if st := nextSCTP(Original, k.typ, sctpNone); st == sctpNone || st == sctpInvalid {
			return false
		}
		switch k.typ {
		case chunkInit:
			t, ok := k.initTag()
			if tag != 0 || !ok {
				return false
			}
			c.tag[Reply] = t
		case chunkHeartbeat:
			c.tag[Original] = tag
		case chunkShutdownAck:
			c.tag[Reply] = tag
		}
	}
	return true
}

// tagCheck says what a chunk makes of the packet's verification tag.
type tagCheck uint8

const (
	tagRight   tagCheck = iota
	tagWrong            // the packet isn't the association's
	tagStrange          // a heartbeat on another path, perhaps: the chunk changes nothing
)

// checkTag checks the packet's tag by the rules for a chunk. strict says that a
// heartbeat's must be right.
func (c *sctpConn) checkTag(dir Dir, k *sctpChunk, tag uint32, strict bool) tagCheck {
	const flagT = 1
	switch k.typ {
	case chunkInit:
		if tag != 0 {
			return tagWrong
		}
	case chunkAbort, chunkShutdownComplete:
		of := dir
		if k.flags&flagT != 0 {
			of = 1 - dir
		}
		if tag != c.tag[of] {
			return tagWrong
		}
	case chunkCookieEcho:
		if tag != c.tag[dir] {
			return tagWrong
		}
	case chunkCookieAck:
		c.init = [2]bool{}
	case chunkHeartbeat, chunkHeartbeatAck:
		return c.checkHeartbeat(dir, k, tag, strict)
	}
	return tagRight
}

func (c *sctpConn) checkHeartbeat(dir Dir, k *sctpChunk, tag uint32, strict bool) tagCheck {
	switch {
	case c.tag[dir] == 0:
		c.tag[dir] = tag
	case tag == c.tag[dir]:
		c.strange = false
	case strict:
		return tagWrong
	case k.typ == chunkHeartbeat:
		c.strange, c.lastDir = true, dir
		return tagStrange
	case !c.strange || c.lastDir == dir:
		return tagWrong
	default:
		c.strange = false
		c.tag[dir], c.tag[1-dir] = tag, 0
	}
	return tagRight
}

// noteTag notes the tag that an INIT or its answer announces. It reports false
// if that can't be.
func (c *sctpConn) noteTag(dir Dir, k *sctpChunk, old sctpState) bool {
	if k.typ != chunkInit && k.typ != chunkInitAck {
		return true
	}
	tag, ok := k.initTag()
	if !ok {
		return false
	}
	other := 1 - dir
	if k.typ == chunkInit {
		if old == sctpNone || c.tag[other] != tag {
			if c.init[dir] && c.init[other] {
				c.init[other] = false
			}
			c.init[dir] = true
		}
	} else if have := c.tag[other]; have != tag && (!c.init[other] && have != 0 || c.init[dir] && c.init[other]) {
		return false
	}
	c.tag[other] = tag
	return true
}
