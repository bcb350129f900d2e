package wrap_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"goipvs/internal/buildtest"
)

// The probe sees what it sees of the kernel. The number that dup3 is given is
// watched only with --all-fds.
func TestProbe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	probe := filepath.Join(dir, "probe")
	t.Run("all", func(t *testing.T) {
		recorded(t, "probe/kernel.txt", s.run(s.command("--all-fds", "--", probe, "all")).Out)
	})
	want, err := os.ReadFile("testdata/probe/kernel.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := s.wrapped(probe)
	if w := regexp.MustCompile(`(?m)^dup3 .*\n`).ReplaceAllString(string(want), ""); got.Out != w {
		t.Errorf("got\n%s\nwant\n%s", got.Out, w)
	}
}

// Files of /proc say, take and refuse what the kernel's do.
func TestFiles(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip(err)
	}
	s := newSite(t)
	script, err := filepath.Abs("testdata/files/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	got := s.run(s.command("--files", "--", script)).Out
	recorded(t, "files/kernel.txt", regexp.MustCompile(`line [0-9]+`).ReplaceAllString(got, "line N"))
}

// peers builds the programs of testdata/peers.
func peers(t *testing.T) string {
	t.Helper()
	if err := buildPeers(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "peers")
}

var buildPeers = sync.OnceValue(func() error {
	return buildtest.Go(filepath.Join(dir, "peers"), "testdata/peers", "build", ".")
})

// Libraries see no difference, static Go programs though they are, nor do
// signals that rain on their threads.
func TestPeers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var out, errs bytes.Buffer
	cmd := s.command("--", peers(t), "moby", "cloudflare", "calls", "list", "storm")
	cmd.Stdout, cmd.Stderr = &out, &errs
	s.begin(cmd)
	if r := ended(t, cmd, &out); r.Code != 0 {
		t.Errorf("exit status %d: %s", r.Code, errs.String())
	}
	recorded(t, "peers/kernel.txt", out.String())
}

// moby/ipvs's own tests pass. Each makes a network namespace of its own, where
// no daemon runs unless wrap starts one.
func TestMobySuite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	suitePassed(t, s.run(s.command("--daemon", "--", mobySuite(t), "-test.v")))
}

func mobySuite(t *testing.T) string {
	t.Helper()
	return suite(t, "moby.test", nil, nil)
}

// suite builds moby/ipvs's tests, changed as bridged says.
func suite(t *testing.T, name string, change func(dir string) error, edit func([]byte) []byte) string {
	t.Helper()
	out := filepath.Join(dir, name)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	mod := bridged(t, change, edit)
	if err := buildtest.Go(out, "testdata/peers", "test", "-c", "-modfile", mod, "github.com/moby/ipvs"); err != nil {
		t.Fatal(err)
	}
	return out
}

func suitePassed(t *testing.T, got result) {
	t.Helper()
	for _, test := range []string{"TestGetFamily", "TestService", "TestDestination", "TestTimeouts"} {
		if !strings.Contains(got.Out, "--- PASS: "+test+" ") {
			t.Errorf("%s did not pass", test)
		}
	}
	if got.Code != 0 || t.Failed() {
		t.Errorf("exit status %d\n%s", got.Code, got.Out)
	}
}

// moby returns where moby/ipvs is.
func moby() (string, error) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/ipvs")
	cmd.Dir = "testdata/peers"
	where, err := cmd.Output()
	return strings.TrimSpace(string(where)), err
}

// bridged returns a go.mod with a copy of moby/ipvs whose tests make a bridge:
// not every kernel has the dummy interface that they put an address on, and it
// doesn't matter which it is. The copy and the tests are further changed by change
// and edit, if these aren't nil.
func bridged(t *testing.T, change func(dir string) error, edit func([]byte) []byte) string {
	t.Helper()
	tmp := t.TempDir()
	where, err := moby()
	if err == nil {
		err = os.CopyFS(filepath.Join(tmp, "ipvs"), os.DirFS(where))
	}
	if err == nil {
		err = filepath.WalkDir(tmp, func(path string, d fs.DirEntry, err error) error { // the module cache is read-only
			if err == nil && d.IsDir() {
				err = os.Chmod(path, 0o755)
			}
			return err
		})
	}
	if err == nil && change != nil {
		err = change(filepath.Join(tmp, "ipvs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	rewrite := func(to, from string, f func([]byte) []byte) {
		b, err := os.ReadFile(from)
		if err == nil {
			_ = os.Remove(to) // the copy of what can't be written
			err = os.WriteFile(to, f(b), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := filepath.Join(tmp, "ipvs/ipvs_linux_test.go")
	changes := []func([]byte) []byte{func(b []byte) []byte {
		return bytes.Replace(b, []byte("&netlink.Dummy{"), []byte("&netlink.Bridge{"), 1)
	}}
	if edit != nil {
		changes = append(changes, edit)
	}
	for _, f := range changes {
		rewrite(tests, tests, func(b []byte) []byte {
			changed := f(b)
			if bytes.Equal(b, changed) {
				t.Errorf("%s is not as it was", tests)
			}
			return changed
		})
	}
	mod := filepath.Join(tmp, "go.mod")
	rewrite(mod, "testdata/peers/go.mod", func(b []byte) []byte {
		return append(b, "\nreplace github.com/moby/ipvs => "+filepath.Join(tmp, "ipvs")+"\n"...)
	})
	rewrite(filepath.Join(tmp, "go.sum"), "testdata/peers/go.sum", func(b []byte) []byte { return b })
	return mod
}

// keepalived's services follow its checks, and clients go where its services
// say, as on the real kernel; also through its reload and its end.
func TestKeepalived(t *testing.T) {
	t.Parallel()
	need(t, "keepalived", "ipvsadm", "ip")
	if err := programs(); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/keepalived/run.sh")
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(script, self, "wrapped")
	cmd.Stdout, cmd.Stderr = &out, &errs
	// All that it starts ends with the process namespace.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if r := ended(t, cmd, &out); r.Code != 0 {
		t.Errorf("exit status %d: %s", r.Code, errs.String())
	}
	recorded(t, "keepalived/kernel.txt", out.String())
}
