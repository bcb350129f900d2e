package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// A row is a line of the tables in docs/features.md.
type row struct {
	id, feature, status string
	tests               []string // such as hooks.TestPlaces
}

// readRows returns the rows of docs/features.md.
func readRows(t *testing.T) (rows []row) {
	t.Helper()
	b, err := os.ReadFile(root + "/docs/features.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[1] == "ID" {
			continue
		}
		r := row{id: cells[1], feature: cells[2], status: cells[3]}
		for name := range strings.SplitSeq(cells[4], ",") {
			if name = strings.Trim(name, " `"); name != "" {
				r.tests = append(r.tests, name)
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// readTests returns the tests of the module, named by their folder, each with
// the features that its doc comment says it tests:
//
//	// Features: H1, 6.2.
func readTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Recv == nil && strings.HasPrefix(d.Name.Name, "Test") {
				tests[filepath.ToSlash(dir)+"."+d.Name.Name] = features(d.Doc.Text())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// features returns the IDs that a doc comment names.
func features(doc string) (ids []string) {
	_, list, _ := strings.Cut(doc, "Features: ")
	for id := range strings.FieldsFuncSeq(list, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' }) {
		ids = append(ids, strings.TrimSuffix(id, "."))
	}
	return ids
}

// Each row names tests that exist and that name it, and no test names a row that
// doesn't name it.
func TestFeatures(t *testing.T) {
	rows, tests := readRows(t), readTests(t)
	if len(rows) < 80 || len(tests) < 200 {
		t.Fatalf("%d rows, %d tests", len(rows), len(tests))
	}
	named := map[string][]string{} // IDs by test, as the table has them
	seen := map[string]bool{}
	for _, r := range rows {
		status, how, _ := strings.Cut(r.status, ": ")
		switch {
		case seen[r.id]:
			t.Errorf("%s is there twice", r.id)
		case r.feature == "":
			t.Errorf("%s isn't described", r.id)
		case status != "works" && status != "differs" && status != "not here":
			t.Errorf("%s: status %q", r.id, r.status)
		case status != "works" && how == "":
			t.Errorf("%s: doesn't say how and why", r.id)
		case status != "not here" && len(r.tests) == 0:
			t.Errorf("%s: no test", r.id)
		}
		seen[r.id] = true
		for _, name := range r.tests {
			ids, ok := tests[name]
			if !ok {
				t.Errorf("%s: there is no test %s", r.id, name)
			} else if !slices.Contains(ids, r.id) {
				t.Errorf("%s: %s has no %q in its doc comment", r.id, name, "Features: "+r.id)
			}
			named[name] = append(named[name], r.id)
		}
	}
	for name, ids := range tests {
		for _, id := range ids {
			if !slices.Contains(named[name], id) {
				t.Errorf("%s says that it tests %s; docs/features.md doesn't", name, id)
			}
		}
	}
}
