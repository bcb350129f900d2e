package ipvsadm

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"goipvs/internal/control"
)

// fileNames are the names that the cases were recorded with.
var fileNames = &FileNames{Hosts: "testdata/hosts", Services: "testdata/services"}

// runIn runs a command line and returns what it prints.
func runIn(t *testing.T, conn control.Conn, in string, args ...string) string {
	var out, errs bytes.Buffer
	code := Run(args, Env{Stdin: strings.NewReader(in), Stdout: &out, Stderr: &errs, Conn: conn, Names: fileNames})
	switch code {
	case 0, exitList, exitUsage, exitRefused:
	default:
		t.Errorf("%q: exit code %d", args, code)
	}
	return out.String()
}

// FuzzRestore: whatever is restored, what is saved then restores to the same.
func FuzzRestore(f *testing.F) {
	for _, path := range casePaths(f) {
		steps, _ := readCase(f, path)
		var all strings.Builder
		for _, s := range steps {
			f.Add(s.in)
			if s.kind == "$" && !strings.Contains(s.args, "'") {
				all.WriteString(s.args + "\n")
			}
		}
		f.Add(all.String())
	}
	f.Fuzz(func(t *testing.T, in string) {
		conn := newConn()
		runIn(t, conn, in, "-R")
		saved := runIn(t, conn, "", "-Sn")
		if strings.Contains(saved, "-f -") || strings.Contains(saved, "-b \n") {
			return // marks above 2^31, and flags that a scheduler has no name for, are saved as what can't be restored
		}
		runIn(t, conn, "", "-C")
		if out := runIn(t, conn, saved, "-R"); out != "" {
			t.Errorf("restoring printed %q", out)
		}
		if again := runIn(t, conn, "", "-Sn"); again != saved {
			t.Errorf("saved %q, then %q", saved, again)
		}
	})
}

// FuzzArgs: no command line does more than it may. Words are separated by
// newlines.
func FuzzArgs(f *testing.F) {
	for _, path := range casePaths(f) {
		steps, _ := readCase(f, path)
		for _, s := range steps {
			if s.kind == "$" {
				f.Add(strings.Join(shellWords(s.args), "\n"))
			}
		}
	}
	f.Fuzz(func(t *testing.T, args string) {
		conn := newConn()
		runIn(t, conn, "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.1.0.1\n-A -f 1\n-A -f 1 -6", "-R")
		runIn(t, conn, args, strings.Split(args, "\n")...)
		runIn(t, conn, "", "-L")
	})
}

// FuzzConnLine: a line of /proc/net/ip_vs_conn is read or refused, and what was
// read is printed in one line.
func FuzzConnLine(f *testing.F) {
	for _, path := range casePaths(f) {
		_, conns := readCase(f, path)
		for _, c := range conns {
			f.Add(c)
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := parseConn(line)
		if !ok || !utf8.ValidString(line) {
			return
		}
		var out bytes.Buffer
		r := &run{Env: Env{Stdout: &out}, names: fileNames}
		r.printConn(&c, fmtPersistentConn)
		_ = r.out.Flush()
		if strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%q is printed as %q", line, out.String())
		}
	})
}

func casePaths(t testing.TB) []string {
	paths, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	return paths
}
