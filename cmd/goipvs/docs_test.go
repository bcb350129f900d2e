package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the commands in the documentation print anew")

// begin starts a block of commands and what they print.
const begin, end = "```text\n$ ", "```\n"

// documents are the files whose commands are run: those that show goipvs.
func documents(t *testing.T) (files []string) {
	t.Helper()
	for _, pattern := range []string{"README.md", "docs/*.md", "testdata/puzzles/*/README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	return files
}

// TestDocs runs the commands that README.md, the guide and the puzzles show, from
// the repository's root, and compares what they print. The README's make run is
// run by internal/lab.
func TestDocs(t *testing.T) {
	t.Chdir("../..")
	commands := 0
	for _, file := range documents(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(b), begin)
		for i := 1; i < len(parts); i++ {
			block, after, ok := strings.Cut(parts[i], end)
			if !ok {
				t.Fatalf("%s: a block has no end: %q", file, parts[i])
			}
			if !strings.HasPrefix(block, "make ") {
				got := transcript(t, block)
				if d := cmp.Diff(begin+block, begin+got); d != "" && !*update {
					t.Errorf("%s (-) and what the commands print (+):\n%s", file, d)
				}
				block = got
				commands++
			}
			parts[i] = block + end + after
		}
		if *update {
			if err := os.WriteFile(file, []byte(strings.Join(parts, begin)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if commands < 30 {
		t.Errorf("%d blocks with commands", commands)
	}
}

// transcript returns the commands of a block, each with what it prints.
func transcript(t *testing.T, block string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines("$ " + block) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		b.WriteString(line)
		b.WriteString(strings.TrimRight(printed(t, words(command)), "\n") + "\n")
	}
	return strings.TrimPrefix(b.String(), "$ ")
}

// words splits a command as a shell does; single quotes keep words together.
func words(command string) (all []string) {
	for i, part := range strings.Split(strings.TrimSpace(command), "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

// printed returns what a command prints, on either output. Beside goipvs those of
// a short list are run.
func printed(t *testing.T, args []string) string {
	t.Helper()
	var out bytes.Buffer
	if slices.Contains([]string{"cat", "grep"}, args[0]) {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, &out)
		}
		return out.String()
	}
	if args[0] != "goipvs" {
		t.Fatalf("%v: only goipvs, cat and grep are run", args)
	}
	root := newRootCommand()
	root.SetArgs(args[1:])
	root.SetOut(&out)
	err := root.Execute()
	if e, ok := errors.AsType[*exitError](err); ok && e.code == exitNo {
		if err = nil; e.err != nil {
			out.WriteString("goipvs: " + e.err.Error() + "\n")
		}
	}
	if err != nil {
		t.Errorf("%v: %v", args, err)
	}
	return out.String()
}

// TestPuzzles: each puzzle asks, and is answered; docs/puzzles.md lists them all.
func TestPuzzles(t *testing.T) {
	t.Chdir("../..")
	list, err := os.ReadFile("docs/puzzles.md")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob("testdata/puzzles/*")
	if err != nil || len(dirs) != 10 {
		t.Fatalf("%d puzzles: %v", len(dirs), err)
	}
	for _, dir := range dirs {
		b, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{"\n## The question\n", "\n## The commands\n", "\n## The answer\n", begin, "\n$ goipvs explain "} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s/README.md has no %q", dir, want)
			}
		}
		if link := "](../" + dir + "/README.md)"; !strings.Contains(string(list), link) {
			t.Errorf("docs/puzzles.md has no link %s", link)
		}
	}
}
