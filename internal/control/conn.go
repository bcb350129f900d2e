package control

import (
	"errors"
	"fmt"
)

// DefaultSocket is where the daemon listens unless told otherwise.
const DefaultSocket = "/run/goipvs.sock"

// MaxRequest is how long a request may be, in octets.
const MaxRequest = 64 << 10

// Conn carries requests to an Engine and its answers back. It is safe for
// concurrent use; requests then wait for each other.
type Conn interface {
	// Request sends one netlink message, which must ask for an
	// acknowledgement (NLM_F_ACK) or for a dump, and calls answer with each
	// datagram of the answer, up to the one with NLMSG_ERROR or NLMSG_DONE. The
	// datagrams belong to the Conn. An error of answer is returned, after the
	// rest was read and thrown away.
	Request(msg []byte, answer func(datagram []byte) error) error
	// Close ends the connection. In process there is nothing to end.
	Close() error
}

// errRequest is a message that can't be answered as Conn promises.
var errRequest = errors.New("malformed request")

// checkRequest refuses what would leave Request waiting for an end that never
// comes: it wants exactly one message that asks for an answer.
func checkRequest(msg []byte) error {
	if len(msg) > MaxRequest {
		return fmt.Errorf("%d octets: %w", len(msg), errRequest)
	}
	n, size := 0, 0
	for h, m := range messages(msg) {
		if h.flags&flagRequest == 0 || h.flags&flagAck == 0 && h.flags&flagDump != flagDump {
			return fmt.Errorf("flags %#x: %w", h.flags, errRequest)
		}
		if h.typ < nlmsgMinType {
			return fmt.Errorf("type %d: %w", h.typ, errRequest)
		}
		n++
		size += align(len(m))
	}
	if n != 1 || size < len(msg) {
		return fmt.Errorf("not one message: %w", errRequest)
	}
	return nil
}

// ends reports whether a datagram is the last of an answer.
func ends(datagram []byte) bool {
	for h := range messages(datagram) {
		if h.typ == nlmsgError || h.typ == nlmsgDone {
			return true
		}
	}
	return false
}

// peer is who speaks through a Conn: acknowledgements tell all they can.
var peer = Caller{ExtAck: true}

// Conn returns a connection to the engine within the process.
func (e *Engine) Conn() Conn { return inProcess{e} }

type inProcess struct{ e *Engine }

func (c inProcess) Request(msg []byte, answer func([]byte) error) error {
	if err := checkRequest(msg); err != nil {
		return err
	}
	return c.e.Handle(msg, peer, answer)
}

func (c inProcess) Close() error { return nil }
