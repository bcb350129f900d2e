package explain

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"goipvs/internal/replay"
	"goipvs/internal/trace"
	"goipvs/packet"
)

// corpora are the folders of recorded cases.
var corpora = []string{"../../testdata/corpus", "../../testdata/corpus-7.3", "../../testdata/found", "../../testdata/puzzles", "../../testdata/guide"}

// caseDirs returns all recorded cases.
func caseDirs(t testing.TB) (dirs []string) {
	t.Helper()
	for _, c := range corpora {
		all, err := filepath.Glob(c + "/*/" + replay.MetaFile)
		if err != nil || len(all) == 0 {
			t.Fatalf("%s: no cases: %v", c, err)
		}
		for _, f := range all {
			dirs = append(dirs, filepath.Dir(f))
		}
	}
	return dirs
}

// openCase opens a case to be run once.
func openCase(t testing.TB, dir string) replay.Config {
	t.Helper()
	c, err := replay.OpenCase(dir)
	if err != nil {
		t.Fatal(err)
	}
	config, f, err := c.Config()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return config
}

// frames keeps what a replay puts out.
type frames struct {
	replay.Quiet
	names []string
	in    int
	out   []string
}

func (f *frames) Interface(_ int, i replay.CaptureIf) { f.names = append(f.names, i.Name) }
func (f *frames) Input(*replay.Frame, int)            { f.in++ }
func (f *frames) Output(iface int, _ time.Duration, frame []byte) {
	f.out = append(f.out, fmt.Sprintf("%s %x", f.names[iface], frame))
}

// told keeps the lines of an explanation.
type told struct {
	start    *trace.Start
	passages []*trace.Passage
	listings []*trace.Listing
	end      *trace.End
}

func (t *told) Start(s *trace.Start) error     { t.start = s; return nil }
func (t *told) Passage(g *trace.Passage) error { t.passages = append(t.passages, g); return nil }
func (t *told) Listing(l *trace.Listing) error { t.listings = append(t.listings, l); return nil }
func (t *told) End(e *trace.End) error         { t.end = e; return nil }

// tee is a Sink that hands on to several.
type tee []Sink

func (t tee) each(f func(Sink) error) error {
	var errs []error
	for _, s := range t {
		errs = append(errs, f(s))
	}
	return errors.Join(errs...)
}

func (t tee) Start(x *trace.Start) error { return t.each(func(s Sink) error { return s.Start(x) }) }
func (t tee) Passage(x *trace.Passage) error {
	return t.each(func(s Sink) error { return s.Passage(x) })
}
func (t tee) Listing(x *trace.Listing) error {
	return t.each(func(s Sink) error { return s.Listing(x) })
}
func (t tee) End(x *trace.End) error { return t.each(func(s Sink) error { return s.End(x) }) }

// made implements worldly.
func (t tee) made(w replay.World) {
	for _, s := range t {
		if s, ok := s.(worldly); ok {
			s.made(w)
		}
	}
}

// TestProof explains every recorded case: no packet is left without an
// explanation, every reason is documented, and the explanations end in exactly
// the frames that a replay puts out, and that the real kernel did. Services,
// servers and connections, followed through the lines, are at each listing what
// ipvsadm lists.
func TestProof(t *testing.T) {
	for _, dir := range caseDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			var f frames
			if _, err := replay.Run(openCase(t, dir), &f); err != nil {
				t.Fatal(err)
			}
			x := &told{}
			real := recordedOutput(t, dir)
			tables := &fold{t: t}
			if _, err := Run(openCase(t, dir), tee{x, real, tables}); err != nil {
				t.Fatal(err)
			}
			if tables.compared < 2 {
				t.Errorf("%d listings compared", tables.compared)
			}
			if real.Differs || real.Compared != len(f.out) {
				t.Errorf("%d of %d frames compared with the kernel's\n%v", real.Compared, len(f.out), real.W)
			}
			var out []string
			packets := 0
			at := trace.Seconds(-1)
			for _, g := range x.passages {
				if g.Type == "packet" {
					packets++
				}
				if g.Time < at {
					t.Errorf("%s %d at %d ns comes after %d ns", g.Type, g.N, g.Time, at)
				}
				at = g.Time
				prove(t, g)
				fitsScreen(t, g)
				for _, o := range g.Outputs {
					out = append(out, fmt.Sprintf("%s %x", o.Interface, []byte(o.Frame)))
				}
			}
			if packets != f.in || x.end == nil || x.end.Packets != packets || x.end.Outputs != len(out) {
				t.Errorf("%d packets explained of %d, %+v", packets, f.in, x.end)
			}
			if d := cmp.Diff(f.out, out); d != "" {
				t.Errorf("frames of replay (-) and of the explanation (+):\n%s", d)
			}
		})
	}
}

// prove checks one passage.
func prove(t *testing.T, g *trace.Passage) {
	t.Helper()
	what := fmt.Sprintf("%s %d at %d ns", g.Type, g.N, g.Time)
	if g.Type == "packet" {
		if g.Outcome == "" || g.Reason == "" || g.Text == "" || g.Summary == "" {
			t.Errorf("%s is not explained: outcome %q, reason %q, text %q, summary %q", what, g.Outcome, g.Reason, g.Text, g.Summary)
		}
		if len(g.Frame) == 0 || g.Interface == "" {
			t.Errorf("%s has no frame or no interface", what)
		}
	}
	if _, ok := trace.Lookup(g.Reason); !ok && g.Reason != "" {
		t.Errorf("%s: reason %q is not documented", what, g.Reason)
	}
	layers := map[int][]trace.Layer{}
	for _, p := range g.Packets {
		layers[p.ID] = p.Layers
	}
	gue := map[uint16]bool{}
	outputs := make([]int, len(g.Outputs))
	for i, s := range g.Steps {
		if _, ok := trace.Lookup(s.Reason); !ok {
			t.Errorf("%s, step %d: reason %q is not documented", what, i, s.Reason)
		}
		if s.Kind == "" || s.Kind == "other" || s.Func == "" || s.Text == "" {
			t.Errorf("%s, step %d (%s) says too little: %+v", what, i, s.Reason, s)
		}
		if s.Choice != nil {
			for _, c := range s.Choice.Servers {
				if _, ok := trace.Lookup(c.Why); !ok {
					t.Errorf("%s: %q is not documented", what, c.Why)
				}
			}
		}
		layers[s.Packet] = apply(t, layers[s.Packet], &s)
		if s.Output == 0 {
			continue
		}
		o := g.Outputs[s.Output-1]
		outputs[s.Output-1]++
		if o.Packet != s.Packet {
			t.Errorf("%s: output %d is of packet %d, and left as packet %d", what, s.Output, o.Packet, s.Packet)
		}
		b := []byte(o.Frame)
		if o.Interface != replay.LocalName {
			b = b[14:]
		}
		family := packet.Family(packet.IPv4)
		if b[0]>>4 == 6 {
			family = packet.IPv6
		}
		for _, l := range layers[s.Packet] {
			if l.Name == "GUE" {
				gue[portOf(b)] = true
			}
		}
		byName := cmpopts.SortSlices(func(a, b trace.Field) bool { return a.Name < b.Name })
		if d := cmp.Diff(trace.Layers(family, b, gue), layers[s.Packet], byName); d != "" {
			t.Errorf("%s: the frame that left (-) and what the steps make of the packet (+):\n%s", what, d)
		}
	}
	for i, n := range outputs {
		if n != 1 {
			t.Errorf("%s: output %d left in %d steps", what, i+1, n)
		}
	}
}

// fitsScreen checks that a passage's text is no wider than 100 columns, as far as
// its words allow.
func fitsScreen(t *testing.T, g *trace.Passage) {
	t.Helper()
	var b strings.Builder
	if err := trace.WriteText(&b, g, trace.Style{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 && strings.Count(strings.TrimLeft(line, " │"), " ") > 0 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// portOf returns the destination port of a UDP datagram.
func portOf(b []byte) uint16 {
	f := packet.Family(packet.IPv4)
	if b[0]>>4 == 6 {
		f = packet.IPv6
	}
	var h packet.Header
	packet.ParseHeader(f, b, 0, &h)
	_, dport, _ := h.Ports(b)
	return dport
}

// apply makes the changes that a step tells of.
func apply(t *testing.T, layers []trace.Layer, s *trace.Step) []trace.Layer {
	t.Helper()
	out := make([]trace.Layer, len(layers))
	for i, l := range layers {
		out[i] = trace.Layer{Name: l.Name, Quoted: l.Quoted, Fields: slices.Clone(l.Fields)}
	}
	if n := len(s.Removed); n > 0 {
		if cmp.Equal(out[:n], s.Removed) {
			out = out[n:]
		} else if cmp.Equal(out[len(out)-n:], s.Removed) {
			out = out[:len(out)-n]
		} else {
			t.Errorf("removed layers that are not there: %+v", s.Removed)
		}
	}
	for _, c := range s.Changes {
		done := false
		for i := range out {
			if out[i].Name != c.Layer || out[i].Quoted != c.Quoted {
				continue
			}
			k := slices.IndexFunc(out[i].Fields, func(f trace.Field) bool { return f.Name == c.Field })
			switch {
			case done:
			case k < 0 && c.Old == "":
				out[i].Fields, done = append(out[i].Fields, trace.Field{Name: c.Field, Value: c.New}), true
			case k >= 0 && c.New == "" && out[i].Fields[k].Value == c.Old:
				out[i].Fields, done = slices.Delete(out[i].Fields, k, k+1), true
			case k >= 0 && out[i].Fields[k].Value == c.Old:
				out[i].Fields[k].Value, done = c.New, true
			}
		}
		if !done {
			t.Errorf("%s %s was not %q: %+v", c.Layer, c.Field, c.Old, out)
		}
	}
	if len(s.Added) > 0 {
		first := s.Added[0].Name
		if first == "IPv4" || first == "IPv6" {
			return append(slices.Clone(s.Added), out...)
		}
		return append(out, s.Added...)
	}
	return out
}

// A frame that left is what the explanation says, octet for octet: the test
// above would see a wrong one.
func TestOutputIsCopied(t *testing.T) {
	var r trace.Recorder
	b := []byte{1, 2, 3}
	r.Output("eth0", b)
	b[0] = 9
	var g trace.Passage
	r.Take(&g)
	if !bytes.Equal(g.Outputs[0].Frame, []byte{1, 2, 3}) {
		t.Error(g.Outputs[0].Frame)
	}
}
