package typed

import (
	"bytes"
	"fmt"
	"io"

	"goipvs/internal/replay"
)

// Output is a datagram that a packet put out.
type Output struct {
	Interface string
	Datagram  []byte // without Ethernet header
}

// Capture is an io.Reader of a pcapng file of typed packets. It is for one
// replay, which reads a packet when the one before was handled.
type Capture struct {
	lines   []line
	outputs func(n int) []Output
	next    int
	buf     bytes.Buffer
	w       *replay.Writer
	ifaces  map[string]int
}

// New returns the capture of the packets of a text. outputs returns what packet
// n, counted from 1, has put out.
func New(text string, outputs func(n int) []Output) (*Capture, error) {
	lines, err := parse(text)
	if err != nil {
		return nil, err
	}
	c := &Capture{lines: lines, outputs: outputs, ifaces: map[string]int{}}
	c.w = replay.NewWriter(&c.buf)
	return c, nil
}

// Len returns the number of packets.
func (c *Capture) Len() int { return len(c.lines) }

// Read implements io.Reader. It never reads past a packet.
func (c *Capture) Read(b []byte) (int, error) {
	if c.buf.Len() == 0 {
		if c.next == len(c.lines) {
			return 0, io.EOF
		}
		l := &c.lines[c.next]
		c.next++
		if err := c.write(l); err != nil {
			return 0, &ErrLine{l.number, err.Error()}
		}
	}
	return c.buf.Read(b)
}

// write makes a packet.
func (c *Capture) write(l *line) error {
	iface := l.iface
	var b []byte
	var err error
	if l.about != 0 {
		out := c.outputs(l.about)
		if len(out) == 0 {
			return fmt.Errorf("packet %d put nothing out", l.about)
		}
		last := out[len(out)-1]
		iface = last.Interface
		b, err = l.answerTo(last.Datagram)
	} else {
		b, err = l.build()
	}
	if err != nil {
		return err
	}
	i, ok := c.ifaces[iface]
	if !ok {
		i = c.w.AddInterface(replay.CaptureIf{Name: iface, Link: replay.LinkRaw})
		c.ifaces[iface] = i
	}
	c.w.Write(i, l.at, b, "")
	return c.w.Err()
}
