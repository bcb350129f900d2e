package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// parse returns the files of p, without its tests, by name.
func parse(t *testing.T, fset *token.FileSet, p pkg) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return files
}

func TestEveryPackageHasDoc(t *testing.T) {
	for _, p := range everywhere(t) {
		files := parse(t, token.NewFileSet(), p)
		if f := files["doc.go"]; f == nil || f.Doc == nil {
			t.Errorf("%s has no doc.go that says what it is for", p.ImportPath)
		}
		for name, f := range files {
			if name != "doc.go" && f.Doc != nil {
				t.Errorf("%s: %s has a package comment, too; that belongs into doc.go", p.ImportPath, name)
			}
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, p := range everywhere(t) {
		fset := token.NewFileSet()
		for _, f := range parse(t, fset, p) {
			for _, n := range undocumented(f) {
				t.Errorf("%s: %s has no doc comment", fset.Position(n.Pos()), n.Name)
			}
		}
	}
}

// undocumented returns the exported names of a file that neither have a doc
// comment nor stand in a group that has one.
func undocumented(f *ast.File) (names []*ast.Ident) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !fulfils(d) {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if d.Doc == nil && s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
						names = append(names, s.Name)
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if d.Doc == nil && s.Doc == nil && s.Comment == nil && n.IsExported() {
							names = append(names, n)
						}
					}
				}
			}
		}
	}
	return names
}

// exportedReceiver reports whether d is no method, or one of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if s, ok := typ.(*ast.StarExpr); ok {
		typ = s.X
	}
	if i, ok := typ.(*ast.IndexExpr); ok {
		typ = i.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// fulfils reports whether d is a method whose interface already says all: that
// of the standard library's, of an event, of a scheduler.
func fulfils(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{
		"Error", "Unwrap", "Is", "Len", "Less", "Swap", "Write", "Read", "Close",
		"Reason", "Func",
		"Schedule", "AddDest", "DelDest", "UpdateDest",
	}, d.Name.Name)
}

// The pure floors are told the time.
func TestNobodyBelowReadsTheClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}
	for _, p := range packages(t) {
		if floorOf(p.ImportPath) >= pureFloors {
			continue
		}
		fset := token.NewFileSet()
		for _, f := range parse(t, fset, p) {
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, s.Sel.Name) {
					t.Errorf("%s: time.%s", fset.Position(s.Pos()), s.Sel.Name)
				}
				return true
			})
		}
	}
}
