package hooks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/xmit"
)

// Every hook function's decision is counted, and what a transmitter gives up
// under its own reason.
func TestReasons(t *testing.T) {
	w := newWorld(t)
	send := func(pt Point, b []byte) { w.Hook(pt, packettest.Arrived(b, pt == LocalIn)) }
	send(LocalIn, from(1).TCP(1024, 80, syn, nil))
	svc{}.add(w, rs4)
	send(LocalIn, from(1).TCP(1024, 80, syn, nil))
	for range 3 {
		send(LocalIn, from(1).TCP(1024, 80, ack, nil))
	}
	send(LocalIn, packettest.Change(from(1).TCP(1024, 80, ack, nil), 8, 1))
	send(LocalIn, from(2).TCP(1024, 80, ack, nil))
	send(Forward, packettest.IP{Src: rs4, Dst: client4}.TCP(8080, 1024, ack, nil))
	send(LocalOut, from(1).ICMP(8, 0, 0, nil))
	want := []ReasonCount{
		{xmit.Accept, ReasonNotError, 2},
		{xmit.Accept, ReasonNoConn, 6},
		{xmit.Accept, ReasonNoHooks, 1},
		{xmit.Accept, ReasonNotNew, 1},
		{xmit.Accept, ReasonProtocol, 3}, // ForwardICMP; the echo request at both hook functions
		{xmit.Accept, ReasonReply, 1},
		{xmit.Stolen, ReasonRequest, 4},
		{xmit.Stolen, xmit.ReasonTTL, 1},
	}
	if diff := cmp.Diff(want, w.Reasons()); diff != "" {
		t.Error(diff)
	}
}

// All reasons that decide and drop are told can be counted.
func TestReasonsAreListed(t *testing.T) {
	seen := map[packet.Reason]bool{}
	for _, r := range reasons {
		if seen[r] {
			t.Errorf("%s is listed twice", r)
		}
		seen[r] = true
	}
	for _, c := range append(constants(t, "event.go")[:2], constants(t, "../xmit/event.go")[0][:8]) {
		for _, r := range c {
			if !seen[r] {
				t.Errorf("%s is not listed", r)
			}
		}
	}
	for i, r := range reasons {
		if at := place(xmit.Drop, r) / verdicts; at != i && reasons[at] != r {
			t.Errorf("%s counts as %s", r, reasons[at])
		}
	}
}

// constants returns the values of a file's constants of type packet.Reason, by
// declaration.
func constants(t *testing.T, file string) (all [][]packet.Reason) {
	f, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		var block []packet.Reason
		for _, s := range g.Specs {
			s, err := strconv.Unquote(s.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			block = append(block, packet.Reason(s))
		}
		all = append(all, block)
	}
	if !slices.ContainsFunc(all, func(b []packet.Reason) bool { return len(b) > 8 }) {
		t.Fatalf("%s: no constants found", file)
	}
	return all
}
