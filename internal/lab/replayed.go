package lab

import (
	"bytes"
	"fmt"
	"strings"
	"time"

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
	steps   []trace.Step
}

// spacing is the time between inputs.
const spacing = 10 * time.Millisecond

// director is a plan's director, replayed: the same setup, the same engine, and
// the machine around it emulated.
type director struct {
	replay.Quiet
	passages []passage
	listings map[string]string // by command
	rec      trace.Recorder
	names    []string
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
	_, err = replay.Run(replay.Config{Kernel: p.Kernel, Setup: lines, Timeline: listings, Capture: capture, Listener: &d.rec}, d)
	d.flush()
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

// flush ends the passage of the input before.
func (d *director) flush() {
	if n := len(d.passages); n > 0 {
		d.passages[n-1].steps = append(d.passages[n-1].steps, d.rec.Steps...)
	}
	d.rec = trace.Recorder{}
}

// Interface implements replay.Observer.
func (d *director) Interface(_ int, i replay.CaptureIf) { d.names = append(d.names, i.Name) }

// Input implements replay.Observer.
func (d *director) Input(*replay.Frame, int) {
	d.flush()
	d.passages = append(d.passages, passage{})
}

// Output implements replay.Observer.
func (d *director) Output(iface int, _ time.Duration, frame []byte) {
	if n := len(d.passages); n > 0 {
		p := &d.passages[n-1]
		p.outputs = append(p.outputs, output{d.names[iface], bytes.Clone(frame)})
	}
}

// Listing implements replay.Observer.
func (d *director) Listing(l replay.Listing) { d.listings[l.Command] = l.Text }

// ethernet puts a datagram in a frame.
func ethernet(to, from mac, datagram []byte) []byte {
	typ := []byte{0x08, 0x00}
	if datagram[0]>>4 == 6 {
		typ = []byte{0x86, 0xdd}
	}
	return bytes.Join([][]byte{to[:], from[:], typ, datagram}, nil)
}
