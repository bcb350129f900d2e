package replay

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"goipvs/hooks"
)

// newer has recordings of Linux 7.3, of what it does otherwise.
const newer = corpus + "-7.3"

// found has what the differential fuzzer found (make oracle-fuzz), made small.
const found = corpus + "/../found"

// puzzles and guide have the recordings that the documentation explains.
const (
	puzzles = corpus + "/../puzzles"
	guide   = corpus + "/../guide"
)

// cases returns the folders of all recorded cases, of either kernel.
func cases(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, dir := range []string{corpus, newer, found, puzzles, guide} {
		all, err := filepath.Glob(dir + "/*/" + MetaFile)
		if err != nil || len(all) == 0 {
			t.Fatalf("%s: no cases: %v", dir, err)
		}
		files = append(files, all...)
	}
	for i := range files {
		files[i] = filepath.Dir(files[i])
	}
	return files
}

// replayCase replays a case into a folder and returns the differences from the
// recording.
func replayCase(dir, out string) ([]string, error) {
	c, err := OpenCase(dir)
	if err != nil {
		return nil, err
	}
	return replayed(c, out)
}

func replayed(c *Case, out string) ([]string, error) {
	config, in, err := c.Config()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	o, err := NewOutDir(out)
	if err != nil {
		return nil, err
	}
	_, err = Run(config, o)
	if err := errors.Join(err, o.Close()); err != nil {
		return nil, err
	}
	return c.Compare(out)
}

// TestConformance replays every recorded case and compares all of its output
// with the kernel's.
//
// Features: S6, SC1, X12, 17.
func TestConformance(t *testing.T) {
	type count struct{ equal, all int }
	var mu sync.Mutex
	families := map[string]*count{}
	t.Run("case", func(t *testing.T) {
		for _, dir := range cases(t) {
			name := filepath.Base(dir)
			family, _, _ := strings.Cut(name, "-")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d, err := replayCase(dir, t.TempDir())
				if err != nil {
					d = []string{err.Error()}
				}
				mu.Lock()
				if families[family] == nil {
					families[family] = &count{}
				}
				families[family].all++
				if d == nil {
					families[family].equal++
				}
				mu.Unlock()
				if d != nil {
					t.Error(strings.Join(d, "\n"))
				}
			})
		}
	})
	var names []string
	sum := count{}
	for n, c := range families {
		names = append(names, n)
		sum.equal, sum.all = sum.equal+c.equal, sum.all+c.all
	}
	slices.Sort(names)
	var s strings.Builder
	for _, n := range names {
		fmt.Fprintf(&s, "\n%-8s %3d of %3d equal", n, families[n].equal, families[n].all)
	}
	t.Logf("%s\n%-8s %3d of %3d equal", s.String(), "all", sum.equal, sum.all)
}

// TestKernels: each recording of Linux 7.3 tells it from 6.1.
func TestKernels(t *testing.T) {
	files, err := filepath.Glob(newer + "/*/" + MetaFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		c, err := OpenCase(filepath.Dir(f))
		if err != nil {
			t.Fatal(err)
		}
		if c.Meta.Version() != hooks.Linux7_3 {
			t.Errorf("%s: recorded on %q", c.Dir, c.Meta.Kernel)
		}
		c.Meta.Kernel = "6.1.0"
		if d, err := replayed(c, t.TempDir()); err == nil && d == nil {
			t.Errorf("%s is the same on 6.1", c.Dir)
		}
	}
}

func TestMetaVersion(t *testing.T) {
	for _, c := range []struct {
		kernel string
		want   hooks.Kernel
	}{
		{"", hooks.Linux6_1},
		{"6.1.0-55-amd64 #1 SMP", hooks.Linux6_1},
		{"6.12.9", hooks.Linux6_1},
		{"7.2.1", hooks.Linux6_1},
		{"7.3.4+deb13-amd64 #1 SMP", hooks.Linux7_3},
		{"7.10.0", hooks.Linux7_3},
		{"8.0.0", hooks.Linux7_3},
		{"Linux", hooks.Linux6_1},
	} {
		if m := (&Meta{Kernel: c.kernel}); m.Version() != c.want {
			t.Errorf("%q is %v, want %v", c.kernel, m.Version(), c.want)
		}
	}
}

// TestDeterministic replays a case twice: every file comes out the same, octet
// for octet.
func TestDeterministic(t *testing.T) {
	for _, name := range []string{"random-v4-08", "tun-icmp-back", "v6-fwmark"} {
		a, b := t.TempDir(), t.TempDir()
		for _, dir := range []string{a, b} {
			if _, err := replayCase(filepath.Join(corpus, name), dir); err != nil {
				t.Fatal(err)
			}
		}
		files, err := os.ReadDir(a)
		if err != nil || len(files) < 4 {
			t.Fatalf("%v, %v", files, err)
		}
		for _, f := range files {
			x, err1 := os.ReadFile(filepath.Join(a, f.Name()))
			y, err2 := os.ReadFile(filepath.Join(b, f.Name()))
			if err := errors.Join(err1, err2); err != nil || string(x) != string(y) {
				t.Errorf("%s: %s differs (%v)", name, f.Name(), err)
			}
		}
	}
}
