package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/lab"
	"goipvs/internal/live/nstest"
	"goipvs/internal/trace"
	"goipvs/packet"
)

// viewing is goipvs view --live, a process of its own on a laboratory's director.
type viewing struct {
	cmd    *exec.Cmd
	stderr *bufio.Reader
	url    string
	http.Client
}

// view starts one, and waits for what it says.
func view(ctx context.Context, t *testing.T, l *lab.Lab, args ...string) *viewing {
	t.Helper()
	said, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	v := &viewing{
		cmd:    exec.CommandContext(ctx, "goipvs", append([]string{"--socket", l.Socket, "view", "--live"}, args...)...),
		stderr: bufio.NewReader(said),
		Client: http.Client{Transport: &http.Transport{DialContext: l.Director().Dial}},
	}
	v.cmd.Stderr = w
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = l.Director().Start(v.cmd)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.CloseIdleConnections()
		if v.cmd.ProcessState == nil { // the test has failed
			_ = v.cmd.Process.Kill()
			_ = v.cmd.Wait()
		}
		said.Close()
	})
	line, err := v.stderr.ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	var says string
	v.url, says, _ = strings.Cut(line, " ")
	if want := "shows the packets of the daemon at " + l.Socket + ", to this host alone; end with Ctrl-C\n"; says != want {
		t.Errorf("says %q, want %q", says, want)
	}
	return v
}

// get asks it for what is at a path. Who gets it closes it.
func (v *viewing) get(ctx context.Context, t *testing.T, path string, status int) io.ReadCloser {
	t.Helper()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := v.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Errorf("/%s: %s, want %d", path, resp.Status, status)
	}
	return resp.Body
}

// text asks it for a text.
func (v *viewing) text(ctx context.Context, t *testing.T, path string, status int) string {
	t.Helper()
	body := v.get(ctx, t, path, status)
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Errorf("/%s: %v", path, err)
	}
	return string(b)
}

// interrupt ends it as Ctrl-C does.
func (v *viewing) interrupt(t *testing.T) {
	t.Helper()
	if err := v.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := v.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	if b, err := io.ReadAll(v.stderr); err != nil || len(b) > 0 {
		t.Errorf("says %q at last, %v", b, err)
	}
}

// lines are what the page is told.
type lines struct {
	io.Closer
	r *bufio.Reader
}

// lines asks for them. The first one is there when it returns.
func (v *viewing) lines(ctx context.Context, t *testing.T) (*lines, *trace.Start) {
	t.Helper()
	body := v.get(ctx, t, "lines", http.StatusOK)
	t.Cleanup(func() { body.Close() })
	l := &lines{body, bufio.NewReader(body)}
	start, ok := l.next(t).(*trace.Start)
	if !ok {
		t.Fatal("the first line is another")
	}
	return l, start
}

// next is the next line.
func (l *lines) next(t *testing.T) any {
	t.Helper()
	b, err := l.r.ReadBytes('\n')
	if err != nil {
		t.Fatalf("%q, %v", b, err)
	}
	x, err := trace.ReadLine(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return x
}

// until reads until so many packets at least have come, and a line that is wanted,
// and returns how the packets went. What counts packets may come before they do.
func (l *lines) until(t *testing.T, packets int, wanted func(any) bool) (went []string) {
	t.Helper()
	for has := false; !has || len(went) < packets; {
		x := l.next(t)
		switch x := x.(type) {
		case *trace.Passage:
			if x.Type == "packet" {
				went = append(went, way(x))
			}
		case *trace.Lost:
			t.Errorf("%d packets not told of", x.Packets)
		}
		has = has || wanted(x)
	}
	return went
}

// way is how a packet went: how it came, what the hooks decided, and how it left.
func way(g *trace.Passage) string {
	ends := func(summary string) string { return strings.Join(strings.Fields(summary)[:4], " ") }
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s\n", g.Interface, ends(g.Summary))
	for _, x := range g.Steps {
		if x.Verdict != "" {
			fmt.Fprintf(&s, "%s %d %s %s %s\n", x.Point, x.Priority, x.Func, x.Verdict, x.Reason)
		}
	}
	for _, o := range g.Outputs {
		fmt.Fprintf(&s, "%s %s\n", o.Interface, ends(o.Summary))
	}
	return s.String()
}

// ways are those of requests and of replies, by NAT.
func ways(proto, client, virtual, dest string) (request, reply string) {
	return fmt.Sprintf(`eth0 %[2]s > %[3]s %[1]s
LOCAL_IN 98 ip_vs_out_hook ACCEPT no-connection
LOCAL_IN 99 ip_vs_in_hook STOLEN request
eth1 %[2]s > %[4]s %[1]s
`, proto, client, virtual, dest), fmt.Sprintf(`eth1 %[4]s > %[2]s %[1]s
FORWARD 99 ip_vs_forward_icmp ACCEPT other-protocol
FORWARD 100 handle_response ACCEPT reply
eth0 %[3]s > %[2]s %[1]s
`, proto, client, virtual, dest)
}

// counts reports whether a line says that a service has had a packet, and so many
// replies at least.
func counts(key string, replies uint64) func(any) bool {
	return func(x any) bool {
		s, ok := x.(*trace.Services)
		return ok && slices.ContainsFunc(s.Services, func(s trace.Service) bool {
			return s.Key == key && s.Stats.Conns == 1 && s.Stats.InPkts == 1 && s.Stats.OutPkts >= replies
		})
	}
}

// goipvs view --live shows a daemon's packets while they come, to each reader those
// of its filter, until it is told to end or the daemon ends.
func TestViewDaemon(t *testing.T) {
	nstest.Root(t)
	self, err := exec.LookPath("goipvs")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	l, err := lab.Start(lab.NewPlan(lab.NAT, packet.IPv4), lab.Options{Self: self})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := l.Direct(ctx); err != nil {
		t.Fatal(err)
	}
	// ask asks a service from a port of the client's.
	ask := func(network, service string, port int) {
		t.Helper()
		var from net.Addr = &net.TCPAddr{Port: port}
		if network == "udp" {
			from = &net.UDPAddr{Port: port}
		}
		c, err := l.Client().DialFrom(ctx, from, network, service)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		a := &asking{Conn: c}
		if network == "tcp" {
			a.r = bufio.NewReader(c)
		}
		if _, err := a.ask(answerTime); err != nil {
			t.Error(err)
		}
	}

	all, some := view(ctx, t, l), view(ctx, t, l, "--filter", "udp and dst port 7")
	if s := all.text(ctx, t, "", http.StatusOK); !strings.Contains(s, "<title>live · goipvs</title>") || !strings.Contains(s, `"live":{"keep":10000}`) {
		t.Errorf("the page: %d octets", len(s))
	}
	allLines, start := all.lines(ctx, t)
	someLines, _ := some.lines(ctx, t)
	var keys []string
	for _, s := range start.Services {
		keys = append(keys, s.Key)
	}
	if d := cmp.Diff([]string{"UDP 203.0.113.10:7", "TCP 203.0.113.10:80"}, keys); d != "" || start.Schema != trace.Schema || len(start.Setup) == 0 {
		t.Errorf("the first line: schema %d, %d lines of setup, services (-want +got):\n%s", start.Schema, len(start.Setup), d)
	}

	ask("udp", l.Plan.Echo().String(), 40010)
	request, reply := ways("UDP", "192.0.2.100:40010", "203.0.113.10:7", "10.1.0.13:7007")
	if d := cmp.Diff([]string{request, reply}, allLines.until(t, 2, counts("UDP 203.0.113.10:7", 1))); d != "" {
		t.Errorf("a datagram and its answer (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{request}, someLines.until(t, 1, counts("UDP 203.0.113.10:7", 0))); d != "" {
		t.Errorf("with a filter (-want +got):\n%s", d)
	}

	ask("tcp", l.Plan.Web().String(), 40011)
	request, reply = ways("TCP", "192.0.2.100:40011", "203.0.113.10:80", "10.1.0.13:8080")
	went := allLines.until(t, 7, func(x any) bool {
		g, ok := x.(*trace.Passage)
		return ok && g.Interface == "eth1" && strings.Contains(g.Summary, "FIN")
	})
	if went[0] != request || went[1] != reply {
		t.Errorf("a connection begins %q", went)
	}
	slices.Sort(went) // several queues tell of both directions
	if d := cmp.Diff([]string{request, reply}, slices.Compact(went)); d != "" {
		t.Errorf("a connection (-want +got):\n%s", d)
	}
	ask("udp", l.Plan.Echo().String(), 40012)
	request, _ = ways("UDP", "192.0.2.100:40012", "203.0.113.10:7", "10.1.0.12:7007")
	second := func(x any) bool {
		g, ok := x.(*trace.Passage)
		return ok && g.N == 2
	}
	if d := cmp.Diff([]string{request}, someLines.until(t, 1, second)); d != "" {
		t.Errorf("with a filter, after others (-want +got):\n%s", d)
	}

	// There are no more readers than there may be tracers.
	for range 6 {
		all.lines(ctx, t)
	}
	if s := all.text(ctx, t, "lines", http.StatusServiceUnavailable); s != "the daemon is being traced by as many as it lets\n" {
		t.Errorf("one reader more: %q", s)
	}

	all.interrupt(t)
	if _, err := io.Copy(io.Discard, allLines.r); err == nil || ctx.Err() != nil {
		t.Errorf("after Ctrl-C a reader's lines end as if they were all: %v", err)
	}
	if err := l.Daemon.Stop(); err != nil {
		t.Error(err)
	}
	var end *trace.End
	someLines.until(t, 0, func(x any) (ok bool) {
		end, ok = x.(*trace.End)
		return ok
	})
	if end.Packets != 2 || end.Outputs != 2 || !slices.Equal(end.Notes, []string{"the daemon has ended"}) {
		t.Errorf("when the daemon ends: %+v", end)
	}
	if b, err := io.ReadAll(someLines.r); err != nil || len(b) > 0 {
		t.Errorf("after the last line: %q, %v", b, err)
	}
	if s := some.text(ctx, t, "lines", http.StatusServiceUnavailable); !strings.Contains(s, "no such file") {
		t.Errorf("without a daemon: %q", s)
	}
	some.interrupt(t)
}
