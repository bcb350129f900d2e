package control

import (
	"net"
	"syscall"
	"time"
)

// requestTime is how long a client waits for the next piece of an answer: a little
// longer than the server lets all of it take.
const requestTime = answerTime + 10*time.Second

// maxAnswer is how long a datagram of an answer may be: an error with the
// longest request quoted.
const maxAnswer = MaxRequest + 1024

// Dial connects to the daemon at path.
func Dial(path string) (Conn, error) {
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	return &socketConn{c: c, buf: make([]byte, maxAnswer)}, nil
}

type socketConn struct {
	turns
	c   *net.UnixConn
	buf []byte
}

func (c *socketConn) Close() error { return c.c.Close() }

func (c *socketConn) Request(msg []byte, answer func([]byte) error) error {
	return c.request(msg, answer, c.exchange)
}

// exchange sends a request and takes its answers in.
func (c *socketConn) exchange(msg []byte, answer func([]byte)) error {
	if err := c.c.SetDeadline(time.Now().Add(requestTime)); err != nil {
		return err
	}
	if _, err := c.c.Write(msg); err != nil {
		return err
	}
	for {
		if err := c.c.SetReadDeadline(time.Now().Add(requestTime)); err != nil {
			return err
		}
		n, _, flags, _, err := c.c.ReadMsgUnix(c.buf, nil)
		if err != nil {
			return err
		}
		if flags&syscall.MSG_TRUNC != 0 {
			return syscall.EMSGSIZE
		}
		answer(c.buf[:n])
		if ends(c.buf[:n]) {
			return nil
		}
	}
}
