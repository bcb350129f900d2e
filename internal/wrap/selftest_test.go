package wrap_test

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// envSelftest names the kernel's own selftest of IPVS.
const envSelftest = "GOIPVS_SELFTEST"

// The kernel's own selftest of IPVS (tools/testing/selftests/netfilter/ipvs.sh)
// passes for direct routing, NAT and tunnels, with each kind of ipvsadm, and
// when all of it is wrapped. What the director then lists is what the kernel's
// lists.
func TestSelftest(t *testing.T) {
	t.Parallel()
	need(t, "ip", "ipvsadm", "nc")
	script := cmp.Or(os.Getenv(envSelftest), "/var/cache/goipvs/ipvs.sh")
	if _, err := os.Stat(script); err != nil {
		t.Fatalf("%v; make tools fetches it", err)
	}
	if err := programs(); err != nil {
		t.Fatal(err)
	}
	for _, director := range []string{"ours", "wrapped", "whole"} {
		t.Run(director, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat("/dev/fuse"); err != nil && director == "whole" { // looks for files of /proc
				t.Skip(err)
			}
			var out, errs bytes.Buffer
			cmd := exec.Command("testdata/selftest/run.sh", script, self, director)
			cmd.Stdout, cmd.Stderr = &out, &errs
			// All that it starts ends with the process namespace.
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if r := ended(t, cmd, &out); r.Code != 0 {
				t.Errorf("exit status %d: %s", r.Code, errs.String())
			}
			recorded(t, "selftest/kernel.txt", out.String())
		})
	}
}
