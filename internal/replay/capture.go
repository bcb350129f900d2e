package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// LinkType says what frames of an interface look like.
type LinkType uint16

// The link types that replay reads (https://www.tcpdump.org/linktypes.html).
const (
	LinkEthernet LinkType = 1
	LinkRawBSD   LinkType = 12 // raw IP as some systems number it
	LinkRawOpen  LinkType = 14 // raw IP as OpenBSD numbers it
	LinkRaw      LinkType = 101
	LinkSLL      LinkType = 113 // Linux "cooked", as of interface any
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276
)

// LocalName is the interface that stands for processes of the host itself.
const LocalName = "local"

// CaptureIf is an interface of a capture.
type CaptureIf struct {
	Name string // "": the capture doesn't say
	Link LinkType
}

// Frame is one frame of a capture.
type Frame struct {
	N    int           // its number in the capture, from 1
	If   int           // index of its interface
	Time time.Duration // since 1970; 0 where the capture has none
	Data []byte        // valid until the next one is read
	Len  int           // its length on the wire; more than len(Data) where the capture cut it
}

// maxFrame is the longest frame that is one: beyond, the file is damaged.
const maxFrame = 1 << 20

// ErrCapture is what is wrong with a file that is no capture, or not whole.
var (
	ErrNoCapture = errors.New("neither pcap nor pcapng")
	ErrTruncated = errors.New("the file ends in the middle")
	ErrDamaged   = errors.New("damaged")
)

// Capture reads a pcap or pcapng file, gzipped or not, as a stream. Its errors
// name the file and the packet.
type Capture struct {
	file   string
	r      *bufio.Reader
	ifs    []CaptureIf
	frame  Frame
	buf    []byte
	format interface{ next(*Capture) error }
}

// NewCapture starts reading a capture; file is its name in errors.
func NewCapture(file string, r io.Reader) (*Capture, error) {
	c := &Capture{file: file, r: bufio.NewReaderSize(r, 64<<10)}
	if b, _ := c.r.Peek(2); bytes.Equal(b, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(c.r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		c.r = bufio.NewReaderSize(z, 64<<10)
	}
	magic, err := c.r.Peek(4)
	if len(magic) < 4 {
		if err != io.EOF {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return nil, fmt.Errorf("%s: %w", file, ErrNoCapture)
	}
	if binary.BigEndian.Uint32(magic) == blockSection {
		c.format = &pcapng{}
	} else if c.format, err = newPcap(c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// Interfaces returns the interfaces known so far: all that stand before the
// last frame read. An interface keeps its index.
func (c *Capture) Interfaces() []CaptureIf { return c.ifs }

// Next reads the next frame, which is valid until the one after is read. At the
// end it returns io.EOF.
func (c *Capture) Next() (*Frame, error) {
	c.frame.N++
	switch err := c.format.next(c); err {
	case nil:
		return &c.frame, nil
	case io.EOF:
		return nil, err
	default:
		return nil, fmt.Errorf("%s: packet %d: %w", c.file, c.frame.N, err)
	}
}

// read fills b. An end of the file within it is ErrTruncated.
func (c *Capture) read(b []byte) error {
	_, err := io.ReadFull(c.r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrTruncated
	}
	return err
}

// begin fills b like read, but returns io.EOF where the file ends before it.
func (c *Capture) begin(b []byte) error {
	_, err := io.ReadFull(c.r, b)
	if err == io.ErrUnexpectedEOF {
		return ErrTruncated
	}
	return err
}

// skip passes over n octets.
func (c *Capture) skip(n uint32) error {
	_, err := c.r.Discard(int(n))
	if err == io.EOF {
		return ErrTruncated
	}
	return err
}

// data reads n octets of a frame whose length on the wire was wire.
func (c *Capture) data(n, wire uint32) error {
	if n > maxFrame {
		return fmt.Errorf("%w: %d octets in a frame", ErrDamaged, n)
	}
	if cap(c.buf) < int(n) {
		c.buf = make([]byte, max(int(n), 4096))
	}
	c.frame.Data = c.buf[:n]
	c.frame.Len = max(int(wire), int(n))
	return c.read(c.frame.Data)
}

// pcap is the older format.
type pcap struct {
	order binary.ByteOrder
	tick  time.Duration
}

func newPcap(c *Capture) (*pcap, error) {
	var h [24]byte
	if err := c.read(h[:]); err != nil {
		return nil, ErrNoCapture
	}
	f := &pcap{binary.LittleEndian, time.Microsecond}
	switch binary.BigEndian.Uint32(h[:]) {
	case 0xd4c3b2a1:
	case 0x4d3cb2a1:
		f.tick = time.Nanosecond
	case 0xa1b2c3d4:
		f.order = binary.BigEndian
	case 0xa1b23c4d:
		f.order, f.tick = binary.BigEndian, time.Nanosecond
	default:
		return nil, ErrNoCapture
	}
	c.ifs = []CaptureIf{{Link: LinkType(f.order.Uint32(h[20:]))}} // the upper half tells of the FCS
	return f, nil
}

func (f *pcap) next(c *Capture) error {
	var h [16]byte
	if err := c.begin(h[:]); err != nil {
		return err
	}
	c.frame.Time = time.Duration(f.order.Uint32(h[0:]))*time.Second + time.Duration(f.order.Uint32(h[4:]))*f.tick
	return c.data(f.order.Uint32(h[8:]), f.order.Uint32(h[12:]))
}
