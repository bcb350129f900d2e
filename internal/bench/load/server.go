package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// Port is where servers serve, TCP and UDP, on all addresses.
const Port = 7000

// server is one thread that serves all its clients.
type server struct {
	*poller
	listener int
	conns    []conn // by descriptor
}

// conn is a client's connection.
type conn struct {
	open   bool
	sink   *sink
	source *source
	until  time.Time
}

// Serve serves until ctx is done, or something breaks. It writes a line to ready
// as soon as it listens. Datagrams are verified by the kernel and then counted as the UDP
// socket's drops (proc_pid_net(5), udp), which costs least.
func Serve(ctx context.Context, ready io.Writer) error {
	s := &server{}
	var err error
	if s.poller, err = newPoller(); err != nil {
		return err
	}
	defer s.close()
	if s.listener, err = listen(unix.SOCK_STREAM); err != nil {
		return err
	}
	defer unix.Close(s.listener)
	if err := errors.Join(unix.Listen(s.listener, 4096), s.watch(s.listener, unix.EPOLLIN)); err != nil {
		return err
	}
	u, err := listen(unix.SOCK_DGRAM)
	if err != nil {
		return err
	}
	defer unix.Close(u)
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	if err := unix.SetsockoptSockFprog(u, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing}); err != nil {
		return fmt.Errorf("socket filter: %w", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	defer unix.Close(bell)
	if err := s.watch(bell, unix.EPOLLIN); err != nil {
		return err
	}
	rung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(rung)
		_, _ = unix.Write(bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // can't fail
	})
	fmt.Fprintln(ready, "ready")
	err = s.loop(bell)
	if !stop() {
		<-rung
	}
	for fd := range s.conns {
		if s.conns[fd].open {
			unix.Close(fd)
		}
	}
	return err
}

// loop serves until the bell rings.
func (s *server) loop(bell int) error {
	for {
		events, err := s.wait(-1)
		if err != nil {
			return err
		}
		for _, e := range events {
			if int(e.Fd) == bell {
				return nil
			}
			s.event(int(e.Fd), e.Events)
		}
	}
}

// listen makes a socket at Port.
func listen(typ int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err = errors.Join(err, unix.Bind(fd, &unix.SockaddrInet4{Port: Port})); err != nil {
		return -1, errors.Join(fmt.Errorf("port %d: %w", Port, err), unix.Close(fd))
	}
	return fd, nil
}

func (s *server) event(fd int, events uint32) {
	if fd == s.listener {
		s.accept()
		return
	}
	err := error(unix.ECONNRESET)
	if events&broken == 0 {
		err = s.serve(fd, &s.conns[fd])
	}
	if err != nil { // the client says what went wrong
		s.end(fd)
	}
}

func (s *server) end(fd int) {
	s.conns[fd] = conn{}
	unix.Close(fd)
}

func (s *server) accept() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // none is waiting, or the one that was is gone
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		for fd >= len(s.conns) {
			s.conns = append(s.conns, conn{})
		}
		s.conns[fd].open = true
		if s.watch(fd, unix.EPOLLIN) != nil {
			s.end(fd)
		}
	}
}

// serve does what can be done for a client now. An error ends the connection.
func (s *server) serve(fd int, c *conn) error {
	switch {
	case c.sink != nil:
		if err := c.sink.receive(fd); err != nil || !c.sink.done {
			return err
		}
		m := report(c.sink)
		*c = conn{open: true}
		_, err := unix.Write(fd, m[:])
		return err
	case c.source != nil:
		if err := c.source.send(fd, time.Now().After(c.until)); err != nil || !c.source.done {
			return err
		}
		*c = conn{open: true}
		return s.change(fd, unix.EPOLLIN)
	}
	return s.request(fd, c)
}

// request takes a client's message. Clients send one at a time, which comes in
// one piece.
func (s *server) request(fd int, c *conn) error {
	var m message
	n, err := unix.Read(fd, m[:])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return err
	case n != len(m):
		return io.ErrUnexpectedEOF
	}
	switch m.op() {
	case opEcho:
		_, err := unix.Write(fd, m[:])
		return err
	case opUp:
		c.sink = &sink{}
		return nil
	case opDown:
		c.source, c.until = newSource(), time.Now().Add(m.duration())
		return s.change(fd, unix.EPOLLOUT)
	}
	return fmt.Errorf("operation %q", m.op())
}
