package control

import (
	"bytes"
	"fmt"
	"syscall"
)

// Relay answers a datagram of requests as Engine.Handle does, by way of a
// connection to an engine: for whoever stands between a program that believes it
// speaks to the kernel and the daemon. Besides those of send it returns the
// connection's errors.
func Relay(c Conn, req []byte, from Caller, send func(datagram []byte) error) error {
	for h, msg := range messages(req) {
		r := newRequest(h, msg, from, send)
		err := error(nil)
		if r.wanted() {
			err = r.admit()
			if err == nil && r.typ == FamilyID && r.cmd == CmdTrace {
				err = syscall.EOPNOTSUPP // others' requests would wait for its end
			}
		}
		switch {
		case err != nil || !r.wanted():
			if err != nil || h.flags&flagAck != 0 {
				r.put(r.acknowledge(errnoOf(err), r.tell(err != nil)))
			}
		default:
			if err := relay(c, r); err != nil {
				return err
			}
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// relay has one request answered. It is sent so that the answers are addressed
// rightly and have an end; the acknowledgement is then given as it was asked
// for.
func relay(c Conn, r *request) error {
	msg := bytes.Clone(r.msg)
	if !r.dump() {
		ne.PutUint16(msg[6:], r.flags|flagAck)
	}
	ne.PutUint32(msg[12:], r.portID)
	return c.Request(msg, func(b []byte) error {
		if len(b) < nlHeader {
			return fmt.Errorf("%w: %d octets", ErrAnswer, len(b))
		}
		switch h := parseHeader(b); h.typ {
		case nlmsgError:
			errno, err := result(b)
			if err != nil {
				return err
			}
			if errno != 0 || r.flags&flagAck != 0 {
				var tell []byte
				if r.from.ExtAck {
					tell = told(b)
				}
				r.put(r.acknowledge(errno, tell))
			}
		case nlmsgDone:
			if h.flags&flagTells != 0 && !r.from.ExtAck {
				b = untold(b)
			}
			r.put(b)
		default:
			r.put(b)
		}
		return r.err
	})
}
