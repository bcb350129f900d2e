package ipvsadm

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/internal/control"
)

// TestNoDaemon: without a daemon there is help, and else a clear word.
func TestNoDaemon(t *testing.T) {
	dialled := 0
	env := func(out, errs *bytes.Buffer) Env {
		return Env{Stdout: out, Stderr: errs, Dial: func() (control.Conn, error) {
			dialled++
			return nil, &net.OpError{Op: "dial", Net: "unixpacket", Addr: &net.UnixAddr{Name: "/run/goipvs.sock"}, Err: os.NewSyscallError("connect", syscall.ENOENT)}
		}}
	}
	const none = "Can't initialize ipvs: /run/goipvs.sock: No such file or directory\n" +
		"Are you sure that the goipvs daemon is running?\n"
	for _, tc := range []struct {
		args string
		code int
		errs string
		out  string // how it begins
	}{
		{"-h", 0, "", "ipvsadm v1.31 "},
		{"--version", 0, "", "ipvsadm v1.31 "},
		{"-hC", 0, "", "ipvsadm v1.31 "},
		{"", 2, none, ""},
		{"-Ln", 2, none, ""},
		{"-C", 2, none, ""},
		{"--nosuch", 2, none, ""},
	} {
		t.Run(tc.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Run(strings.Fields(tc.args), env(&out, &errs))
			if code != tc.code || errs.String() != tc.errs || !strings.HasPrefix(out.String(), tc.out) {
				t.Errorf("exit code %d, %q, %q", code, out.String(), errs.String())
			}
		})
	}
	if dialled != 4 {
		t.Errorf("dialled %d times", dialled)
	}
}

// closing counts how often it is closed.
type closing struct {
	control.Conn
	n int
}

func (c *closing) Close() error { c.n++; return nil }

func TestDialledIsClosed(t *testing.T) {
	c := &closing{Conn: newConn()}
	var out bytes.Buffer
	code := Run([]string{"-Ln"}, Env{Stdout: &out, Stderr: &out, Dial: func() (control.Conn, error) { return c, nil }})
	if code != 0 || c.n != 1 {
		t.Errorf("exit code %d, closed %d times", code, c.n)
	}
	if code := Run([]string{"-Ln"}, Env{Stdout: &out, Stderr: &out, Conn: c}); code != 0 || c.n != 1 {
		t.Errorf("exit code %d, closed %d times", code, c.n)
	}
}

func newConn() control.Conn {
	return control.NewEngine(hooks.New(hooks.Config{Stack: bareStack{}})).Conn()
}

// broken fails all requests.
type broken struct{ err error }

func (b broken) Request([]byte, func([]byte) error) error { return b.err }
func (broken) Close() error                               { return nil }

func TestBrokenConnection(t *testing.T) {
	for _, tc := range []struct {
		args string
		err  error
		code int
		errs string
	}{
		{"-C", syscall.EPERM, 255, "Permission denied (you must be root)\n"},
		{"-C", syscall.EPIPE, 255, "Broken pipe\n"},
		{"-C", errors.New("strange"), 255, "strange\n"},
		{"-Ln", fmt.Errorf("dump: %w", syscall.ESRCH), 1, "No such service\n"},
		{"-Ln -t 10.0.0.1:80", syscall.ECONNRESET, 1, "Connection reset by peer\n"},
		{"-Sn", syscall.EMSGSIZE, 1, "Module is wrong version\n"},
		{"-L --timeout", syscall.EPIPE, 1, ""},
		{"-L --daemon", syscall.EPIPE, 1, ""},
		{"-Lnc", syscall.EPIPE, 1, "cannot open file /proc/net/ip_vs_conn\n"},
		{"-a -t 10.0.0.1:80 -r 10.1.0.1", syscall.EAFNOSUPPORT, 255, "Operation not supported with specified address family\n"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Run(strings.Fields(tc.args), Env{Stdout: &out, Stderr: &errs, Conn: broken{tc.err}})
			if code != tc.code || errs.String() != tc.errs {
				t.Errorf("exit code %d, %q", code, errs.String())
			}
		})
	}
}

func TestProgramName(t *testing.T) {
	var errs bytes.Buffer
	Run([]string{"foo"}, Env{Program: "./ipvs", Stdout: &errs, Stderr: &errs, Conn: newConn()})
	if want := "Try `./ipvs -h' or './ipvs --help' for more information.\n"; errs.String() != want {
		t.Errorf("got %q", errs.String())
	}
}

func TestLargeNumber(t *testing.T) {
	for _, tc := range []struct {
		n            uint64
		short, exact string
	}{
		{0, "        0", "        0"},
		{99_999_999, " 99999999", " 99999999"},
		{100_000_000, "  100000K", " 100000000"},
		{999_999_999, "  999999K", " 999999999"},
		{1_000_000_000, "    1000M", " 1000000000"},
		{99_999_999_999, "   99999M", " 99999999999"},
		{100_000_000_000, "     100G", " 100000000000"},
		{99_999_999_999_999, "   99999G", " 99999999999999"},
		{100_000_000_000_000, "     100T", " 100000000000000"},
		{1<<64 - 1, "18446744T", " 18446744073709551615"},
	} {
		if d := cmp.Diff([]string{tc.short, tc.exact}, []string{largeNumber(tc.n, 0), largeNumber(tc.n, fmtExact)}); d != "" {
			t.Errorf("%d: %s", tc.n, d)
		}
	}
}

func TestInetAton(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want uint32
		ok   bool
	}{
		{"10.0.0.1", 0x0a000001, true},
		{"10.1", 0x0a000001, true},
		{"10.0.257", 0x0a000101, true},
		{"1", 1, true},
		{"0x7f.1", 0x7f000001, true},
		{"0X7F.1", 0x7f000001, true},
		{"017.1", 0x0f000001, true},
		{"4294967295", 0xffffffff, true},
		{"255.255.255.255 and more", 0xffffffff, true},
		{"4294967296", 0, false},
		{"10.16777216", 0, false},
		{"256.0.0.1", 0, false},
		{"1.2.3.256", 0, false},
		{"1.2.3.4.5", 0, false},
		{"08.1", 0, false},
		{"0x.1", 0, false},
		{"1.", 0, false},
		{"", 0, false},
		{" 1", 0, false},
		{"-1", 0, false},
		{"99999999999999999999", 0, false},
	} {
		got, ok := inetAton(tc.in)
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("%q: %#x, %v", tc.in, got, ok)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	env := Env{Conn: newConn()}
	add := []string{"-a", "-t", "10.0.0.1:80", "-r", "10.1.0.1:80", "-m", "-w", "3"}
	del := []string{"-d", "-t", "10.0.0.1:80", "-r", "10.1.0.1:80"}
	if Run([]string{"-A", "-t", "10.0.0.1:80", "-s", "rr"}, env) != 0 {
		b.Fatal("no service")
	}
	b.ReportAllocs()
	for b.Loop() {
		if Run(add, env)+Run(del, env) != 0 {
			b.Fatal("refused")
		}
	}
}
