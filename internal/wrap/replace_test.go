package wrap_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/buildtest"
	"goipvs/internal/live/nstest"
)

// These tests are of the public package ipvs, whose reference is moby/ipvs under
// wrap and on the real kernel.

// public is where the package is.
const public = "../../ipvs"

// clone copies the package as a clone has it.
func clone(to string) error { return os.CopyFS(to, os.DirFS(public)) }

// replaced returns the programs of testdata/peers, built as a user does who has
// their source and a clone of goipvs: go.mod gets one line more.
func replaced(t *testing.T) string {
	t.Helper()
	if err := buildReplaced(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "replaced", "peers")
}

var buildReplaced = sync.OnceValue(func() error {
	to := filepath.Join(dir, "replaced")
	if _, err := os.Stat(filepath.Join(to, "peers")); err == nil {
		return nil
	}
	if err := os.CopyFS(to, os.DirFS("testdata/peers")); err != nil {
		return err
	}
	if err := clone(filepath.Join(to, "goipvs/ipvs")); err != nil {
		return err
	}
	mod := filepath.Join(to, "go.mod")
	b, err := os.ReadFile(mod)
	if err != nil {
		return err
	}
	if err := os.WriteFile(mod, append(b, "\nreplace github.com/moby/ipvs => ./goipvs/ipvs\n"...), 0o644); err != nil {
		return err
	}
	return buildtest.Go(filepath.Join(to, "peers"), to, "build", ".")
})

// bare is a program that reaches the daemon by the control socket, unwrapped.
func (s *site) bare(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "GOIPVS_SOCKET="+s.socket)
	return cmd
}

// read runs a process in the namespace and returns what it printed, without what
// moby/ipvs logs of the kernel's modules.
func (s *site) read(cmd *exec.Cmd) string {
	s.t.Helper()
	var out bytes.Buffer
	cmd.Stdout = &out
	s.begin(cmd)
	if r := ended(s.t, cmd, &out); r.Code != 0 {
		s.t.Errorf("%v: %+v", cmd.Args, r)
	}
	return out.String()
}

// part returns what the programs of testdata/peers print under a heading.
func part(text, name string) string {
	_, text, _ = strings.Cut(text, "== "+name+"\n")
	text, _, _ = strings.Cut(text, "\n== ")
	return strings.TrimSuffix(text, "\n")
}

// With the package in moby/ipvs's place each call returns what it returns on the
// real kernel, errors and their types included; also with several handles on
// several threads.
func TestReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got := s.run(s.bare(replaced(t), "moby", "calls", "storm"))
	if got.Code != 0 {
		t.Errorf("exit status %d", got.Code)
	}
	want, err := os.ReadFile("testdata/peers/kernel.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"moby", "calls", "storm"} {
		w := part(string(want), name)
		if w == "" {
			t.Errorf("nothing is recorded of %s", name)
		}
		if d := cmp.Diff(strings.Split(w, "\n"), strings.Split(part(got.Out, name), "\n")); d != "" {
			t.Errorf("%s (-kernel +goipvs):\n%s", name, d)
		}
	}
}

// A running daemon's services, servers, counters and rates are the same by the
// package and by moby/ipvs under wrap.
func TestReplacedStatistics(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const vip = "10.9.0.1"
	s.ns.Addr(t, "lo", vip+"/32")
	for _, args := range [][]string{
		{"-A", "-t", vip + ":80", "-s", "wrr", "-p", "60", "-M", "255.255.255.0"},
		{"-a", "-t", vip + ":80", "-r", vip + ":8080", "-m", "-w", "70000", "-x", "100", "-y", "10"},
		{"-A", "-f", "7", "-6", "-s", "mh", "-b", "mh-port"},
		{"-a", "-f", "7", "-6", "-r", "[2001:db8::1]:0", "-i"},
	} {
		if r := s.run(exec.Command(self, append([]string{"--socket", s.socket, "ipvsadm"}, args...)...)); r.Code != 0 {
			t.Fatalf("%v: %+v", args, r)
		}
	}
	var l net.Listener
	var err error
	s.ns.Do(t, func() { l, err = net.Listen("tcp", vip+":8080") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.ns.Do(t, func() {
		for range 5 {
			var c net.Conn
			if c, err = net.DialTimeout("tcp", vip+":80", time.Minute); err != nil {
				return
			}
			c.Close()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	// Counters show each two seconds, and rates fall: so it is compared between
	// two that are the same.
	wait(t, "the same twice", func() bool {
		before := s.read(s.command("--", peers(t), "read"))
		got := s.read(s.bare(replaced(t), "read"))
		if before != s.read(s.command("--", peers(t), "read")) || !strings.Contains(before, "Connections:0x5") {
			return false
		}
		if d := cmp.Diff(before, got); d != "" {
			t.Errorf("-wrapped +replaced:\n%s", d)
		}
		return true
	})
}

// New finds the daemon of the network namespace that it is given, or that the
// calling thread is in, as moby/ipvs does under wrap; without one it says so. A
// program whose own namespace has none gets that of the control socket.
func TestReplacedNamespaces(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := &site{t: t, ns: nstest.New(t), dir: s.dir, socket: filepath.Join(s.dir, "other.sock")}
	empty := nstest.New(t)
	other.daemon = exec.Command(self, "--socket", other.socket, "run", "--mark-bit", "0x10000000")
	other.begin(other.daemon)
	defer other.stop(syscall.SIGTERM)
	wait(t, "the other daemon", func() bool {
		links, err := os.ReadDir(filepath.Join(s.dir, "goipvs.netns"))
		return err == nil && len(links) == 2
	})
	for _, x := range []struct {
		*site
		service string
	}{{s, "10.0.0.1:80"}, {other, "10.0.0.2:80"}} {
		if r := s.run(exec.Command(self, "--socket", x.socket, "ipvsadm", "-A", "-t", x.service, "-s", "rr")); r.Code != 0 {
			t.Fatalf("%+v", r)
		}
	}
	sleeper := exec.Command("sleep", "600")
	empty.Do(t, func() {
		if err := sleeper.Start(); err != nil {
			t.Error(err)
		}
	})
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	netns := func(p *os.Process) string { return fmt.Sprintf("/proc/%d/ns/net", p.Pid) }
	for _, tt := range []struct {
		name, netns string
		want        string // the last octet of the service's address; "": there is no daemon
	}{
		{"own", "", "0x1"},
		{"own by path", netns(s.daemon.Process), "0x1"},
		{"other", netns(other.daemon.Process), "0x2"},
		{"empty", netns(sleeper.Process), ""},
	} {
		for _, join := range []string{"", "1"} {
			t.Run(tt.name+map[string]string{"": "", "1": ", joined"}[join], func(t *testing.T) {
				with := func(cmd *exec.Cmd) string {
					cmd.Env = append(cmd.Environ(), "NETNS="+tt.netns, "JOIN="+join)
					return s.read(cmd)
				}
				got := with(s.bare(replaced(t), "read"))
				if tt.want == "" {
					if !strings.Contains(got, "no goipvs runs in network namespace") {
						t.Error(got)
					}
					return
				}
				if want := with(s.command("--", peers(t), "read")); got != want || !strings.Contains(got, "0x0, 0x0, "+tt.want+"}") {
					t.Errorf("got\n%s\nwrapped\n%s", got, want)
				}
			})
		}
	}
	var out bytes.Buffer
	cmd := s.bare(replaced(t), "read")
	cmd.Stdout, cmd.Stderr = &out, &out
	empty.Do(t, func() {
		if err := cmd.Start(); err != nil {
			t.Error(err)
		}
	})
	if got := ended(t, cmd, &out); !strings.Contains(got.Out, "0x0, 0x0, 0x1}") {
		t.Errorf("from elsewhere: %+v", got)
	}
}

// moby/ipvs's own tests pass with the package, which needs a daemon in each
// network namespace that they make.
func TestReplacedSuite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := s.bare(replacedSuite(t), "-test.v", "-test.run", "^Test(GetFamily|Service|Destination|Timeouts)$")
	cmd.Env = append(cmd.Env, envSelf+"="+self)
	suitePassed(t, s.run(cmd))
}

func replacedSuite(t *testing.T) string {
	t.Helper()
	return suite(t, "replaced.test", func(dir string) error {
		all, err := filepath.Glob(filepath.Join(dir, "*.*"))
		if err != nil {
			return err
		}
		for _, f := range all {
			if filepath.Base(f) == "ipvs_linux_test.go" { // the other's tests are of its own functions
				continue
			}
			if err := os.RemoveAll(f); err != nil {
				return err
			}
		}
		if err := clone(dir); err != nil {
			return err
		}
		return os.CopyFS(dir, os.DirFS("testdata/replace"))
	}, func(b []byte) []byte {
		return bytes.Replace(b, []byte("\nfunc setupTestOSContext("), []byte("\nfunc joinNewNamespace("), 1)
	})
}

// The package's names, types and constants are moby/ipvs's, no more and no less.
func TestReplacedNames(t *testing.T) {
	t.Parallel()
	theirs, err := moby()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(exported(t, theirs), exported(t, public)); d != "" {
		t.Errorf("-moby/ipvs +goipvs:\n%s", d)
	}
}

// exported returns the exported declarations of a package, without comments, and
// each constant by itself.
func exported(t *testing.T, dir string) (all []string) {
	t.Helper()
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	text := func(n any) string {
		var b bytes.Buffer
		if err := (&printer.Config{Mode: printer.RawFormat}).Fprint(&b, fset, n); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(b.String()), " ")
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(f)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				d.Body = nil
				if sig := text(d); d.Recv == nil || ast.IsExported(strings.TrimLeft(text(d.Recv.List[0].Type), "*")) {
					all = append(all, sig)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if d.Tok != token.IMPORT {
						all = append(all, d.Tok.String()+" "+text(s))
					}
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// Who takes the package needs no newer Go, nothing in go.sum, and no network.
func TestReplacedAlone(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	if err := clone(filepath.Join(tmp, "goipvs/ipvs")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod":  "module program\n\ngo 1.17\n\nrequire github.com/moby/ipvs v1.1.0\n\nreplace github.com/moby/ipvs => ./goipvs/ipvs\n",
		"main.go": "package main\n\nimport \"github.com/moby/ipvs\"\n\nfunc main() {\n\tif _, err := ipvs.New(\"/nosuch\"); err != nil {\n\t\tpanic(err)\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(tmp, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		cmd := exec.Command("go", "build", "-o", os.DevNull, ".")
		cmd.Dir = tmp
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", arch, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(tmp, "go.sum")); err == nil {
		t.Error("there is a go.sum")
	}
}
