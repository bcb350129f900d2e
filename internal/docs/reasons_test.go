package docs

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"goipvs/hooks"
	"goipvs/internal/host"
	"goipvs/internal/live/handed"
	"goipvs/internal/trace"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// The packages that give reasons, with their tables.
var reasonTables = []struct {
	dir, title string
	table      []packet.ReasonDoc
}{
	{"hooks", "The hooks", hooks.Reasons},
	{"sched", "The schedulers", sched.Reasons},
	{"xmit", "The transmitters", xmit.Reasons},
	{"internal/host", "The emulated host around IPVS", host.Reasons},
	{"internal/live/handed", "The daemon beside IPVS", handed.Reasons},
}

// declared returns the constants of type packet.Reason that a package declares,
// by value.
func declared(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(root + "/" + dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != len(v.Names) {
				return true
			}
			if typ, ok := v.Type.(*ast.SelectorExpr); !ok || typ.Sel.Name != "Reason" {
				return true
			}
			for i, name := range v.Names {
				lit, ok := v.Values[i].(*ast.BasicLit)
				if !ok {
					t.Errorf("%s: %s is no literal", dir, name.Name)
					continue
				}
				found[constant.StringVal(constant.MakeFromLiteral(lit.Value, lit.Kind, 0))] = name.Name
			}
			return true
		})
	}
	return found
}

const reasonsHead = `# Reasons

Every decision that goipvs makes about a packet has a reason. ` + "`goipvs explain`" + `
prints them, the statistics count them. What each reason does to the packet:

- **passes**: IPVS lets it go on as if it weren't there.
- **done**: it was handled, and goes where it should.
- **lost**: it ends here.
- **step**: something found or done on the way, which goes on.

`

const reasonsTail = "This file is written by `go test ./internal/docs -update` from the tables `Reasons`\nof the packages.\n"

// TestReasons holds the packages' tables against the constants that they
// declare, and docs/reasons.md against the tables.
func TestReasons(t *testing.T) {
	var b strings.Builder
	b.WriteString(reasonsHead)
	effects := map[packet.Reason]packet.Effect{}
	for _, x := range reasonTables {
		constants := declared(t, x.dir)
		if len(constants) < 4 {
			t.Errorf("%s declares %d reasons only", x.dir, len(constants))
		}
		fmt.Fprintf(&b, "## %s\n\n| reason | | meaning | what to do |\n|---|---|---|---|\n", x.title)
		table := slices.Clone(x.table)
		slices.SortFunc(table, func(a, b packet.ReasonDoc) int { return strings.Compare(string(a.Reason), string(b.Reason)) })
		for i, d := range table {
			switch {
			case constants[string(d.Reason)] == "":
				t.Errorf("%s: no constant %q", x.dir, d.Reason)
			case d.Meaning == "" || strings.HasSuffix(d.Meaning, "."):
				t.Errorf("%s: %s: meaning %q", x.dir, d.Reason, d.Meaning)
			case i > 0 && table[i-1].Reason == d.Reason:
				t.Errorf("%s: %s is there twice", x.dir, d.Reason)
			}
			if e, ok := effects[d.Reason]; ok && e != d.Effect {
				t.Errorf("%s: %s has another effect elsewhere", x.dir, d.Reason)
			}
			effects[d.Reason] = d.Effect
			delete(constants, string(d.Reason))
			if _, ok := trace.Lookup(d.Reason); !ok {
				t.Errorf("internal/trace doesn't know %s", d.Reason)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Reason, d.Effect, d.Meaning, d.Advice)
		}
		b.WriteString("\n")
		for value, name := range constants {
			t.Errorf("%s: %s (%q) is not in the table", x.dir, name, value)
		}
	}
	b.WriteString(reasonsTail)
	file := root + "/docs/reasons.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s differs from the tables: run go test ./internal/docs -update", file)
	}
}
