package explain

import (
	"fmt"
	"io"
	"strings"
	"time"

	"goipvs/internal/replay"
	"goipvs/internal/trace"
)

// PcapNG is a Sink that writes a capture: the frames that came, and behind each
// those that left on its account, with the explanation as a comment. There is an
// interface for each device of the host, and "local" for its own processes; each
// frame says whether it came in or went out.
type PcapNG struct {
	w     *replay.Writer
	index map[replay.CaptureIf]int
	epoch time.Duration
}

// NewPcapNG returns one that writes to w, which the caller buffers.
func NewPcapNG(w io.Writer) *PcapNG {
	return &PcapNG{w: replay.NewWriter(w), index: map[replay.CaptureIf]int{}}
}

// Start implements Sink.
func (x *PcapNG) Start(s *trace.Start) error {
	x.epoch = time.Duration(s.Epoch)
	for _, d := range s.Interfaces {
		x.iface(d.Name, d.Link)
	}
	return x.w.Err()
}

// iface returns the number of an interface.
func (x *PcapNG) iface(name, link string) int {
	i := replay.CaptureIf{Name: name, Link: map[string]replay.LinkType{
		"ethernet": replay.LinkEthernet, "raw": replay.LinkRaw, "sll": replay.LinkSLL, "sll2": replay.LinkSLL2,
	}[link]}
	n, ok := x.index[i]
	if !ok {
		n = x.w.AddInterface(i)
		x.index[i] = n
	}
	return n
}

// Passage implements Sink.
func (x *PcapNG) Passage(g *trace.Passage) error {
	var text strings.Builder
	if err := trace.WriteText(&text, g, trace.Style{}); err != nil {
		return err
	}
	told := strings.TrimRight(text.String(), "\n")
	at := x.epoch + time.Duration(g.Time)
	if g.Type == "packet" {
		// What a process of the host sends goes out of that process.
		d := replay.Inbound
		if g.Interface == replay.LocalName {
			d = replay.Outbound
		}
		x.w.WriteDirected(x.iface(g.Interface, g.Link), at, g.Frame, told, d)
	}
	for i := range g.Outputs {
		o := &g.Outputs[i]
		link, d := "ethernet", replay.Outbound
		if o.Interface == replay.LocalName {
			link, d = "raw", replay.Inbound
		}
		comment := told
		if g.Type == "packet" {
			comment = fmt.Sprintf("On account of packet %d, output %d of %d: %s\n%s", g.N, i+1, len(g.Outputs), o.Summary, g.Text)
		}
		x.w.WriteDirected(x.iface(o.Interface, link), at, o.Frame, comment, d)
	}
	return x.w.Err()
}

// Listing implements Sink.
func (*PcapNG) Listing(*trace.Listing) error { return nil }

// End implements Sink.
func (x *PcapNG) End(*trace.End) error { return x.w.Err() }
