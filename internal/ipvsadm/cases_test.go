package ipvsadm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/packet"
	"goipvs/xmit"
)

// bareStack is a machine with a loopback interface and nothing else, as the
// cases were recorded on.
type bareStack struct{ xmit.Stack }

func (bareStack) AddrType(f packet.Family, a packet.Addr) xmit.AddrType {
	switch {
	case a.IsLoopback(f) && a != packet.Addr4(0x7fffffff):
		return xmit.AddrLocal
	case a.IsMulticast(f):
		return xmit.AddrMulticast
	case f == packet.IPv4 && (a[0] == 0 || a[0] == 127 || a.V4() == 1<<32-1):
		return xmit.AddrBroadcast
	case f == packet.IPv6 && (a.IsZero() || a.Netip(f).Is4In6()):
		return xmit.AddrInvalid
	}
	return xmit.AddrUnicast
}

// listed is a director with other connections than it has.
type listed struct {
	*hooks.Director
	conns []hooks.ConnInfo
}

func (l *listed) Conns(f func(*hooks.ConnInfo) bool) {
	for i := range l.conns {
		if !f(&l.conns[i]) {
			return
		}
	}
}

// protocols by the names that the kernel's listing of connections has.
var protocols = map[string]uint8{"IP": 0, "TCP": packet.ProtoTCP, "UDP": packet.ProtoUDP, "SCTP": packet.ProtoSCTP}

func connInfo(t *testing.T, line string) hooks.ConnInfo {
	c, ok := parseConn(line)
	if !ok {
		t.Fatalf("connection %q", line)
	}
	i := hooks.ConnInfo{
		Family: c.client.family, DestFamily: c.dest.family, Protocol: protocols[c.proto],
		Client: c.client.addr, Virtual: c.virtual.addr, Dest: c.dest.addr,
		CPort: c.client.port, VPort: c.virtual.port, DPort: c.dest.port,
		State: c.state, Expires: time.Duration(c.expires) * time.Second, PEName: c.pe, PEData: c.peData,
	}
	return i
}

// step is a command line of a case file.
type step struct {
	line     int
	kind     string // "$", or "%" for a file of /proc/net
	args     string
	in, want string
}

// readCase returns what a case file is made of, and its connections.
func readCase(t testing.TB, path string) (steps []step, conns []string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range strings.Split(string(b), "\n") {
		kind, text, _ := strings.Cut(l, " ")
		switch kind {
		case "$", "%":
			steps = append(steps, step{line: i + 1, kind: kind, args: text})
		case "@":
			conns = append(conns, text)
		case "<":
			steps[len(steps)-1].in += text + "\n"
		case "|", "!", "=":
			steps[len(steps)-1].want += l + "\n"
		}
	}
	return steps, conns
}

// shellWords splits a command line at blanks outside quotes.
func shellWords(s string) (words []string) {
	quoted, in := false, false
	var w strings.Builder
	for _, c := range s + " " {
		switch {
		case c == '\'':
			quoted, in = !quoted, true
		case c == ' ' && !quoted:
			if in {
				words = append(words, w.String())
			}
			w.Reset()
			in = false
		default:
			w.WriteRune(c)
			in = true
		}
	}
	return words
}

// shown prints what a run put out as case files have it.
func shown(out, errs string, code int) string {
	var b strings.Builder
	for _, x := range []struct{ mark, text string }{{"|", out}, {"!", errs}} {
		for l := range strings.Lines(x.text) {
			if l == "\n" {
				b.WriteString(x.mark + l)
			} else {
				b.WriteString(x.mark + " " + l)
			}
		}
	}
	if code != 0 {
		fmt.Fprintf(&b, "= %d\n", code)
	}
	return b.String()
}

// TestCases runs the command lines in testdata/cases and compares what comes out
// with what the real ipvsadm said on a real ip_vs (testdata/record.sh).
func TestCases(t *testing.T) {
	total := 0
	for _, path := range casePaths(t) {
		steps, conns := readCase(t, path)
		total += len(steps)
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			back := &listed{Director: hooks.New(hooks.Config{Stack: bareStack{}})}
			for _, l := range conns {
				back.conns = append(back.conns, connInfo(t, l))
			}
			e := control.NewEngine(back)
			e.Interface = func(name string) bool { return name == "lo" }
			conn := e.Conn()
			checkConns(t, conn, conns)
			for _, s := range steps {
				if d := cmp.Diff(s.want, s.run(t, conn)); d != "" {
					t.Errorf("%s:%d: %s %s (-kernel +goipvs)\n%s", path, s.line, s.kind, s.args, d)
				}
			}
		})
	}
	t.Logf("%d command lines", total)
}

// run does a step and returns what it put out as case files have it.
func (s *step) run(t *testing.T, conn control.Conn) string {
	var out, errs bytes.Buffer
	if s.kind == "%" {
		if err := control.NewClient(conn).Proc(s.args, &out); err != nil {
			t.Error(err)
		}
		return shown(out.String(), "", 0)
	}
	code := Run(shellWords(s.args), Env{
		Stdin: strings.NewReader(s.in), Stdout: &out, Stderr: &errs, Conn: conn,
		Names: fileNames,
	})
	return shown(out.String(), errs.String(), code)
}

// checkConns compares the engine's /proc/net/ip_vs_conn with the kernel's lines.
func checkConns(t *testing.T, conn control.Conn, want []string) {
	var b bytes.Buffer
	if err := control.NewClient(conn).Proc(control.ProcConns, &b); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "\n")
	if d := cmp.Diff(strings.Join(want, "\n"), strings.TrimSuffix(got, "\n")); d != "" {
		t.Error(d)
	}
}
