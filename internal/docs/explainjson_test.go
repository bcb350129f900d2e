package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"goipvs/internal/trace"
)

const explainJSONHead = `# The lines of explain --json

` + "`goipvs explain --json`" + ` writes one JSON object a line. Which one it is, ` + "`type`" + ` says:

| type | what |
|---|---|
| ` + "`start`" + ` | the first line: what the director was before the first packet |
| ` + "`packet`" + ` | a packet of the capture, and what happened on its account |
| ` + "`timer`" + ` | what happened by time at one moment: connections that ended, fragments given up |
| ` + "`command`" + ` | a command of the timeline, and what happened on its account |
| ` + "`listing`" + ` | what an ipvsadm command of the timeline printed, and those at the end |
| ` + "`end`" + ` | the last line |

The lines are in order of time. Who keeps the ` + "`services`" + ` of the first line, replaces
those that a later line has, and drops those that are ` + "`gone`" + `, has them as they were at
each moment; likewise with ` + "`conns`" + ` by their ` + "`id`" + `, and those that ` + "`ended`" + `.

` + "`schema`" + ` of the first line is the version of this form, now %d. It changes when a field
gets another meaning or goes; new fields may come at any time. Times are in
seconds, exact to the nanosecond; octets are in hexadecimal. A field with "?" is
left out where it is empty, zero or false. Reasons are explained in
[reasons.md](reasons.md). With ` + "`--packet`" + ` or ` + "`--filter`" + ` the lines of other packets, timers and
commands are left out, and with them what they say of services and connections;
with ` + "`--conn`" + ` there are lines of type ` + "`life`" + ` alone.

` + "`goipvs trace --json`" + ` writes the same of a running daemon's packets, and lines of type
` + "`lost`" + `, with how many it couldn't tell of. There, datagrams come without the headers of a
link, time 0 is the trace's beginning, ` + "`n`" + ` counts what was told of, and only the first
line has ` + "`services`" + `, but where a program asks for lines of type ` + "`services`" + `.

`

const explainJSONTail = "This file is written by `go test ./internal/docs -update` from `internal/trace/record.go`.\n"

// jsonTypes are the structs of the lines, and what the documentation calls the
// types that JSON has as something else.
var jsonTypes = map[string]string{"Seconds": "number", "Hex": "string", "Kind": "string", "packet.Reason": "string"}

// TestExplainJSON holds docs/explain-json.md against the structs that are
// written.
func TestExplainJSON(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), root+"/internal/trace/record.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, explainJSONHead, trace.Schema)
	structs := 0
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		spec := g.Specs[0].(*ast.TypeSpec)
		s, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		structs++
		doc := strings.Join(strings.Fields(strings.TrimPrefix(g.Doc.Text(), spec.Name.Name+" is ")), " ")
		fmt.Fprintf(&b, "## %s\n\n%s\n\n| field | type | |\n|---|---|---|\n", spec.Name.Name, strings.ToUpper(doc[:1])+doc[1:])
		for _, field := range s.Fields.List {
			tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json")
			name, options, _ := strings.Cut(tag, ",")
			if name == "" || strings.ToLower(name) != name || strings.ContainsAny(name, "- ") {
				t.Errorf("%s: a field is called %q", spec.Name.Name, name)
			}
			if options == "omitempty" {
				name += "?"
			}
			comment := strings.TrimSpace(field.Comment.Text())
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, jsonType(field.Type), comment)
		}
		b.WriteString("\n")
	}
	if structs < 15 {
		t.Errorf("%d structs", structs)
	}
	b.WriteString(explainJSONTail)
	file := root + "/docs/explain-json.md"
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
		t.Errorf("%s differs from internal/trace/record.go: run go test ./internal/docs -update", file)
	}
}

// jsonType names a Go type as JSON has it.
func jsonType(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.ArrayType:
		return "list of " + jsonType(e.Elt)
	case *ast.StarExpr:
		return jsonType(e.X)
	case *ast.SelectorExpr:
		return jsonTypes[fmt.Sprintf("%s.%s", e.X, e.Sel.Name)]
	case *ast.Ident:
		switch {
		case jsonTypes[e.Name] != "":
			return jsonTypes[e.Name]
		case strings.HasPrefix(e.Name, "int"), strings.HasPrefix(e.Name, "uint"):
			return "number"
		case e.Name == "bool", e.Name == "string":
			return e.Name
		}
		return "[" + e.Name + "](#" + strings.ToLower(e.Name) + ")"
	}
	return "?"
}
