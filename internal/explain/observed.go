package explain

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"goipvs/internal/replay"
	"goipvs/internal/trace"
)

// Observed is a Sink that holds what a real director sent against what IPVS
// sends. At the first difference it says so and explains the packet where it is.
type Observed struct {
	W     io.Writer
	Style trace.Style
	GUE   uint16        // UDP port that GUE tunnels go to, 0: none; for reading frames
	Mask  []replay.Mask // fields that the real director fills unpredictably, by interface and number; nil: those that any kernel does

	// Differs reports whether a difference was found; Compared, how many frames
	// were the same.
	Differs  bool
	Compared int

	seen  map[string][]sighting // by interface
	next  map[string]int        // the first that is not compared yet
	names []string              // of the interfaces that were captured
	world replay.World
	last  *trace.Passage // the last one with a packet
}

// sighting is a frame that was captured.
type sighting struct {
	at   time.Duration // since 1970
	data []byte
	link replay.LinkType
	out  bool // the capture says that it went out
}

// anyDevice is what frames are kept under whose capture doesn't tell the
// interface: of those what the link adds is not compared.
const anyDevice = "any"

// Linux cooked headers: how a frame was addressed, and their lengths.
const (
	cookedOutgoing = 4
	cookedLen      = 16
	cookedLen2     = 20
)

// NewObserved reads what was captured; c is read to its end. iface is the
// interface of a capture that names none.
func NewObserved(c *replay.Capture, iface string) (*Observed, error) {
	x := &Observed{seen: map[string][]sighting{}, next: map[string]int{}}
	for {
		f, err := c.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		i := c.Interfaces()[f.If]
		name := i.Name
		if name == "" {
			name = iface
		}
		s := sighting{at: f.Time, data: bytes.Clone(f.Data), link: i.Link}
		switch {
		case i.Link == replay.LinkSLL && len(f.Data) >= cookedLen:
			s.data, s.link, s.out = s.data[cookedLen:], replay.LinkRaw, binary.BigEndian.Uint16(f.Data) == cookedOutgoing
		case i.Link == replay.LinkSLL2 && len(f.Data) >= cookedLen2:
			s.data, s.link, s.out = s.data[cookedLen2:], replay.LinkRaw, f.Data[10] == cookedOutgoing
		}
		if i.Link != replay.LinkEthernet && name != replay.LocalName {
			if !s.out {
				continue
			}
			name = anyDevice
		}
		if name == "" {
			return nil, fmt.Errorf("the observed capture names no interface: say --iface NAME")
		}
		x.seen[name] = append(x.seen[name], s)
	}
	for _, i := range c.Interfaces() {
		switch {
		case i.Link != replay.LinkEthernet && i.Name != replay.LocalName:
			x.names = append(x.names, anyDevice)
		case i.Name == "":
			x.names = append(x.names, iface)
		default:
			x.names = append(x.names, i.Name)
		}
	}
	return x, nil
}

func (x *Observed) made(w replay.World) { x.world = w }

// Start implements Sink.
func (*Observed) Start(*trace.Start) error { return nil }

// Listing implements Sink.
func (*Observed) Listing(*trace.Listing) error { return nil }

// Passage implements Sink.
func (x *Observed) Passage(g *trace.Passage) error {
	for i := range g.Outputs {
		if x.Differs {
			return nil
		}
		o := &g.Outputs[i]
		name, frame := x.under(o)
		if name == "" {
			continue
		}
		link := replay.LinkEthernet
		if name == anyDevice || name == replay.LocalName {
			link = replay.LinkRaw
		}
		s, n := x.sent(name)
		if s == nil {
			return x.tell(g, fmt.Sprintf("%s frame %d: IPVS sends it, the director did not", name, n), "expected "+x.describe(frame, link), "")
		}
		fields := x.fields(g, o, name, n)
		d := replay.Differ(frame, s.data, link, fields)
		if d == "" {
			x.Compared++
			continue
		}
		what := fmt.Sprintf("%s frame %d differs", name, n)
		if after, _ := x.peek(name); after != nil && replay.Differ(frame, after.data, link, fields) == "" {
			what = fmt.Sprintf("%s frame %d: the director sent it, IPVS does not", name, n)
			d = ""
		}
		return x.tell(g, what, "expected "+x.describe(frame, link), "observed "+x.describe(s.data, link), d)
	}
	if g.Type == "packet" {
		x.last = g
	}
	return nil
}

// under returns what an output is compared with: by its interface where that was
// captured, else as one of any.
func (x *Observed) under(o *trace.Output) (name string, frame []byte) {
	for _, n := range x.names {
		if n == o.Interface {
			return n, o.Frame
		}
	}
	for _, n := range x.names {
		if n == anyDevice && o.Interface != replay.LocalName && len(o.Frame) >= 14 {
			return n, o.Frame[14:]
		}
	}
	return "", nil
}

// sent returns the next frame that the director sent by an interface, and its
// number; nil: there is none.
func (x *Observed) sent(name string) (*sighting, int) {
	s, at := x.peek(name)
	if s != nil {
		x.next[name] = at + 1
	}
	n := 0
	for i := range at + 1 {
		if i < len(x.seen[name]) && x.own(name, &x.seen[name][i]) {
			n++
		}
	}
	if s == nil {
		n++
	}
	return s, n
}

// peek returns the next frame that the director sent, without taking it, and
// where it is.
func (x *Observed) peek(name string) (*sighting, int) {
	all := x.seen[name]
	for i := x.next[name]; i < len(all); i++ {
		if x.own(name, &all[i]) {
			return &all[i], i
		}
	}
	return nil, len(all)
}

// own reports whether the director sent a frame: what comes from its Ethernet
// address.
func (x *Observed) own(name string, s *sighting) bool {
	if s.link != replay.LinkEthernet {
		return true
	}
	mac := x.world.MAC(name)
	return len(s.data) >= 14 && [6]byte(s.data[6:12]) == mac
}

// fields returns the fields of a frame that aren't compared: those that the
// recording says, or that any kernel fills unpredictably.
func (x *Observed) fields(g *trace.Passage, o *trace.Output, name string, n int) []string {
	if x.Mask != nil {
		for _, m := range x.Mask {
			if m.If == name && m.N == n {
				return m.Fields
			}
		}
		return nil
	}
	of := map[int]bool{} // the packet, and what it is a fragment or copy of
	made, gue := g.Interface == replay.LocalName, false
	for id := o.Packet; id > 0 && id <= len(g.Packets); id = g.Packets[id-1].Parent {
		of[id] = true
		if g.Packets[id-1].Kind == trace.KindError {
			made = true
			break
		}
	}
	for i := range g.Steps {
		s := &g.Steps[i]
		if of[s.Packet] && len(s.Added) > 0 {
			made = true
			for _, l := range s.Added {
				gue = gue || l.Name == "GUE"
			}
		}
	}
	var fields []string
	if made {
		fields = append(fields, "ip.id", "frag.id")
	}
	if gue {
		fields = append(fields, "udp.sport")
	}
	return fields
}

func (x *Observed) describe(frame []byte, link replay.LinkType) string {
	return replay.Describe(frame, link, x.GUE)
}

// tell says what differs, and explains the packet.
func (x *Observed) tell(g *trace.Passage, what string, lines ...string) error {
	x.Differs = true
	var b strings.Builder
	fmt.Fprintf(&b, "First difference, after %d frames that are the same: %s\n", x.Compared, what)
	for _, l := range lines {
		if l != "" {
			fmt.Fprintf(&b, "  %s\n", l)
		}
	}
	b.WriteString("\nWhat IPVS does there:\n")
	if _, err := io.WriteString(x.W, b.String()); err != nil {
		return err
	}
	return trace.WriteText(x.W, g, x.Style)
}

// End implements Sink.
func (x *Observed) End(*trace.End) error {
	for _, name := range x.names {
		if x.Differs {
			return nil
		}
		if s, n := x.sent(name); s != nil && x.last != nil {
			link := s.link
			return x.tell(x.last, fmt.Sprintf("%s frame %d: the director sent it, IPVS does not", name, n), "observed "+x.describe(s.data, link))
		}
	}
	if x.Differs {
		return nil
	}
	_, err := fmt.Fprintf(x.W, "equal (%d frames)\n", x.Compared)
	return err
}
