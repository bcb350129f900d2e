package lab

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"goipvs/internal/explain"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
	"goipvs/internal/trace"
)

// input is a packet that the director gets in a replay: by an interface, or
// from a process of its own.
type input struct {
	from string // the interface, or replay.LocalName
	data []byte
}

// output is what the director put out.
type output struct {
	to   string
	data []byte
}

// passage is what a replay made of one input.
type passage struct {
	outputs []output
	told    *trace.Passage
}

// spacing is the time between inputs.
const spacing = 10 * time.Millisecond

// director is a plan's director, replayed: the same setup, the same engine, and
// the machine around it emulated.
type director struct {
	passages []passage
	listings map[string]string // by command
}

// replayDirector puts inputs before the director of a plan, 10 ms apart, and
// takes the scenario's listings.
func replayDirector(p Plan, inputs []input) (*director, error) {
	lines, err := setup.Parse(p.Director().Name, strings.NewReader(p.Director().Setup))
	if err != nil {
		return nil, err
	}
	var timeline strings.Builder
	for _, args := range p.Scenario.listings() {
		fmt.Fprintf(&timeline, "at %v ipvsadm %s\n", (time.Duration(len(inputs)+1)*spacing + statsTime).Seconds(), args)
	}
	listings, err := setup.ParseTimeline("listings", strings.NewReader(timeline.String()))
	if err != nil {
		return nil, err
	}
	capture, err := p.capture(inputs)
	if err != nil {
		return nil, err
	}
	d := &director{listings: map[string]string{}}
	_, err = explain.Run(replay.Config{Kernel: p.Kernel, Setup: lines, Timeline: listings, Capture: capture}, d)
	return d, err
}

// capture writes inputs as a capture of all the director's interfaces.
func (p Plan) capture(inputs []input) (*replay.Capture, error) {
	var file bytes.Buffer
	w := replay.NewWriter(&file)
	index := map[string]int{
		"eth0":           w.AddInterface(replay.CaptureIf{Name: "eth0", Link: replay.LinkEthernet}),
		"eth1":           w.AddInterface(replay.CaptureIf{Name: "eth1", Link: replay.LinkEthernet}),
		replay.LocalName: w.AddInterface(replay.CaptureIf{Name: replay.LocalName, Link: replay.LinkRaw}),
	}
	for i, in := range inputs {
		w.Write(index[in.from], time.Duration(i+1)*spacing, in.data, "")
	}
	if err := w.Err(); err != nil {
		return nil, err
	}
	return replay.NewCapture("requests", &file)
}

// Start implements explain.Sink.
func (d *director) Start(*trace.Start) error { return nil }

// Passage implements explain.Sink.
func (d *director) Passage(g *trace.Passage) error {
	if g.Type != "packet" {
		return nil
	}
	p := passage{told: g}
	for _, o := range g.Outputs {
		p.outputs = append(p.outputs, output{o.Interface, o.Frame})
	}
	d.passages = append(d.passages, p)
	return nil
}

// Listing implements explain.Sink.
func (d *director) Listing(l *trace.Listing) error {
	d.listings[l.Command] = l.Text
	return nil
}

// End implements explain.Sink.
func (d *director) End(*trace.End) error { return nil }

// ethernet puts a datagram in a frame.
func ethernet(to, from mac, datagram []byte) []byte {
	typ := []byte{0x08, 0x00}
	if datagram[0]>>4 == 6 {
		typ = []byte{0x86, 0xdd}
	}
	return bytes.Join([][]byte{to[:], from[:], typ, datagram}, nil)
}
