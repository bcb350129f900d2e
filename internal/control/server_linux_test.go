package control

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/sched"
)

// strangerEnv makes the test binary a client of the socket it names.
const strangerEnv = "GOIPVS_TEST_STRANGER"

func TestMain(m *testing.M) {
	if path := os.Getenv(strangerEnv); path != "" {
		os.Exit(stranger(path))
	}
	goleak.VerifyTestMain(m)
}

// serve starts a server on a socket of its own.
func serve(t *testing.T, b Backend) (path string, s *Server) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "goipvs.sock")
	s, err := Listen(path, NewEngine(b))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return path, s
}

func dial(t *testing.T, path string) *Client {
	t.Helper()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return NewClient(c)
}

func director() *hooks.Director { return hooks.New(hooks.Config{Stack: bareStack{}}) }

func TestServer(t *testing.T) {
	path, _ := serve(t, director())
	f, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode %v", f.Mode())
	}
	a, b := dial(t, path), dial(t, path)
	if err := a.AddService(sched.ServiceConfig{ServiceKey: webKey, Scheduler: "rr"}); err != nil {
		t.Fatal(err)
	}
	all, err := b.Services()
	if err != nil || len(all) != 1 || all[0].ServiceKey != webKey {
		t.Errorf("got %+v, %v", all, err)
	}
	if err := b.AddService(sched.ServiceConfig{ServiceKey: webKey, Scheduler: "rr"}); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("got %v, want EEXIST", err)
	}
}

func TestListenLiveSocket(t *testing.T) {
	path, _ := serve(t, director())
	if _, err := Listen(path, newEngine()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want EADDRINUSE", err)
	}
	if _, _, err := dial(t, path).Info(); err != nil {
		t.Errorf("the first daemon suffered: %v", err)
	}
}

func TestListenDeadSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	s, err := Listen(path, newEngine())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestListenOtherFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file, newEngine()); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("file: %v, want EEXIST", err)
	}
	if b, err := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file suffered: %q, %v", b, err)
	}
	stream := filepath.Join(dir, "s")
	l, err := net.Listen("unix", stream)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := Listen(stream, newEngine()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("stream socket: %v, want EADDRINUSE", err)
	}
	if _, err := Listen(filepath.Join(dir, "no", "s"), newEngine()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// TestCloseOtherSocket: a socket that somebody put in the place of ours stays.
func TestCloseOtherSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := Listen(path, newEngine())
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(path)
	other, err := Listen(path, newEngine())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	_ = s.Close()
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// crowd is a director with many connections.
type crowd struct {
	*hooks.Director
	n int
}

func (c crowd) Conns(f func(*hooks.ConnInfo) bool) {
	i := hooks.ConnInfo{Family: packet.IPv4, DestFamily: packet.IPv4, Protocol: packet.ProtoTCP, State: "ESTABLISHED"}
	for n := range c.n {
		i.Client = packet.Addr4(uint32(n))
		if !f(&i) {
			return
		}
	}
}

func TestSlowClient(t *testing.T) {
	path, s := serve(t, crowd{director(), 100_000})
	slow := rawDial(t, path)
	// It asks for more than its socket holds and never reads.
	if _, err := slow.Write(dumpOf(CmdGetProc, raw(ExtName, []byte(ProcConns)...))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dial(t, path).Info(); err != nil {
		t.Error(err)
	}
	closed := make(chan struct{})
	go func() {
		_ = s.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("Close waits for a client that doesn't read")
	}
}

// telling is a backend that tells so many lines when it is to end.
type telling struct {
	*hooks.Director
	lines int
	end   chan struct{}
}

func (b telling) Trace(_ TraceRequest, send func([]byte) error) error {
	if err := send([]byte("begun\n")); err != nil {
		return err
	}
	<-b.end
	for i := range b.lines {
		if err := send(fmt.Appendln(nil, "line", i)); err != nil {
			return err
		}
	}
	return nil
}

// Who is being answered when the server closes gets that to its end.
func TestCloseAnswers(t *testing.T) {
	b := telling{director(), 10000, make(chan struct{})}
	path, s := serve(t, b)
	s.closeTime = time.Minute
	begun, done := make(chan struct{}), make(chan error, 1)
	var got []string
	c := dial(t, path)
	go func() {
		done <- c.Trace(TraceRequest{}, func(line []byte) error {
			if got = append(got, string(line)); len(got) == 1 {
				close(begun)
			}
			return nil
		})
	}()
	<-begun
	if _, _, err := dial(t, path).Info(); err != nil { // and then it asks no more
		t.Error(err)
	}
	close(b.end)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil || len(got) != 1+b.lines {
		t.Errorf("%v, %d lines", err, len(got))
	}
}

func rawDial(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func TestBadClients(t *testing.T) {
	path, _ := serve(t, director())
	t.Run("too long", func(t *testing.T) {
		c := rawDial(t, path)
		if _, err := c.Write(make([]byte, MaxRequest+1)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 100)); n != 0 || err == nil {
			t.Errorf("answered with %d octets, %v", n, err)
		}
	})
	t.Run("longest", func(t *testing.T) {
		b := append(do(99), make([]byte, MaxRequest-20)...)
		ne.PutUint32(b, MaxRequest)
		conn, err := Dial(path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var got []byte
		if err := conn.Request(b, func(b []byte) error { got = bytes.Clone(b); return nil }); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(got, b) {
			t.Errorf("%d octets don't quote the request", len(got))
		}
	})
	t.Run("rubbish", func(t *testing.T) {
		c := rawDial(t, path)
		for _, b := range [][]byte{{1}, bytes.Repeat([]byte{0xff}, 100), make([]byte, 1000)} {
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Write(do(CmdGetInfo)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1000)); n == 0 || err != nil {
			t.Errorf("no answer after rubbish: %v", err)
		}
	})
}

// TestManyClients: as many as are served, and one more, who waits his turn.
func TestManyClients(t *testing.T) {
	path, _ := serve(t, director())
	var conns []Conn
	for range maxClients {
		c, err := Dial(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, _, err := NewClient(c).Info(); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	last := rawDial(t, path)
	if _, err := last.Write(do(CmdGetInfo)); err != nil {
		t.Fatal(err)
	}
	_ = conns[7].Close()
	if n, err := last.Read(make([]byte, 1000)); n == 0 || err != nil {
		t.Errorf("the last client is not served: %v", err)
	}
}

func TestDial(t *testing.T) {
	if _, err := Dial(filepath.Join(t.TempDir(), "none")); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v, want ENOENT", err)
	}
	path, s := serve(t, director())
	c := dial(t, path)
	_ = s.Close()
	if _, _, err := c.Info(); err == nil {
		t.Error("the closed daemon answers")
	}
	if _, _, err := c.Info(); err == nil {
		t.Error("the closed daemon answers the second time")
	}
}

// TestStranger: another user is not served even if he gets at the socket.
func TestStranger(t *testing.T) {
	if !allowed(0) || !allowed(uint32(os.Geteuid())) || allowed(uint32(os.Geteuid())+1) {
		t.Error("wrong users allowed")
	}
	if os.Geteuid() != 0 {
		t.Skip("to become another user needs root")
	}
	path, _ := serve(t, director())
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		if f, err := os.Stat(dir); err == nil && f.Mode().Perm()&0o001 == 0 {
			_ = os.Chmod(dir, f.Mode().Perm()|0o011)
			t.Cleanup(func() { _ = os.Chmod(dir, f.Mode().Perm()) })
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(filepath.Dir(path), "client")
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[uint32]string{0: "served\n", 65534: "refused\n"} {
		cmd := exec.Command(exe)
		cmd.Env = append(slices.Clone(os.Environ()), strangerEnv+"="+path)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.Output()
		if err != nil || string(out) != want {
			t.Errorf("user %d: %q, %v, want %q", uid, out, err, want)
		}
	}
}

// stranger is a client in a process of its own.
func stranger(path string) int {
	c, err := Dial(path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = c.Close() }()
	_, _, err = NewClient(c).Info()
	switch {
	case err == nil:
		fmt.Println("served")
	case strings.Contains(err.Error(), "EOF") || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET):
		fmt.Println("refused")
	default:
		fmt.Println(err)
	}
	return 0
}
