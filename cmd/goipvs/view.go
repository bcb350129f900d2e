package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goipvs/internal/control"
	"goipvs/internal/explain"
	"goipvs/internal/filter"
	"goipvs/internal/follow"
	"goipvs/internal/page"
)

func newViewCommand(socket *string) *cobra.Command {
	a := viewArgs{socket: socket}
	cmd := &cobra.Command{
		Use:   "view [flags] [--live | CASEDIR | --setup FILE [--timeline FILE] CAPTURE]",
		Short: "Show what explain says in a browser",
		Long: `Serves the page that goipvs explain --html writes: each packet's way through the
hooks, step by step, with services and connections as they were. Without a
capture it is the playground alone: a setup and packets to type, and the engine
in the browser. With --live it shows the running daemon's packets as they come, of
which it keeps the newest.

The page has all of the capture in it, payload and all, and nobody is asked for a
password: with --listen, other hosts can be let see it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return a.run(ctx, args, cmd.ErrOrStderr())
		},
	}
	a.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&a.listen, "listen", "127.0.0.1:0", "the `address` to serve at; port 0: a free one")
	f.BoolVar(&a.live, "live", false, "follow the running daemon")
	f.IntVar(&a.keep, "keep", 10000, "of --live: how `many` packets the page keeps")
	f.StringVar(&a.filter, "filter", "", "of --live: only packets for which a tcpdump `expression` holds")
	return cmd
}

// viewArgs are the options of view.
type viewArgs struct {
	replayArgs
	listen string
	socket *string // the daemon's
	live   bool
	keep   int
	filter string
}

func (a *viewArgs) run(ctx context.Context, args []string, stderr io.Writer) error {
	html, what, err := a.page(args)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", a.listen)
	if err != nil {
		return err
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	whom := "to this host alone"
	if !at.Addr().IsLoopback() {
		whom = "to everybody who reaches this address, without password or encryption"
	}
	fmt.Fprintf(stderr, "http://%s/ shows %s, %s; end with Ctrl-C\n", at, what, whom)
	var lines http.Handler
	if a.live {
		lines = follow.Handler(*a.socket, control.TraceRequest{Filter: a.filter, Services: true})
	}
	s := &http.Server{Handler: servePage(html, lines, at), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		if err := s.Close(); err != nil {
			return err
		}
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// page makes the page, and says what is in it.
func (a *viewArgs) page(args []string) (html []byte, what string, err error) {
	p := page.New("")
	p.Playground = page.Embedded()
	what = "the playground"
	switch {
	case a.live:
		if len(args) > 0 || a.setup != "" || a.timeline != "" || a.iface != "" {
			return nil, "", errors.New("--live goes without a capture")
		}
		if a.keep < 100 {
			return nil, "", errors.New("--keep: at least 100")
		}
		if _, err := filter.Parse(a.filter); err != nil {
			return nil, "", err
		}
		p.Title, p.Keep, p.Playground = "live", a.keep, nil
		what = "the packets of the daemon at " + *a.socket
	case a.filter != "":
		return nil, "", errors.New("--filter is for --live")
	case len(args) == 1:
		s, err := a.open(args[0])
		if err != nil {
			return nil, "", err
		}
		defer s.in.Close()
		p.Title = filepath.Base(filepath.Clean(args[0]))
		what = "all packets of " + p.Title + " and the director's setup"
		if _, err := explain.Run(s.Config, p); err != nil {
			return nil, "", err
		}
	case a.setup != "" || a.timeline != "" || a.iface != "":
		return nil, "", errors.New("a capture is missing")
	case p.Playground == nil:
		return nil, "", errors.New("a capture is missing; the playground, which needs none, is in what make build builds")
	}
	var b bytes.Buffer
	err = p.Write(&b)
	return b.Bytes(), what, err
}

// servePage answers requests for the page, and for its lines where it gets them while
// it is shown. On a loopback address it answers only those
// that name one: a page from elsewhere whose name was made to lead here is no
// reader.
func servePage(html []byte, lines http.Handler, at netip.AddrPort) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at.Addr().IsLoopback() && !namesLoopback(r.Host) {
			http.Error(w, "this is not "+r.Host, http.StatusMisdirectedRequest)
			return
		}
		if r.URL.Path == "/lines" && lines != nil {
			lines.ServeHTTP(w, r)
			return
		}
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(html))
	})
}

// namesLoopback reports whether a Host header names this host to itself.
func namesLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}
