package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxClients is how many clients are served at a time; more wait.
	maxClients = 64
	// answerTime is how long a client may take to read an answer. One that takes
	// longer is disconnected.
	answerTime = 2 * time.Minute
	// closeTime is how long clients may take, when the server closes, to read what
	// they are being answered. Those that take longer are disconnected.
	closeTime = time.Second
	// acceptPause is waited after an accept that failed, for want of descriptors
	// say.
	acceptPause = 100 * time.Millisecond
)

// Server serves an Engine on a Unix socket.
type Server struct {
	e    *Engine
	path string
	file os.FileInfo // of the socket, to remove no other
	l    *net.UnixListener

	closeTime time.Duration

	done  chan struct{} // closed by Close
	slots chan struct{}
	wg    sync.WaitGroup

	mu    sync.Mutex
	conns map[*net.UnixConn]struct{} // nil: closed
}

// Listen makes the socket at path, with mode 0600, and returns its server. A
// socket that nobody listens on any more is replaced; where somebody does, it
// fails with syscall.EADDRINUSE, and where something else lies with
// syscall.EEXIST.
func Listen(path string, e *Engine) (*Server, error) {
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clearPath(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	s := &Server{
		e: e, path: path, l: l, closeTime: closeTime,
		done:  make(chan struct{}),
		slots: make(chan struct{}, maxClients),
		conns: map[*net.UnixConn]struct{}{},
	}
	if err = os.Chmod(path, 0o600); err == nil {
		s.file, err = os.Lstat(path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(path))
	}
	return s, nil
}

// lockDir keeps other daemons from looking at the socket's place until unlock.
func lockDir(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), d.Close())
	}
	return func() { _ = d.Close() }, nil // which unlocks whatever it says
}

// clearPath removes a dead socket.
func clearPath(path string) error {
	f, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is not a socket: %w", path, syscall.EEXIST)
	}
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err == nil {
		_ = c.Close() // it was only to see whether somebody is there
		return fmt.Errorf("a daemon listens on %s already: %w", path, syscall.EADDRINUSE)
	}
	if errors.Is(err, syscall.EPROTOTYPE) { // somebody's socket of another type
		return fmt.Errorf("%s is in use: %w", path, syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// Serve accepts clients until Close and then returns nil. Each client has a
// goroutine, which ends with the connection or Close.
func (s *Server) Serve() error {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-s.done:
			return nil
		}
		c, err := s.l.AcceptUnix()
		if err != nil {
			<-s.slots
			select {
			case <-s.done:
				return nil
			case <-time.After(acceptPause):
				continue
			}
		}
		if !s.add(c) {
			return c.Close()
		}
		go func() {
			defer s.wg.Done()
			s.client(c)
			s.remove(c)
			<-s.slots
		}()
	}
}

// add enters a connection, unless the server is closed.
func (s *Server) add(c *net.UnixConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		return false
	}
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	return true
}

func (s *Server) remove(c *net.UnixConn) {
	_ = c.Close() // Close may have been first
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Close removes the socket, ends all connections and waits for their
// goroutines. What is being answered is answered to its end, if its client reads;
// what has none must be ended before. A second Close does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	if conns == nil {
		return nil
	}
	close(s.done)
	err := s.l.Close()
	if f, gone := os.Lstat(s.path); gone == nil && os.SameFile(f, s.file) {
		err = errors.Join(err, os.Remove(s.path))
	}
	for c := range conns {
		_ = c.CloseRead() // its goroutine may have been first
	}
	cut := time.AfterFunc(s.closeTime, func() {
		for c := range conns {
			_ = c.Close()
		}
	})
	defer cut.Stop()
	s.wg.Wait()
	return err
}

// client serves one client until either side has enough.
func (s *Server) client(c *net.UnixConn) {
	if !trusted(c) {
		return
	}
	buf := make([]byte, MaxRequest)
	from := peer
	from.Lasting = func() error { return c.SetWriteDeadline(time.Time{}) }
	for {
		n, _, flags, _, err := c.ReadMsgUnix(buf, nil)
		if err != nil || flags&syscall.MSG_TRUNC != 0 {
			return
		}
		if c.SetWriteDeadline(time.Now().Add(answerTime)) != nil {
			return
		}
		err = s.e.Handle(buf[:n], from, func(b []byte) error {
			_, err := c.Write(b)
			return err
		})
		if err != nil {
			return
		}
	}
}

// trusted reports whether the peer is root or who the daemon runs as.
func trusted(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return err == nil && credErr == nil && allowed(cred.Uid)
}

func allowed(uid uint32) bool { return uid == 0 || uid == uint32(os.Geteuid()) }
