package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// server is a part of a server's life. Close ends run.
type server interface {
	io.Closer
	run() error
}

// Serve is a server's life: it runs its apps and takes packets out of tunnels,
// until ctx ends. It writes a line to ready as soon as it listens. It runs in
// the host's namespace.
func Serve(ctx context.Context, h Host, ready io.Writer) error {
	var open []server
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() {
		for _, s := range open {
			s.Close()
		}
	}()
	for _, a := range h.Serves {
		s, err := listen(ctx, h.Name, a)
		if err != nil {
			return fmt.Errorf("%v: %w", a, err)
		}
		open = append(open, s)
	}
	if h.Unwrap.IsValid() {
		tunnels, err := openTunnels(h.Unwrap)
		if err != nil {
			return err
		}
		open = append(open, tunnels...)
	}
	failed := make(chan error, len(open))
	for _, s := range open {
		wg.Go(func() { failed <- s.run() })
	}
	fmt.Fprintln(ready, "ready")
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// listen starts an app of a server.
func listen(ctx context.Context, name string, a Serving) (server, error) {
	switch a.App {
	case AppHTTP:
		l, err := early.Listen(ctx, "tcp", a.At.String())
		if err != nil {
			return nil, err
		}
		return &webServer{http.Server{Handler: answer(name, a.At)}, l}, nil
	case AppEcho:
		c, err := early.ListenPacket(ctx, "udp", a.At.String())
		if err != nil {
			return nil, err
		}
		return &echoServer{c, name}, nil
	case AppFTP:
		l, err := early.Listen(ctx, "tcp", a.At.String())
		if err != nil {
			return nil, err
		}
		return newStreamServer(l, func(c net.Conn) { serveFTP(c, name, a.At) }), nil
	case AppSIP:
		c, err := early.ListenPacket(ctx, "udp", a.At.String())
		if err != nil {
			return nil, err
		}
		return newSIPServer(c, name, a.At), nil
	case AppSCTP:
		l, err := listenSCTP(a.At)
		if err != nil {
			return nil, err
		}
		return newStreamServer(l, func(c net.Conn) { answerMessages(c, name, a.At) }), nil
	}
	return nil, errors.New("no such app")
}

// early listens at addresses that the host may only get later: the director
// gets its own with its daemon.
var early = net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) { set = freebind(int(fd), strings.HasSuffix(network, "6")) })
	return errors.Join(err, set)
}}

func freebind(fd int, v6 bool) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_FREEBIND, 1)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_FREEBIND, 1)
}

type webServer struct {
	http.Server
	l net.Listener
}

func (s *webServer) run() error { return s.Serve(s.l) }

// answer says who answers whom.
func answer(name string, at netip.AddrPort) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", name)
		fmt.Fprintf(w, "%s at %s answers %s\n", name, at, r.RemoteAddr)
	})
}

type echoServer struct {
	net.PacketConn
	name string
}

// run sends every datagram back with the server's name before it.
func (s *echoServer) run() error {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.ReadFrom(buf)
		if err != nil {
			return err
		}
		reply := append([]byte(s.name+": "), buf[:n]...)
		if _, err := s.WriteTo(reply, from); errors.Is(err, net.ErrClosed) {
			return err
		}
	}
}

// streamServer hands each connection to a function, on a goroutine of its own.
type streamServer struct {
	net.Listener
	serve func(net.Conn) // closes nothing; ends when the connection is closed
	ctx   context.Context
	stop  context.CancelFunc
}

func newStreamServer(l net.Listener, serve func(net.Conn)) *streamServer {
	s := &streamServer{Listener: l, serve: serve}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Close ends run and all connections.
func (s *streamServer) Close() error {
	s.stop()
	return s.Listener.Close()
}

func (s *streamServer) run() error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer s.stop()
	for {
		c, err := s.Accept()
		if err != nil {
			return err
		}
		wg.Go(func() {
			defer c.Close()
			defer context.AfterFunc(s.ctx, func() { c.Close() })()
			s.serve(c)
		})
	}
}
