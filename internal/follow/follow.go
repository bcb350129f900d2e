package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"goipvs/internal/control"
	"goipvs/internal/explain"
	"goipvs/internal/trace"
)

// Sink gets what a daemon tells.
type Sink interface {
	explain.Sink
	// Lost gets that some was not told.
	Lost(*trace.Lost) error
	// Services gets what changed of services.
	Services(*trace.Services) error
}

// Why no more is told, or nothing.
var (
	// ErrEnded is that the daemon ended, or the connection to it broke, before all
	// was told that was asked for.
	ErrEnded = errors.New("the daemon has ended")
	// ErrBusy is that it tells as many as it can already.
	ErrBusy = errors.New("the daemon is being traced by as many as it lets")
	// ErrOld is that it can't tell.
	ErrOld = errors.New("the daemon is too old to be traced")
)

// Run has the daemon at the other end of conn tell, until it was told of so many
// packets, ctx is done, or the daemon ends, which is ErrEnded. Then conn is closed.
// Errors of to are returned, others are the connection's and the daemon's.
func Run(ctx context.Context, conn control.Conn, o control.TraceRequest, to Sink) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	r := &run{to: to}
	err := control.NewClient(conn).Trace(o, r.line)
	switch {
	case r.err != nil:
		return r.err
	case ctx.Err() != nil:
		err = nil
	case err == nil && (o.Packets == 0 || r.packets < int(o.Packets)), errors.Is(err, io.EOF): // killed
		err = ErrEnded
	case err != nil && r.started:
		err = fmt.Errorf("%w: %w", ErrEnded, err)
	case errors.Is(err, syscall.EBUSY):
		err = ErrBusy
	case errors.Is(err, syscall.EOPNOTSUPP):
		err = ErrOld
	}
	if r.started {
		return errors.Join(to.End(&trace.End{Type: "end", Time: r.last, Packets: r.packets, Outputs: r.outputs}), err)
	}
	return err
}

// run is what was heard so far.
type run struct {
	to      Sink
	started bool
	packets int
	outputs int
	last    trace.Seconds
	err     error // of to, or of a line
}

func (r *run) line(b []byte) error {
	x, err := trace.ReadLine(b)
	if err != nil {
		r.err = fmt.Errorf("%w: %w", control.ErrAnswer, err)
		return r.err
	}
	switch x := x.(type) {
	case *trace.Start:
		r.started = true
		err = r.to.Start(x)
	case *trace.Passage:
		if x.Type == "packet" {
			r.packets++
			r.outputs += len(x.Outputs)
		}
		r.last = x.Time
		err = r.to.Passage(x)
	case *trace.Lost:
		r.last = x.Time
		err = r.to.Lost(x)
	case *trace.Services:
		r.last = x.Time
		err = r.to.Services(x)
	}
	r.err = err
	return err
}
