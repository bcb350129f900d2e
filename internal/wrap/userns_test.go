package wrap_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"goipvs/internal/live/nstest"
)

// nobody is a user without any privilege.
const nobody = 65534

// All works in the user namespace of somebody without privileges, too. The test
// program runs again there, as its root.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	nstest.Root(t)
	if os.Getenv(envSelf) != "" {
		return // this is it already
	}
	if err := programs(); err != nil {
		t.Fatal(err)
	}
	peers(t) // which can't be built there
	replaced(t)
	tmp := t.TempDir()
	if err := os.Chown(tmp, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	for d := tmp; d != "/"; d = filepath.Dir(d) { // the way there
		if i, err := os.Stat(d); err == nil && i.Mode().Perm()&1 == 0 {
			if err := os.Chmod(d, i.Mode().Perm()|0o711); err != nil {
				t.Fatal(err)
			}
		}
	}
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(tmp, "wrap.test")
	b, err := os.ReadFile(me)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "-test.parallel", flag.Lookup("test.parallel").Value.String(), "-test.timeout", patience(t).String(), "-test.run", "^Test(Probe|Peers|Replaced$|Keepalived|Trace|Ipvsadm/^services$|Exit|Nested|NetworkNamespaces|DaemonRestarts|SupervisorUnderSignals|FilesNeedFuse|Selftest)", "-test.v")
	cmd.Env = append(os.Environ(), envSelf+"="+self, "TMPDIR="+tmp, "HOME="+tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{HostID: nobody, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: nobody, Size: 1}},
		Credential:  &syscall.Credential{NoSetGroups: true},
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if r := ended(t, cmd, &out); r.Code != 0 || !bytes.Contains(out.Bytes(), []byte("--- PASS: TestProbe")) {
		t.Errorf("exit status %d\n%s", r.Code, r.Out)
	}
}

// Where files of /proc can't be had, that is said and nothing runs.
func TestFilesNeedFuse(t *testing.T) {
	s := newSite(t)
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err == nil {
		f.Close()
		return // they can be had; TestUnprivileged is where they can't
	}
	r := s.run(s.command("--files", "--", "echo", "hello"))
	if r.Code != 1 || !bytes.Contains([]byte(r.Out), []byte("/dev/fuse: permission denied")) {
		t.Errorf("%+v", r)
	}
}
