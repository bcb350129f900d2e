package control

import (
	"fmt"
	"syscall"
)

// The old interface by way of a connection: goipvs's own commands CmdGetSockopt
// and CmdSetSockopt. A request has the option in ExtOption and what the asker's
// buffer holds in ExtText; for CmdGetSockopt, a dump, it has the buffer's length
// in ExtLength. The answer's pieces are in ExtText, and the length that the
// asker is told is in ExtLength.

// setSockoptFor does a setsockopt that came as a message.
func (e *Engine) setSockoptFor(_ *request, a attrs) error {
	if !a.has(ExtOption, ExtText) {
		return syscall.EINVAL
	}
	return e.SetSockopt(int(a.u32(ExtOption)), a[ExtText], Caller{})
}

// getSockoptFor does a getsockopt that came as a message.
func (e *Engine) getSockoptFor(r *request) error {
	a, err := extPolicy.parse(r.body())
	if err != nil {
		return err
	}
	if !a.has(ExtOption, ExtLength, ExtText) {
		return syscall.EINVAL
	}
	value, told, err := e.GetSockopt(int(a.u32(ExtOption)), int(a.u32(ExtLength)), a[ExtText], Caller{})
	if err != nil {
		return err
	}
	for more := true; more; more = len(value) > 0 {
		n := min(len(value), textChunk)
		w := r.reply(flagMulti, CmdGetSockopt)
		w.u32(ExtLength, uint32(told))
		w.bytes(ExtText, value[:n])
		w.end(0)
		r.put(w.b)
		value = value[n:]
	}
	r.done()
	return nil
}

// SetSockopt does what Engine.SetSockopt does. It is not checked here who asks.
func (c *Client) SetSockopt(opt int, value []byte) error {
	if len(value) > maxString {
		return syscall.EINVAL
	}
	return c.do(CmdSetSockopt, flagAck, func(w *writer) {
		w.u32(ExtOption, uint32(opt))
		w.bytes(ExtText, value)
	}, nil)
}

// GetSockopt does what Engine.GetSockopt does. It is not checked here who asks.
func (c *Client) GetSockopt(opt, length int, arg []byte) (value []byte, told int, err error) {
	if len(arg) > maxString {
		return nil, 0, syscall.EINVAL
	}
	err = c.do(CmdGetSockopt, flagDump, func(w *writer) {
		w.u32(ExtOption, uint32(opt))
		w.u32(ExtLength, uint32(length))
		w.bytes(ExtText, arg)
	}, func(b []byte) error {
		a, err := extPolicy.parse(b)
		if err != nil || !a.has(ExtLength, ExtText) {
			return fmt.Errorf("%w: option", ErrAnswer)
		}
		told = int(a.u32(ExtLength))
		value = append(value, a[ExtText]...)
		return nil
	})
	return value, told, err
}
