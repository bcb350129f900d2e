package play

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"goipvs/hooks"
	"goipvs/internal/explain"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
	"goipvs/internal/trace"
	"goipvs/internal/typed"
)

// Input is what is played.
type Input struct {
	Setup    string
	Timeline string
	Packets  string // typed; not looked at where there is a capture
	Capture  []byte // pcap or pcapng; nil: none
	Iface    string // of a capture that doesn't name it
	Kernel   string // "": the reference
}

// Run writes the lines of explain --json about it to w.
func Run(in Input, w io.Writer) error {
	c := replay.Config{Iface: in.Iface, Implied: true, FromFirst: true}
	var err error
	if in.Kernel != "" {
		if err := c.Kernel.UnmarshalText([]byte(in.Kernel)); err != nil {
			return err
		}
	}
	if c.Setup, err = setup.Parse("setup", strings.NewReader(in.Setup)); err != nil {
		return err
	}
	if c.Timeline, err = setup.ParseTimeline("timeline", strings.NewReader(in.Timeline)); err != nil {
		return err
	}
	s := &sink{JSON: explain.NewJSON(w)}
	var file io.Reader = bytes.NewReader(in.Capture)
	name := "capture"
	if in.Capture == nil {
		name = "packets"
		t, err := typed.New(in.Packets, s.outputs)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.last, file = make([][]typed.Output, t.Len()+1), t
	}
	if c.Capture, err = replay.NewCapture(name, file); err != nil {
		return err
	}
	_, err = explain.Run(c, s)
	return err
}

// Kernels are the versions that Input.Kernel may name.
var Kernels = []string{hooks.Linux6_1.String(), hooks.Linux7_3.String()}

// sink writes lines, and keeps what typed packets put out for those that answer
// them.
type sink struct {
	*explain.JSON
	last [][]typed.Output
}

// Passage implements explain.Sink.
func (s *sink) Passage(g *trace.Passage) error {
	if g.N < len(s.last) && g.N > 0 {
		for _, o := range g.Outputs {
			b := []byte(o.Frame)
			if o.Interface != replay.LocalName {
				b = b[min(14, len(b)):]
			}
			s.last[g.N] = append(s.last[g.N], typed.Output{Interface: o.Interface, Datagram: b})
		}
	}
	return s.JSON.Passage(g)
}

func (s *sink) outputs(n int) []typed.Output { return s.last[n] }
