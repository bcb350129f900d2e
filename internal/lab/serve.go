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

// Serve is a server's life: it answers HTTP requests and UDP datagrams with its
// name, and takes packets out of tunnels, until ctx ends. It writes a line to
// ready as soon as it listens. It runs in the host's namespace.
func Serve(ctx context.Context, h Host, ready io.Writer) error {
	var open []io.Closer
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	failed := make(chan error, 2*len(h.Serves)+1)
	for _, a := range h.Serves {
		l, err := early.Listen(ctx, "tcp", a.String())
		if err != nil {
			return err
		}
		srv := &http.Server{Handler: answer(h.Name, a)}
		open = append(open, srv)
		wg.Go(func() { failed <- srv.Serve(l) })

		u, err := early.ListenPacket(ctx, "udp", a.String())
		if err != nil {
			return err
		}
		open = append(open, u)
		wg.Go(func() { failed <- echo(h.Name, u) })
	}
	if h.Unwrap.IsValid() {
		u, err := openTunnel(h.Unwrap)
		if err != nil {
			return err
		}
		if u != nil {
			open = append(open, u)
			wg.Go(func() { failed <- u.run() })
		}
	}
	fmt.Fprintln(ready, "ready")
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// early listens at addresses that the host may only get later: the director
// gets its own with its daemon.
var early = net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
	level, option := unix.SOL_IP, unix.IP_FREEBIND
	if strings.HasSuffix(network, "6") {
		level, option = unix.SOL_IPV6, unix.IPV6_FREEBIND
	}
	var set error
	err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), level, option, 1) })
	return errors.Join(err, set)
}}

// answer says who answers whom.
func answer(name string, at netip.AddrPort) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", name)
		fmt.Fprintf(w, "%s at %s answers %s\n", name, at, r.RemoteAddr)
	})
}

// echo sends every datagram back with the server's name before it.
func echo(name string, c net.PacketConn) error {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		reply := append([]byte(name+": "), buf[:n]...)
		if _, err := c.WriteTo(reply, from); errors.Is(err, net.ErrClosed) {
			return err
		}
	}
}
