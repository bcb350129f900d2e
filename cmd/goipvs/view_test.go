package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
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
