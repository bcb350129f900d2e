package xmit

import (
	"encoding/binary"

	"goipvs/packet"
)

// IPv4 options (RFC 791 §3.1; CIPSO: FIPS 188).
const (
	optEnd         = 0
	optNop         = 1
	optRecordRoute = 7
	optTimestamp   = 68
	optLooseRoute  = 131
	optCIPSO       = 134
	optStrictRoute = 137
)

// Flags of the timestamp option.
const (
	stampOnly    = 0 // times alone
	stampAddr    = 1 // each with its address
	stampPrespec = 3 // only from the addresses given
)

// Clock is a Stack that knows the time of day. The timestamp option asks for it;
// without it the option gets a value that says so.
type Clock interface {
	// Timestamp returns the milliseconds since midnight UT.
	Timestamp() uint32
}

// timestamp is the value for a timestamp option: without a clock one that is not
// standard (RFC 791 §3.1).
//
// Kernel: net/ipv4/af_inet.c, inet_current_timestamp (6.1).
func timestamp(s Stack) uint32 {
	const notStandard = 1 << 31
	if c, ok := s.(Clock); ok {
		return c.Timestamp()
	}
	return notStandard
}

// received are the options of a packet that an ICMP error is to answer; nil
// those that it has not. They have been through receipt: what asked for an
// address or time of this host has got it.
type received struct {
	recordRoute, timestamp, sourceRoute, cipso []byte
}

// optionsOf returns the options that an ICMP error about p echoes. A packet that
// a process makes has been through no receipt, and of one with a parameter
// problem only what is before that.
func optionsOf(p *packet.Packet, typ uint8, info uint32) received {
	b := p.Data()
	if p.Family != packet.IPv4 || p.InIf == 0 || len(b) < packet.SizeIPv4 {
		return received{}
	}
	n := min(int(b[0]&0xf)*4, len(b))
	limit := n
	if typ == icmpParameterProblem {
		limit = int(info >> 24)
	}
	return readOptions(b[:max(n, packet.SizeIPv4)], limit)
}

// readOptions finds the options in an IPv4 header, up to one that is wrong, there
// already, or that holds the octet limit of the header.
func readOptions(head []byte, limit int) (o received) {
	for at := packet.SizeIPv4; at < min(len(head), limit) && head[at] != optEnd; {
		if head[at] == optNop {
			at++
			continue
		}
		if len(head)-at < 2 || head[at+1] < 2 || int(head[at+1]) > len(head)-at {
			break
		}
		opt := head[at : at+int(head[at+1])]
		at += len(opt)
		kind, pointer := o.slot(opt[0])
		switch {
		case kind == nil:
			continue
		case *kind != nil, pointer > 0 && (at > limit || len(opt) < 3 || int(opt[2]) < pointer):
			return o
		}
		*kind = opt // CIPSO even if it is wrong: the kernel notes it before it looks
	}
	return o
}

// slot returns where an option is kept, and the least its pointer can be; nil
// for options that aren't echoed.
func (o *received) slot(kind byte) (opt *[]byte, pointer int) {
	switch kind {
	case optRecordRoute:
		return &o.recordRoute, 4
	case optTimestamp:
		return &o.timestamp, 5
	case optLooseRoute, optStrictRoute:
		return &o.sourceRoute, 4
	case optCIPSO:
		return &o.cipso, 0
	}
	return nil, 0
}

// echo are the options of an ICMP error. Places are offsets in the error's
// header; 0: there is none.
//
// Kernel: include/net/inet_sock.h, struct ip_options (6.1).
type echo struct {
	b   [40]byte
	n   int
	via packet.Addr // where a source route leads first

	sourceRoute               int
	addr, stampAddr, stampNow int // where an address of this host and the time go
}

// from takes over what an error echoes: record route and timestamp with room for
// this host, a source route turned round, CIPSO. It reports false if the options
// are such that no error is sent.
//
// Kernel: net/ipv4/ip_options.c, __ip_options_echo (6.1).
func (e *echo) from(s Stack, o received, src []byte) bool {
	if !e.recordRoute(o.recordRoute) || !e.timestamp(s, o.timestamp) {
		return false
	}
	e.turnRoute(o.sourceRoute, src)
	e.add(o.cipso)
	for e.n%4 != 0 {
		e.n++ // optEnd
	}
	return true
}

// add appends an option and returns the copy and its place in the header.
func (e *echo) add(opt []byte) (b []byte, at int) {
	b = e.b[e.n : e.n+len(opt)]
	copy(b, opt)
	at = packet.SizeIPv4 + e.n
	e.n += len(opt)
	return b, at
}

// Pointers count octets from 1, so that what one of them stands for lies one
// before.

func (e *echo) recordRoute(opt []byte) bool {
	if opt == nil {
		return true
	}
	b, at := e.add(opt)
	if ptr := int(b[2]); ptr <= len(b) {
		if ptr+3 > len(b) {
			return false
		}
		e.addr = at + ptr - 1
		b[2] += 4
	}
	return true
}

func (e *echo) timestamp(s Stack, opt []byte) bool {
	if opt == nil {
		return true
	}
	b, at := e.add(opt)
	ptr := int(b[2])
	if ptr > len(b) {
		return true
	}
	switch b[3] & 0xf {
	case stampOnly:
		if ptr+3 > len(b) {
			return false
		}
		e.stampNow = at + ptr - 1
		b[2] += 4
	case stampAddr:
		if ptr+7 > len(b) {
			return false
		}
		e.stampAddr, e.stampNow = at+ptr-1, at+ptr+3
		b[2] += 8
	case stampPrespec:
		if ptr+3 > len(b) {
			return false
		}
		if ptr+7 <= len(b) {
			var a packet.Addr
			copy(a[:4], b[ptr-1:])
			if s.AddrType(packet.IPv4, a) != AddrUnicast {
				e.stampNow = at + ptr + 3
				b[2] += 8
			}
		}
	}
	return true
}

// turnRoute appends the way back of a source route: what was recorded of it, the
// last hop first, and the packet's source address src at the end, where it may
// stand once only.
func (e *echo) turnRoute(opt, src []byte) {
	const head = 3
	if opt == nil {
		return
	}
	end := min(int(opt[2])-1, len(opt)) // of what was recorded
	hops := (end - head) / 4
	if hops <= 0 {
		return
	}
	at := end - 4
	copy(e.via[:], opt[at:end]) // where the packet goes, so not listed
	var back [40]byte
	n := 0
	for at -= 4; at >= head; at -= 4 {
		n += copy(back[n:], opt[at:at+4])
	}
	if string(opt[at+4:at+8]) == string(src) {
		n -= 4
	}
	if n += 4; n <= 0 {
		return
	}
	b, place := e.add(append([]byte{opt[0], byte(head + n), 4}, back[:n]...))
	copy(b[head+n-4:], src)
	e.sourceRoute = place
}

// fill puts in what is known once the error's way is: the address of this host
// and the time.
//
// Kernel: net/ipv4/ip_options.c, ip_options_build (6.1).
func (e *echo) fill(head []byte, src packet.Addr, s Stack) {
	copy(head[packet.SizeIPv4:], e.b[:e.n])
	for _, at := range []int{e.addr, e.stampAddr} {
		if at != 0 {
			copy(head[at:], src[:4])
		}
	}
	if e.stampNow != 0 {
		binary.BigEndian.PutUint32(head[e.stampNow:], timestamp(s))
	}
}
