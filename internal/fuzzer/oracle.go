package fuzzer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"goipvs/internal/replay"
)

// ErrNoOracle is what NewOracle returns for want of a folder with an oracle, or
// of a program that it needs.
var ErrNoOracle = errors.New("no oracle")

// Oracle puts cases to a real kernel. It works in a copy of the oracle's folder,
// with corpora of its own. One Oracle boots one machine at a time.
type Oracle struct {
	dir  string
	Jobs int // cases side by side in the machine
}

const qemu = "qemu-system-x86_64"

// programs are what the oracle runs, here and, on this machine's files, in its
// virtual one.
var programs = []string{"python3", qemu, "ipvsadm", "ip", "nft", "iptables", "ip6tables", "modprobe"}

// NewOracle copies an oracle from its folder. Close removes the copy.
func NewOracle(from string) (*Oracle, error) {
	for _, f := range []string{"gen.py", "runner.py", "vmrun", "lib"} {
		if !fileExists(filepath.Join(from, f)) {
			return nil, fmt.Errorf("%w: %s has no %s", ErrNoOracle, from, f)
		}
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return nil, fmt.Errorf("%w: it needs %s", ErrNoOracle, p)
		}
	}
	// Not under /tmp, which the machine has for itself.
	dir, err := os.MkdirTemp("/var/tmp", "goipvs-oracle.")
	if err != nil {
		return nil, err
	}
	o := &Oracle{dir: dir, Jobs: 3}
	if err := errors.Join(o.copy(from), o.wrapQEMU()); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// wrapQEMU makes the virtual machine's clock count its instructions, a
// nanosecond each: so it keeps its times however busy this machine is.
func (o *Oracle) wrapQEMU() error {
	real, err := exec.LookPath(qemu)
	if err != nil {
		return err
	}
	bin := filepath.Join(o.dir, "bin")
	if err := os.MkdirAll(bin, 0o777); err != nil {
		return err
	}
	script := "#!/bin/sh\nexec " + real + " -icount shift=0,sleep=on \"$@\"\n"
	return os.WriteFile(filepath.Join(bin, qemu), []byte(script), 0o777)
}

// Close removes what the oracle left on the disk.
func (o *Oracle) Close() error { return os.RemoveAll(o.dir) }

// copy copies all but recorded cases.
func (o *Oracle) copy(from string) error {
	root := os.DirFS(from)
	return fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		to := filepath.Join(o.dir, name)
		switch {
		case err != nil:
			return err
		case name == "corpus" || e.Name() == "__pycache__":
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(to, 0o777)
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, mend(b), 0o777)
	})
}

// mend changes a file of the oracle: its decoder doesn't come to an end with a
// quoted IPv4 header that says to be of no length.
func mend(b []byte) []byte {
	return bytes.Replace(b, []byte("d.hl = (b[0] & 15) * 4"), []byte("d.hl = max((b[0] & 15) * 4, 20)"), 1)
}

// warmUp returns cases whose recordings nobody wants: the first network
// namespaces of a kernel just booted lack a route to IPv6 multicast addresses.
func (o *Oracle) warmUp() (cases []*Case) {
	for i := range o.Jobs {
		d := director{families: []family{0, 1}}
		d.links()
		for _, f := range d.families {
			d.network(f)
		}
		// The oracle takes cases in order of their names.
		cases = append(cases, &Case{Name: fmt.Sprintf("0-warm-up-%d", i), Arms: 2, Setup: d.lines})
	}
	return cases
}

// Record puts cases, whose names differ, to the kernel. It returns the folder of
// each recording by the case's name, which lasts until the next Record or Close,
// and what the oracle said. A case that the kernel refused has no recording.
func (o *Oracle) Record(ctx context.Context, cases []*Case) (dirs map[string]string, log string, err error) {
	corpus, out := filepath.Join(o.dir, "corpus"), filepath.Join(o.dir, "recorded")
	for _, dir := range []string{corpus, out} {
		if err := os.RemoveAll(dir); err != nil {
			return nil, "", err
		}
	}
	for _, c := range slices.Concat(o.warmUp(), cases) {
		if err := c.Write(filepath.Join(corpus, c.Name)); err != nil {
			return nil, "", err
		}
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(o.dir, "gen.py"), "-r", "-c", "1", "-j", itoa(o.Jobs), "-b", itoa(len(cases)+o.Jobs), "-o", filepath.Base(out))
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.dir, &said, &said
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(o.dir, "bin")+":"+os.Getenv("PATH"))
	runErr := cmd.Run()
	dirs = map[string]string{}
	for _, c := range cases {
		if dir := filepath.Join(out, c.Name); fileExists(filepath.Join(dir, replay.MetaFile)) {
			dirs[c.Name] = dir
		}
	}
	if len(dirs) == 0 && runErr != nil {
		return nil, said.String(), fmt.Errorf("oracle: %w: %s", runErr, strings.TrimSpace(said.String()))
	}
	return dirs, said.String(), nil
}
