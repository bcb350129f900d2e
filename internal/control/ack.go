package control

import "syscall"

// acknowledge makes the message that says how a request ended, with what else is
// told.
//
// Kernel: af_netlink.c, netlink_ack (6.1).
func (r *request) acknowledge(errno syscall.Errno, tell []byte) []byte {
	quote, flags := r.msg, uint16(0)
	if errno == 0 || r.from.CapAck {
		quote, flags = r.msg[:nlHeader], flagCapped
	}
	if len(tell) > 0 {
		flags |= flagTells
	}
	w := &writer{}
	at := w.start(header{typ: nlmsgError, flags: flags, seq: r.seq, portID: r.portID})
	w.b = ne.AppendUint32(w.b, uint32(-int32(errno)))
	w.b = append(w.b, quote...)
	w.pad()
	w.b = append(w.b, tell...)
	w.end(at)
	return w.b
}

// tell makes the attributes that tell what was noted, for who wants them: where
// and why only of what was refused.
//
// Kernel: af_netlink.c, netlink_ack_tlv_fill (6.1).
func (r *request) tell(refused bool) []byte {
	if r.say == nil || !r.from.ExtAck {
		return nil
	}
	w := &writer{}
	w.str(ackAttrText, r.say.text)
	if refused {
		if r.say.at >= 0 {
			w.u32(ackAttrAt, uint32(r.say.at))
		}
		if r.say.rule != nil {
			w.rule(ackAttrPolicy, *r.say.rule)
		}
	}
	return w.b
}

// told returns what an acknowledgement tells beside the error's number: the
// attributes behind what it quotes.
func told(m []byte) []byte {
	h := parseHeader(m)
	at := nlHeader + 4 + nlHeader
	if h.flags&flagTells == 0 || len(m) < at {
		return nil
	}
	if h.flags&flagCapped == 0 {
		at = nlHeader + 4 + align(int(min(ne.Uint32(m[nlHeader+4:]), MaxRequest)))
	}
	return m[min(at, len(m)):]
}

// untold returns an end mark without what it tells.
func untold(m []byte) []byte {
	m = append([]byte(nil), m[:min(len(m), nlHeader+4)]...)
	ne.PutUint32(m, uint32(len(m)))
	ne.PutUint16(m[6:], parseHeader(m).flags&^flagTells)
	return m
}
