package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"goipvs/internal/lab"
	"goipvs/internal/live/nstest"
	"goipvs/packet"
)

// TestLiveScript runs testdata/live/*.txtar, each beside a laboratory of its own
// (goipvs lab) with the daemon on its director. What goipvs says there is about
// real connections of the client, which scripts have by names:
//
//	open NAME web|echo PORT   connect from a port of the client's, and ask
//	ask NAME                  ask again, and print the answer
//	hang-up NAME              close it
//	until PATTERN COMMAND…    run a command until its output matches
//
// With "!" ask is to get no answer, and until runs until nothing matches.
func TestLiveScript(t *testing.T) {
	nstest.Root(t)
	self, err := exec.LookPath("goipvs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/live",
		Setup: func(e *testscript.Env) error {
			l, err := lab.Start(lab.NewPlan(lab.NAT, packet.IPv4), lab.Options{Self: self})
			if err != nil {
				return err
			}
			c := &clientSide{l: l, open: map[string]*asking{}}
			e.Defer(func() {
				for _, a := range c.open {
					a.Close()
				}
				if err := l.Stop(); err != nil {
					t.Error(err)
				}
			})
			e.Values[clientKey{}] = c
			e.Setenv("GOIPVS_SOCKET", l.Socket)
			return l.Direct(t.Context())
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "open": open, "ask": ask, "hang-up": hangUp, "until": until,
		},
	})
}

// clientSide is the laboratory with the client's connections.
type clientSide struct {
	l    *lab.Lab
	open map[string]*asking
}

type clientKey struct{}

// asking is a connection over which the client asks: by HTTP, or by datagrams.
type asking struct {
	net.Conn
	r *bufio.Reader // nil: datagrams
}

// Times to wait for an answer: one that comes, and one that shouldn't.
const (
	answerTime = time.Minute
	silentTime = 500 * time.Millisecond
)

// ask asks once and returns the answer's first word, who it is from.
func (a *asking) ask(within time.Duration) (string, error) {
	if err := a.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	if a.r == nil {
		if _, err := a.Write([]byte("hello")); err != nil {
			return "", err
		}
		b := make([]byte, 1500)
		n, err := a.Read(b)
		from, _, _ := strings.Cut(string(b[:n]), ":")
		return from, err
	}
	if _, err := fmt.Fprintf(a, "GET / HTTP/1.1\r\nHost: lab\r\n\r\n"); err != nil {
		return "", err
	}
	r, err := http.ReadResponse(a.r, nil)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	from, _, _ := strings.Cut(string(b), " ")
	return from, err
}

func sideOf(ts *testscript.TestScript) *clientSide { return ts.Value(clientKey{}).(*clientSide) }

func open(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 || neg {
		ts.Fatalf("usage: open NAME web|echo PORT")
	}
	c := sideOf(ts)
	local, err := netip.ParseAddrPort("0.0.0.0:" + args[2])
	ts.Check(err)
	a := &asking{}
	if args[1] == "web" {
		a.Conn, err = c.l.Client().DialFrom(context.Background(), net.TCPAddrFromAddrPort(local), "tcp", c.l.Plan.Web().String())
	} else {
		a.Conn, err = c.l.Client().DialFrom(context.Background(), net.UDPAddrFromAddrPort(local), "udp", c.l.Plan.Echo().String())
	}
	ts.Check(err)
	if args[1] == "web" {
		a.r = bufio.NewReader(a.Conn)
	}
	c.open[args[0]] = a
	ask(ts, false, args[:1])
}

func ask(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: ask NAME")
	}
	a := sideOf(ts).open[args[0]]
	if a == nil {
		ts.Fatalf("no connection %s", args[0])
	}
	within := answerTime
	if neg {
		within = silentTime
	}
	from, err := a.ask(within)
	switch {
	case neg && err == nil:
		ts.Fatalf("answered by %s", from)
	case !neg:
		ts.Check(err)
		_, err = fmt.Fprintln(ts.Stdout(), from)
		ts.Check(err)
	}
}

func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: hang-up NAME")
	}
	c := sideOf(ts)
	ts.Check(c.open[args[0]].Close())
	delete(c.open, args[0])
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND ARGS...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Env = append(cmd.Environ(), "GOIPVS_SOCKET="+ts.Getenv("GOIPVS_SOCKET"))
		out, err := cmd.Output()
		ts.Check(err)
		if want.Match(out) != neg {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("not within a minute; at last:\n%s", out)
		}
	}
}
