package layers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A floor is a row of the house: its packages may import those of the floors
// below, and of the same floor where noted.
var floors = [][]string{
	{"goipvs/packet"},
	{"goipvs/sched", "goipvs/conntrack"},
	{"goipvs/xmit"},
	{"goipvs/hooks"},
	{"goipvs/internal/"}, // each other, too
	{"goipvs/cmd/"},
}

const (
	pureFloors    = 4 // from the ground: no operating system, no clock
	internalFloor = 4
)

// impure are the packages of the standard library that a pure floor does
// without: it gets time, chance and the machine through what it is given.
var impure = []string{"os", "net", "syscall", "unsafe", "log", "flag", "io/fs", "io/ioutil", "path/filepath", "runtime", "plugin", "math/rand", "crypto/rand"}

// impureExcept are allowed though a prefix of theirs is in impure.
var impureExcept = []string{"net/netip", "math/rand/v2"}

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

// public is the module that other programs import.
const public = "../../ipvs"

// packages lists the module's packages as the go command sees them.
func packages(t *testing.T) []pkg {
	t.Helper()
	return packagesOf(t, ".", "goipvs/...")
}

// everywhere are the packages of both modules.
func everywhere(t *testing.T) []pkg {
	t.Helper()
	return append(packages(t), packagesOf(t, public, "./...")...)
}

func packagesOf(t *testing.T, dir, pattern string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", pattern)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// floorOf returns the floor that a package of this module is on, -1 for the
// packages of others.
func floorOf(path string) int {
	return slices.IndexFunc(floors, func(floor []string) bool {
		return slices.ContainsFunc(floor, func(p string) bool {
			return path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p)
		})
	})
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		from := floorOf(p.ImportPath)
		if from < 0 {
			t.Errorf("%s is on no floor of the house", p.ImportPath)
			continue
		}
		for _, i := range p.Imports {
			if problem := wrongImport(from, i); problem != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, i, problem)
			}
		}
	}
}

func wrongImport(from int, path string) string {
	to := floorOf(path)
	switch {
	case to > from:
		return "it is on a floor above"
	case to == from && from != internalFloor:
		return "it is on the same floor"
	case to >= 0 || from >= pureFloors:
		return ""
	case strings.Contains(strings.Split(path, "/")[0], "."):
		return "a pure package has no dependency outside the standard library"
	case slices.ContainsFunc(impureExcept, func(p string) bool { return path == p }):
		return ""
	case slices.ContainsFunc(impure, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }):
		return "a pure package knows no operating system"
	}
	return ""
}

// What other programs import brings nothing with it. Its tests pass, which
// goipvs/... leaves out.
func TestPublicModule(t *testing.T) {
	for _, p := range packagesOf(t, public, "./...") {
		for _, i := range p.Imports {
			if first := strings.Split(i, "/")[0]; first == "goipvs" || strings.Contains(first, ".") {
				t.Errorf("%s imports %s: it has no dependency outside the standard library", p.ImportPath, i)
			}
		}
	}
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = public
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestWrongImport(t *testing.T) {
	for _, c := range []struct {
		from  int
		path  string
		wrong bool
	}{
		{0, "goipvs/sched", true},
		{1, "goipvs/packet", false},
		{1, "goipvs/conntrack", true},
		{3, "goipvs/internal/host", true},
		{3, "time", false},
		{3, "net", true},
		{3, "net/netip", false},
		{3, "net/http", true},
		{0, "golang.org/x/sys/unix", true},
		{4, "golang.org/x/sys/unix", false},
		{4, "goipvs/internal/host", false},
		{4, "goipvs/cmd/goipvs", true},
		{5, "goipvs/internal/host", false},
	} {
		t.Run(fmt.Sprintf("%d %s", c.from, filepath.Base(c.path)), func(t *testing.T) {
			if got := wrongImport(c.from, c.path); (got != "") != c.wrong {
				t.Errorf("wrongImport(%d, %q) = %q", c.from, c.path, got)
			}
		})
	}
}

// The lower floors build for a browser, too.
func TestBuildsForBrowser(t *testing.T) {
	args := []string{"build", "-o", os.DevNull}
	for _, f := range floors[:pureFloors] {
		args = append(args, f...)
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("GOOS=js GOARCH=wasm go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
