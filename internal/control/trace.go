package control

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
)

// CmdTrace has told, packet for packet, what the daemon does: answers have pieces
// of the lines of goipvs trace in ExtText, or nothing, about each second, to see
// whether the asker is there. ExtName has a filter expression, ExtCount the number
// of packets after which it ends, ExtOption is 1 where changes of services are to be
// told, too. It is goipvs's own.
const CmdTrace = 221

// TraceRequest is what is to be told.
type TraceRequest struct {
	Filter   string // tcpdump's expression; "": all packets, and ends of connections
	Packets  uint32 // after so many it ends; 0: never
	Services bool   // what changes of services, too, each second
}

// Tracer is a Backend that can be traced: send is called with each line, JSON as
// docs/explain-json.md has it, and each second with none. Trace returns when it
// was called for so many packets (0: never), when send fails, or when the daemon
// ends. Errors: of the filter expression; syscall.EBUSY where there are too many.
type Tracer interface {
	Trace(q TraceRequest, send func(line []byte) error) error
}

// trace sends lines until they end, or the asker has enough.
func (e *Engine) trace(r *request) error {
	b, ok := e.b.(Tracer)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	a, err := r.attrs(extPolicy, false)
	if err != nil {
		return err
	}
	q := TraceRequest{Filter: string(a[ExtName])}
	if a.has(ExtCount) {
		q.Packets = a.u32(ExtCount)
	}
	q.Services = a.has(ExtOption) && a.u32(ExtOption) == 1
	if r.from.Lasting != nil {
		if err := r.from.Lasting(); err != nil {
			return err
		}
	}
	d := newDump(r, CmdTrace)
	err = b.Trace(q, func(line []byte) error {
		if len(line) == 0 {
			d.add(func(*writer) {})
		}
		d.text(line)
		d.flush()
		return r.err
	})
	if err != nil && r.err == nil {
		return err
	}
	d.finish()
	return nil
}

// maxLine is how long a line of a trace may be: a packet of 64 KiB, with
// fragments of it, in hexadecimal and in words.
const maxLine = 16 << 20

// Trace has the daemon tell what it does with packets. each gets the lines, as docs/explain-json.md has them, and may keep them. When it returns an
// error Trace returns that, and the client's connection is closed. Where the
// daemon itself tells no more, the error is nil. A filter expression that the daemon
// can't read is syscall.EINVAL, too many tracers syscall.EBUSY.
func (c *Client) Trace(q TraceRequest, each func(line []byte) error) error {
	if len(q.Filter) > maxExpr {
		return fmt.Errorf("a filter expression of %d octets: %w", len(q.Filter), syscall.EINVAL)
	}
	var rest []byte
	var stopped error
	err := c.do(CmdTrace, flagDump, func(w *writer) {
		w.text(ExtName, q.Filter)
		w.u32(ExtCount, q.Packets)
		if q.Services {
			w.u32(ExtOption, 1)
		}
	}, func(b []byte) error {
		a, err := extPolicy.parse(b)
		if err != nil {
			err = fmt.Errorf("%w: trace", ErrAnswer)
		}
		if len(rest)+len(a[ExtText]) > maxLine {
			err = fmt.Errorf("%w: a line of more than %d octets", ErrAnswer, maxLine)
		}
		rest = append(rest, a[ExtText]...)
		for err == nil {
			line, after, whole := bytes.Cut(rest, []byte{'\n'})
			if !whole {
				break
			}
			rest = bytes.Clone(after)
			err = each(line)
		}
		if err != nil {
			stopped = errors.Join(err, c.c.Close())
		}
		return err
	})
	if stopped != nil {
		return stopped
	}
	return err
}

// maxExpr is how long a filter expression may be.
const maxExpr = 4096
