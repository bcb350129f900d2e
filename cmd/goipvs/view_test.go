package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/host"
)

// view serves the page until it is told to end, and says what it shows to whom.
func TestView(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	done := make(chan error, 1)
	a := viewArgs{listen: "127.0.0.1:0", replayArgs: replayArgs{chosen: func() bool { return false }}}
	go func() {
		err := a.run(ctx, []string{"../../testdata/corpus/dr-tcp"}, w)
		w.CloseWithError(io.EOF)
		done <- err
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("%v, %v", err, <-done)
	}
	url, says, _ := strings.Cut(line, " ")
	if want := "shows all packets of dr-tcp and the director's setup, to this host alone; end with Ctrl-C\n"; says != want {
		t.Errorf("says %q, want %q", says, want)
	}
	for _, c := range []struct {
		name, path, host string
		status           int
		has              string
	}{
		{"the page", "", "", http.StatusOK, "<title>dr-tcp · goipvs</title>"},
		{"as localhost", "", "localhost:1", http.StatusOK, "dr-tcp"},
		{"another path", "other", "", http.StatusNotFound, ""},
		{"by a name that was made to lead here", "", "example.org", http.StatusMisdirectedRequest, "example.org"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := http.NewRequestWithContext(ctx, http.MethodGet, url+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			q.Host = c.host
			resp, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status || !strings.Contains(string(b), c.has) {
				t.Errorf("%s, %v, %d octets; want %d and %q", resp.Status, err, len(b), c.status, c.has)
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNamesLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:80": true, "127.0.0.1": true, "localhost": true, "localhost:5": true, "[::1]:80": true, "[::1]": true,
		"example.org": false, "192.0.2.1:80": false, "localhost.example.org": false, "": false,
	} {
		if got := namesLoopback(host); got != want {
			t.Errorf("namesLoopback(%q) = %v", host, got)
		}
	}
}

// view --live serves a page without packets, and the daemon's lines.
func TestViewLive(t *testing.T) {
	b := &told{Director: hooks.New(hooks.Config{Stack: host.New(host.Config{})}), lines: `{"type":"packet","n":1,"time":0.25,"summary":"a packet","text":"Sent."}` + "\n"}
	socket := filepath.Join(t.TempDir(), "sock")
	server, err := control.Listen(socket, control.NewEngine(b))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	done := make(chan error, 1)
	a := viewArgs{listen: "127.0.0.1:0", live: true, keep: 500, filter: "tcp or udp", socket: &socket, replayArgs: replayArgs{chosen: func() bool { return false }}}
	go func() {
		err := a.run(ctx, nil, w)
		w.CloseWithError(io.EOF)
		done <- err
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("%v, %v", err, <-done)
	}
	url, says, _ := strings.Cut(line, " ")
	if want := "shows the packets of the daemon at " + socket + ", to this host alone; end with Ctrl-C\n"; says != want {
		t.Errorf("says %q, want %q", says, want)
	}
	get := func(path string) string {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	if s := get(""); !strings.Contains(s, `"live":{"keep":500}`) || !strings.Contains(s, "connect-src 'self'") {
		t.Errorf("the page is told of nothing: %d octets", len(s))
	}
	var kinds []string
	for l := range strings.Lines(get("lines")) {
		kinds = append(kinds, l[:min(len(l), 25)])
	}
	// The daemon here ends after its one line.
	want := []string{`{"type":"start","schema":`, `{"type":"packet","n":1,"t`, `{"type":"end","time":0.25`}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if s := get("lines"); !strings.Contains(s, "no such file") {
		t.Errorf("without a daemon: %q", s)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What view refuses.
func TestViewArgs(t *testing.T) {
	for _, c := range []struct {
		a    viewArgs
		args []string
		want string
	}{
		{viewArgs{live: true, keep: 1000}, []string{"capture"}, "--live goes without a capture"},
		{viewArgs{live: true, keep: 10}, nil, "--keep: at least 100"},
		{viewArgs{filter: "tcp"}, nil, "--filter is for --live"},
	} {
		c.a.chosen = func() bool { return false }
		if err := c.a.run(t.Context(), c.args, io.Discard); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
