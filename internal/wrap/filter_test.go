package wrap

import (
	"encoding/binary"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// verdict runs the filter as the kernel does. The machine of package bpf reads
// numbers in network order.
func verdict(t *testing.T, p []bpf.Instruction, arch, nr uint32, args ...uint32) uint32 {
	t.Helper()
	vm, err := bpf.NewVM(p)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	binary.BigEndian.PutUint32(b[offNr:], nr)
	binary.BigEndian.PutUint32(b[offArch:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(b[offArgs+8*i:], a)
	}
	n, err := vm.Run(b)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func TestFilter(t *testing.T) {
	w := Window{960, 1024}
	without, with := program(rules(w, false)), program(rules(w, true))
	const other = unix.AUDIT_ARCH_PPC64
	for name, c := range map[string]struct {
		arch, nr uint32
		args     []uint32
		want     bool
		files    bool // asked about with files only
	}{
		"netlink socket":             {nr: unix.SYS_SOCKET, args: []uint32{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC}, want: true},
		"its other type":             {nr: unix.SYS_SOCKET, args: []uint32{unix.AF_NETLINK, unix.SOCK_DGRAM | unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC}, want: true},
		"of another protocol":        {nr: unix.SYS_SOCKET, args: []uint32{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}},
		"of another family":          {nr: unix.SYS_SOCKET, args: []uint32{unix.AF_INET, unix.SOCK_RAW, unix.NETLINK_GENERIC}},
		"on another machine":         {arch: other, nr: unix.SYS_SOCKET, args: []uint32{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_GENERIC}},
		"write below the window":     {nr: unix.SYS_WRITE, args: []uint32{959}},
		"write at its beginning":     {nr: unix.SYS_WRITE, args: []uint32{960}, want: true},
		"write at its end":           {nr: unix.SYS_WRITE, args: []uint32{1023}, want: true},
		"write above":                {nr: unix.SYS_WRITE, args: []uint32{1024}},
		"write to nothing":           {nr: unix.SYS_WRITE, args: []uint32{^uint32(0)}},
		"recvmmsg in it":             {nr: unix.SYS_RECVMMSG, args: []uint32{1000}, want: true},
		"fcntl, copying":             {nr: unix.SYS_FCNTL, args: []uint32{1000, unix.F_DUPFD}, want: true},
		"fcntl, copying, cloexec":    {nr: unix.SYS_FCNTL, args: []uint32{1000, unix.F_DUPFD_CLOEXEC}, want: true},
		"fcntl, something else":      {nr: unix.SYS_FCNTL, args: []uint32{1000, unix.F_GETFL}},
		"fcntl, copying outside":     {nr: unix.SYS_FCNTL, args: []uint32{3, unix.F_DUPFD}},
		"getsockopt, first":          {nr: unix.SYS_GETSOCKOPT, args: []uint32{3, unix.SOL_IP, 1152}, want: true},
		"setsockopt, last":           {nr: unix.SYS_SETSOCKOPT, args: []uint32{3, unix.SOL_IP, 1167}, want: true},
		"setsockopt, others'":        {nr: unix.SYS_SETSOCKOPT, args: []uint32{3, unix.SOL_IP, 1168}},
		"setsockopt, another level":  {nr: unix.SYS_SETSOCKOPT, args: []uint32{3, unix.SOL_SOCKET, 1160}},
		"close":                      {nr: unix.SYS_CLOSE, args: []uint32{1000}},
		"getppid":                    {nr: unix.SYS_GETPPID},
		"openat":                     {nr: unix.SYS_OPENAT, want: true, files: true},
		"openat2":                    {nr: unix.SYS_OPENAT2, want: true, files: true},
		"stat by descriptor of path": {nr: sysFstatat, want: true, files: true},
	} {
		if c.arch == 0 {
			c.arch = auditArch
		}
		for files, p := range map[bool][]bpf.Instruction{false: without, true: with} {
			want := uint32(unix.SECCOMP_RET_ALLOW)
			if c.want && (files || !c.files) {
				want = unix.SECCOMP_RET_USER_NOTIF
			}
			if got := verdict(t, p, c.arch, c.nr, c.args...); got != want {
				t.Errorf("%s, files %v: %#x, want %#x", name, files, got, want)
			}
		}
	}
}

// Every call that the supervisor is asked about it knows what to do with.
func TestFilterAndHandlersAgree(t *testing.T) {
	watched := map[uint32]bool{}
	for _, r := range rules(allDescriptors, true) {
		for _, nr := range r.calls {
			watched[nr] = true
			if handlers[nr] == nil {
				t.Errorf("system call %d has no handler", nr)
			}
		}
	}
	for nr := range handlers {
		if !watched[nr] {
			t.Errorf("system call %d is not watched", nr)
		}
	}
}

func TestWindowBelow(t *testing.T) {
	for limit, want := range map[uint64]Window{
		1 << 20: {960, 1024}, 1024: {960, 1024}, 256: {192, 256}, 20: {3, 20}, 2: {3, 2},
	} {
		if got := windowBelow(limit); got != want {
			t.Errorf("%d: %v, want %v", limit, got, want)
		}
	}
}

// The other machine's half compiles, too.
func TestBuildsForOtherMachine(t *testing.T) {
	t.Parallel()
	for _, arch := range []string{"amd64", "arm64"} {
		if arch == runtime.GOARCH {
			continue
		}
		cmd := exec.Command("go", "build", ".")
		cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("GOARCH=%s: %v\n%s", arch, err, out)
		}
	}
}
