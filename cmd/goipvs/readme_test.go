package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write README.md's transcripts of explain anew")

// TestReadmeExplain runs the commands that README.md shows with goipvs explain,
// and compares what they print.
func TestReadmeExplain(t *testing.T) {
	const begin, end = "```text\n$ goipvs explain ", "```\n"
	readme, err := filepath.Abs("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(readme))
	parts := strings.Split(string(b), begin)
	if len(parts) < 2 {
		t.Fatal("README.md shows no goipvs explain")
	}
	for i := 1; i < len(parts); i++ {
		block, after, ok := strings.Cut(parts[i], end)
		command, want, ok2 := strings.Cut(block, "\n")
		if !ok || !ok2 {
			t.Fatalf("%q", block)
		}
		var out bytes.Buffer
		cmd := newExplainCommand()
		cmd.SetArgs(strings.Fields(command))
		cmd.SetOut(&out)
		if err := cmd.Execute(); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		got := strings.TrimRight(out.String(), "\n") + "\n"
		if d := cmp.Diff(want, got); d != "" && !*update {
			t.Errorf("goipvs explain %s: README.md (-) and what it prints (+):\n%s", command, d)
		}
		parts[i] = command + "\n" + got + end + after
	}
	if *update {
		if err := os.WriteFile(readme, []byte(strings.Join(parts, begin)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
