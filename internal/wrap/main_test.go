package wrap_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"goipvs/internal/buildtest"
	"goipvs/internal/live/nstest"
)

// Environment of the test program where it runs itself again.
const (
	envSelf = "GOIPVS_TEST_SELF" // goipvs, built already
	envCase = "GOIPVS_TEST_CASE" // a file of recorded command lines to run
	envExec = "GOIPVS_TEST_EXEC" // a socket to run goipvs wrap with, under a filter that has a listener
)

// self is goipvs, and dir is where programs are built, until remove removes it.
var (
	self, dir string
	remove    func() error
)

func TestMain(m *testing.M) {
	if name := os.Getenv(envCase); name != "" {
		os.Exit(runCase(name))
	}
	if socket := os.Getenv(envExec); socket != "" {
		fmt.Fprintln(os.Stderr, underListener(socket))
		os.Exit(1)
	}
	if err := flag.Set("test.parallel", "8"); err != nil { // a default: they wait more than they work
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	if self = os.Getenv(envSelf); self != "" {
		dir = filepath.Dir(self)
		// This is the first process of its namespace, whose /proc is another's.
		err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		if err == nil {
			err = unix.Mount("proc", "/proc", "proc", 0, "")
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}
	code := m.Run()
	if remove != nil {
		if err := remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// programs builds goipvs and the probe.
var programs = sync.OnceValue(func() error {
	if self != "" {
		return nil
	}
	var err error
	if dir, remove, err = buildtest.Dir(); err != nil {
		return err
	}
	self = filepath.Join(dir, "goipvs")
	return errors.Join(
		buildtest.Go(self, ".", "build", "goipvs/cmd/goipvs"),
		buildtest.Go(filepath.Join(dir, "probe"), ".", "build", "./testdata/probe"))
})

// All programs that are run here can be built, also for another machine. It is
// no parallel test: the others come after it and find them.
func TestPrograms(t *testing.T) {
	if err := programs(); err != nil {
		t.Fatal(err)
	}
	peers(t)
	replaced(t)
	mobySuite(t)
	replacedSuite(t)
}

// need fails a test where a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	nstest.Root(t)
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("%v; make tools installs it", err)
		}
	}
}

// site is a network namespace with a daemon.
type site struct {
	t      *testing.T
	ns     *nstest.NS
	dir    string
	socket string
	daemon *exec.Cmd
}

func newSite(t *testing.T) *site {
	t.Helper()
	nstest.Root(t)
	if err := programs(); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, ns: nstest.New(t), dir: t.TempDir()}
	s.socket = filepath.Join(s.dir, "goipvs.sock")
	s.start()
	t.Cleanup(func() {
		s.stop(syscall.SIGTERM)
		if b, err := os.ReadFile(s.log()); err == nil {
			t.Logf("supervisor: %s", b)
		}
	})
	return s
}

func (s *site) log() string { return filepath.Join(s.dir, "wrap.log") }

// start starts the daemon and waits until it serves.
func (s *site) start() {
	s.t.Helper()
	s.daemon = exec.Command(self, "--socket", s.socket, "run", "--mark-bit", "0x10000000")
	var log bytes.Buffer
	s.daemon.Stderr = &log
	s.begin(s.daemon)
	announced := filepath.Join(s.dir, "goipvs.netns")
	wait(s.t, "the daemon", func() bool {
		links, err := os.ReadDir(announced)
		return err == nil && len(links) > 0
	})
}

// stop ends the daemon by a signal.
func (s *site) stop(sig syscall.Signal) {
	_ = s.daemon.Process.Signal(sig) // a test may have ended it
	_ = s.daemon.Wait()
}

// begin starts a process in the namespace.
func (s *site) begin(cmd *exec.Cmd) {
	s.t.Helper()
	var err error
	s.ns.Do(s.t, func() { err = cmd.Start() })
	if err != nil {
		s.t.Fatal(err)
	}
}

// command is a wrapped program, with options of wrap before "--".
func (s *site) command(args ...string) *exec.Cmd {
	return exec.Command(self, append([]string{"--socket", s.socket, "wrap", "--log", s.log()}, args...)...)
}

// result is how a process ended.
type result struct {
	Out  string // and standard error
	Code int    // 128 and more: by a signal
}

// run runs a process in the namespace and returns what it printed.
func (s *site) run(cmd *exec.Cmd) result {
	s.t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	s.begin(cmd)
	return ended(s.t, cmd, &out)
}

func ended(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer) result {
	t.Helper()
	timeout := time.AfterFunc(patience(t), func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !timeout.Stop() {
		t.Fatalf("%v hangs after\n%s", cmd.Args, out)
	}
	if _, exit := errors.AsType[*exec.ExitError](err); err != nil && !exit {
		t.Fatal(err)
	}
	w := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if w.Signaled() {
		return result{out.String(), 128 + int(w.Signal())}
	}
	return result{out.String(), w.ExitStatus()}
}

// wrapped runs a wrapped program.
func (s *site) wrapped(args ...string) result {
	s.t.Helper()
	return s.run(s.command(append([]string{"--"}, args...)...))
}

// sh runs a wrapped script, which must succeed.
func (s *site) sh(script string) string {
	s.t.Helper()
	r := s.wrapped("sh", "-ec", script)
	if r.Code != 0 {
		s.t.Errorf("%s\nexit status %d, %s", script, r.Code, r.Out)
	}
	return r.Out
}

// patience is how long to wait for what must happen: a third of the time that
// the tests have left. An emulated machine is slow, and gets more of it.
func patience(t *testing.T) time.Duration {
	if end, ok := t.Deadline(); ok {
		return time.Until(end) / 3
	}
	return 2 * time.Minute
}

// wait waits for a condition.
func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	begin, limit := time.Now(), patience(t)
	for ; !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > limit {
			t.Fatalf("%s: not in %v", what, limit)
		}
	}
}

// recorded compares with what a program printed on the real kernel
// (testdata/record.sh).
func recorded(t *testing.T, file, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-kernel +goipvs):\n%s", file, d)
	}
}
