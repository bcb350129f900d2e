package wrap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"goipvs/internal/control"
)

// daemonPool are the daemons of the network namespaces that the program asked
// in.
type daemonPool struct {
	socket   string                           // beside which theirs are found
	start    func(ns int, netns uint64) error // where there is none; nil: then there is none
	patience time.Duration

	mu sync.Mutex
	by map[uint64]*daemon
}

// patience is how long a request waits for a daemon that went away, to be
// started anew.
const patience = 30 * time.Second

// retryEvery is how often it is looked whether a daemon is back.
const retryEvery = 20 * time.Millisecond

// find returns the daemon of a network namespace, nil where none runs.
func (p *daemonPool) find(ns int, netns uint64) (*daemon, error) {
	p.mu.Lock()
	d := p.by[netns]
	if d == nil {
		d = &daemon{path: control.SocketOf(p.socket, netns), patience: p.patience}
		p.by[netns] = d
	}
	p.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil || d.lost {
		return d, nil
	}
	err := d.dial()
	if errors.Is(err, fs.ErrNotExist) && p.start != nil {
		if err = p.start(ns, netns); err == nil {
			err = d.dial()
		}
	}
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, syscall.ECONNREFUSED): // killed, and not yet back
		d.lost = true
		return d, nil
	}
	return nil, fmt.Errorf("control socket: %w", err)
}

// close ends the connections.
func (p *daemonPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.by {
		d.mu.Lock()
		d.drop()
		d.mu.Unlock()
	}
}

// daemon is the daemon of one network namespace, which may be another process
// from one request to the next.
type daemon struct {
	path     string
	patience time.Duration

	mu   sync.Mutex
	conn control.Conn // nil: none yet, or lost
	lost bool         // it was there and went away; requests wait for the next
}

// dial connects. It is called with the lock held.
func (d *daemon) dial() error {
	path, err := os.Readlink(d.path)
	if err != nil {
		return err
	}
	c, err := control.Dial(path)
	if err == nil {
		d.conn, d.lost = c, false
	}
	return err
}

// drop gives a connection up. It is called with the lock held.
func (d *daemon) drop() {
	if d.conn != nil {
		_ = d.conn.Close() // it is of no use any more
		d.conn = nil
	}
}

// connection returns the connection, and waits for one while the daemon is away.
func (d *daemon) connection() (control.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for end := time.Now().Add(d.patience); d.conn == nil; {
		err := d.dial()
		if err == nil {
			break
		}
		if time.Now().After(end) {
			d.lost = false // the next one asks whether there is a daemon at all
			return nil, syscall.ETIMEDOUT
		}
		d.mu.Unlock()
		time.Sleep(retryEvery)
		d.mu.Lock()
	}
	return d.conn, nil
}

// attempts is how many daemons in a row may break a connection under a request
// before that is taken for its fault.
const attempts = 3

// do has f ask the daemon. Where the connection breaks meanwhile, f is called
// again with one to the next daemon, which knows nothing of what was asked.
func (d *daemon) do(f func(control.Conn) error) error {
	for n := 1; ; n++ {
		c, err := d.connection()
		if err != nil {
			return err
		}
		err = f(c)
		if !broken(err) {
			return err
		}
		d.mu.Lock()
		if d.conn == c {
			d.drop()
			d.lost = true
		}
		d.mu.Unlock()
		if n == attempts || errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// broken reports whether an error is about the connection, and not what the
// daemon says.
func broken(err error) bool {
	_, op := errors.AsType[*net.OpError](err)
	return op || errors.Is(err, io.EOF)
}
