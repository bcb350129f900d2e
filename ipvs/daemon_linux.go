package ipvs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long a request waits for a daemon that went away, to be
	// started anew.
	patience = 30 * time.Second
	// retryEvery is how often it is looked whether a daemon is back.
	retryEvery = 20 * time.Millisecond
	// answerTime is how long all of an answer may take: a little longer than the
	// daemon lets it.
	answerTime = 130 * time.Second
	// attempts is how many daemons in a row may break a connection under a request
	// before that is taken for its fault.
	attempts = 3
	// maxAnswer is how long a datagram of an answer may be: an error with the
	// longest request quoted.
	maxAnswer = 65 << 10
)

var errClosed = errors.New("handle is closed")

// daemon is the way to the daemon of a network namespace, which may be another
// process from one request to the next. All handles of the program that go this
// way share it: a daemon serves no more than 64 connections at a time.
type daemon struct {
	path    string // its socket, or a link to it
	handles int    // how many have it; guarded by daemons

	turn sync.Mutex // held for a request
	buf  []byte
	seq  uint32
	lost bool // it was waited for in vain

	mu     sync.Mutex
	conn   *net.UnixConn // nil: none, or it broke
	closed bool
}

// daemons by path.
var daemons = struct {
	sync.Mutex
	by map[string]*daemon
}{by: map[string]*daemon{}}

// find returns the daemon of a network namespace, which must run.
func find(netns string) (*daemon, error) {
	path, err := socketOf(netns)
	if err != nil {
		return nil, err
	}
	daemons.Lock()
	d := daemons.by[path]
	if d == nil {
		d = &daemon{path: path, buf: make([]byte, maxAnswer)}
		daemons.by[path] = d
	}
	d.handles++
	daemons.Unlock()
	d.mu.Lock()
	if d.conn == nil {
		err = d.dial()
	}
	d.mu.Unlock()
	if err != nil {
		d.release()
		return nil, err
	}
	return d, nil
}

// release gives the daemon back. The last one closes the connection.
func (d *daemon) release() {
	daemons.Lock()
	defer daemons.Unlock()
	if d.handles--; d.handles > 0 {
		return
	}
	delete(daemons.by, d.path)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.drop()
}

// dial connects. It is called with the lock held.
func (d *daemon) dial() error {
	if d.closed {
		return errClosed
	}
	path := d.path
	if to, err := os.Readlink(path); err == nil {
		path = to
	}
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return fmt.Errorf("goipvs: %w", err)
	}
	d.conn = c
	return nil
}

// drop gives the connection up. It is called with the lock held.
func (d *daemon) drop() {
	if d.conn != nil {
		_ = d.conn.Close() // it is of no use any more
		d.conn = nil
	}
}

// away reports whether an error of dial may pass.
func away(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EAGAIN)
}

// connection returns the connection, and waits for one while the daemon is away.
func (d *daemon) connection() (*net.UnixConn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for end := time.Now().Add(patience); d.conn == nil; {
		err := d.dial()
		if err == nil {
			break
		}
		if d.lost || !away(err) || time.Now().After(end) {
			d.lost = away(err) // the next one doesn't wait
			return nil, err
		}
		d.mu.Unlock()
		time.Sleep(retryEvery)
		d.mu.Lock()
	}
	d.lost = false
	return d.conn, nil
}

// do sends a request and returns the attributes of each message of the answer.
// Where the connection breaks meanwhile, the next daemon is asked, which knows
// nothing of what the one before was told.
func (d *daemon) do(msg []byte) ([][]byte, error) {
	d.turn.Lock()
	defer d.turn.Unlock()
	for n := 1; ; n++ {
		c, err := d.connection()
		if err != nil {
			return nil, err
		}
		a, err := d.exchange(c, msg)
		if err == nil && a.errno != 0 {
			return nil, a.errno
		}
		if err == nil {
			return a.parts, nil
		}
		// What is left of the answer would be taken for the next one's.
		d.mu.Lock()
		closed := d.closed
		d.drop()
		d.mu.Unlock()
		if closed {
			return nil, errClosed
		}
		if n == attempts || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, errAnswer) {
			return nil, fmt.Errorf("goipvs: %w", err)
		}
	}
}

// exchange sends a request and takes its answer in.
func (d *daemon) exchange(c *net.UnixConn, msg []byte) (*answer, error) {
	d.seq++
	ne.PutUint32(msg[8:], d.seq)
	a := &answer{seq: d.seq}
	if err := c.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	if _, err := c.Write(msg); err != nil {
		return nil, err
	}
	for !a.done {
		n, _, flags, _, err := c.ReadMsgUnix(d.buf, nil)
		if err != nil {
			return nil, err
		}
		if flags&syscall.MSG_TRUNC != 0 {
			return nil, fmt.Errorf("%w: a datagram is too long", errAnswer)
		}
		if err := a.add(d.buf[:n]); err != nil {
			return nil, err
		}
	}
	return a, nil
}
