package replay

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// Block types, byte order and options of pcapng
// (draft-ietf-opsawg-pcapng-02 §4).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6

	byteOrderMagic = 0x1a2b3c4d

	optEnd      = 0
	optComment  = 1
	optIfName   = 2
	optFlags    = 2 // of a packet
	optTSResol  = 9
	optTSOffset = 14
)

// How long a block that describes an interface may be, in octets, and how many
// interfaces there may be.
const (
	maxHeader     = 1 << 20
	maxInterfaces = 1 << 10
)

// pcapng is the state of a section: its byte order and its interfaces.
type pcapng struct {
	order binary.ByteOrder
	ifs   []ngIf
	buf   [20]byte // a part of a block of fixed size
}

// ngIf is an interface as its section numbers it.
type ngIf struct {
	index  int    // in Capture.ifs
	snap   uint32 // 0: no limit
	perSec uint64 // ticks in a second
	base   int64  // seconds to add
}

// next reads blocks up to the next packet.
func (f *pcapng) next(c *Capture) error {
	for {
		h := f.buf[:8]
		if err := c.begin(h); err != nil {
			return err
		}
		if binary.BigEndian.Uint32(h) == blockSection {
			if err := f.section(c, [4]byte(h[4:])); err != nil {
				return err
			}
			continue
		}
		if f.order == nil {
			return ErrDamaged
		}
		typ, size := f.order.Uint32(h), f.order.Uint32(h[4:])
		if size < 12 || size%4 != 0 {
			return fmt.Errorf("%w: a block of %d octets", ErrDamaged, size)
		}
		body := size - 12
		var err error
		switch typ {
		case blockInterface:
			err = f.iface(c, body)
		case blockEnhanced, blockPacket:
			err = f.packet(c, typ, body)
		case blockSimple:
			err = f.simple(c, body)
		default:
			err = c.skip(body)
		}
		if err == nil {
			err = f.trailer(c, size)
		}
		if err != nil || typ == blockEnhanced || typ == blockPacket || typ == blockSimple {
			return err
		}
	}
}

// trailer reads the length that ends a block.
func (f *pcapng) trailer(c *Capture, size uint32) error {
	t := f.buf[:4]
	if err := c.read(t); err != nil {
		return err
	}
	if got := f.order.Uint32(t); got != size {
		return fmt.Errorf("%w: a block of %d octets ends as one of %d", ErrDamaged, size, got)
	}
	return nil
}

// section starts a section: other byte order, other interfaces.
func (f *pcapng) section(c *Capture, length [4]byte) error {
	var h [16]byte
	if err := c.read(h[:]); err != nil {
		return err
	}
	switch {
	case binary.LittleEndian.Uint32(h[:]) == byteOrderMagic:
		f.order = binary.LittleEndian
	case binary.BigEndian.Uint32(h[:]) == byteOrderMagic:
		f.order = binary.BigEndian
	default:
		return fmt.Errorf("%w: a section without byte order", ErrDamaged)
	}
	if major := f.order.Uint16(h[4:]); major != 1 {
		return fmt.Errorf("pcapng version %d.%d", major, f.order.Uint16(h[6:]))
	}
	size := f.order.Uint32(length[:])
	if size < 28 || size%4 != 0 {
		return fmt.Errorf("%w: a section header of %d octets", ErrDamaged, size)
	}
	f.ifs = f.ifs[:0]
	if err := c.skip(size - 28); err != nil {
		return err
	}
	return f.trailer(c, size)
}

// iface reads an interface description. An interface of an earlier section
// with the same name and link type is the same one.
func (f *pcapng) iface(c *Capture, size uint32) error {
	if size < 8 || size > maxHeader {
		return fmt.Errorf("%w: an interface description of %d octets", ErrDamaged, size)
	}
	b := make([]byte, size)
	if err := c.read(b); err != nil {
		return err
	}
	i := ngIf{snap: f.order.Uint32(b[4:]), perSec: 1e6}
	ci := CaptureIf{Link: LinkType(f.order.Uint16(b))}
	for o := b[8:]; len(o) >= 4; {
		code, n := f.order.Uint16(o), int(f.order.Uint16(o[2:]))
		if code == optEnd {
			break
		}
		if n > len(o)-4 {
			return fmt.Errorf("%w: an option longer than its block", ErrDamaged)
		}
		v := o[4 : 4+n]
		switch {
		case code == optIfName:
			ci.Name = string(v)
		case code == optTSResol && n >= 1:
			if !i.resolution(v[0]) {
				return fmt.Errorf("%w: timestamp resolution %#x", ErrDamaged, v[0])
			}
		case code == optTSOffset && n >= 8:
			i.base = int64(f.order.Uint64(v))
		}
		o = o[min(len(o), 4+n+(-n&3)):]
	}
	i.index = -1
	for k, known := range c.ifs {
		taken := false
		for _, x := range f.ifs {
			taken = taken || x.index == k
		}
		if known == ci && !taken {
			i.index = k
			break
		}
	}
	if i.index < 0 {
		if len(c.ifs) == maxInterfaces {
			return fmt.Errorf("%w: more than %d interfaces", ErrDamaged, maxInterfaces)
		}
		i.index = len(c.ifs)
		c.ifs = append(c.ifs, ci)
	}
	f.ifs = append(f.ifs, i)
	return nil
}

// resolution sets the ticks per second from an if_tsresol: a power of ten, or
// of two with the top bit set. It reports false for one that 64 bits don't
// hold.
func (i *ngIf) resolution(r byte) bool {
	if r >= 0x80 {
		i.perSec = 1 << (r & 0x7f)
		return r&0x7f < 64
	}
	i.perSec = 1
	for range r {
		i.perSec *= 10
	}
	return r <= 19
}

// time converts a timestamp in ticks.
func (i *ngIf) time(ticks uint64) (time.Duration, error) {
	sec := int64(ticks/i.perSec) + i.base
	if sec < 0 || sec > int64(1<<63-1)/int64(time.Second)-1 {
		return 0, fmt.Errorf("%w: a time of %d s since 1970", ErrDamaged, sec)
	}
	hi, lo := bits.Mul64(ticks%i.perSec, 1e9)
	ns, _ := bits.Div64(hi, lo, i.perSec)
	return time.Duration(sec)*time.Second + time.Duration(ns), nil
}

// packet reads an enhanced packet block, or one of its obsolete predecessor,
// but for the trailing length.
func (f *pcapng) packet(c *Capture, typ, size uint32) error {
	h := f.buf[:20]
	if size < uint32(len(h)) {
		return fmt.Errorf("%w: a packet block of %d octets", ErrDamaged, size)
	}
	if err := c.read(h); err != nil {
		return err
	}
	n := f.order.Uint32(h)
	if typ == blockPacket {
		n = uint32(f.order.Uint16(h))
	}
	if n >= uint32(len(f.ifs)) {
		return fmt.Errorf("%w: interface %d is not described", ErrDamaged, n)
	}
	i := &f.ifs[n]
	t, err := i.time(uint64(f.order.Uint32(h[4:]))<<32 | uint64(f.order.Uint32(h[8:])))
	if err != nil {
		return err
	}
	c.frame.If, c.frame.Time = i.index, t
	captured := f.order.Uint32(h[12:])
	rest := size - uint32(len(h))
	if captured > rest {
		return fmt.Errorf("%w: %d octets of a frame in a block of %d", ErrDamaged, captured, rest)
	}
	if err := c.data(captured, f.order.Uint32(h[16:])); err != nil {
		return err
	}
	return c.skip(rest - captured)
}

// simple reads a simple packet block, which has no time: it is taken to come
// with the one before.
func (f *pcapng) simple(c *Capture, size uint32) error {
	var h [4]byte
	if len(f.ifs) == 0 {
		return fmt.Errorf("%w: interface 0 is not described", ErrDamaged)
	}
	if size < 4 {
		return fmt.Errorf("%w: a packet block of %d octets", ErrDamaged, size)
	}
	if err := c.read(h[:]); err != nil {
		return err
	}
	wire, n := f.order.Uint32(h[:]), size-4
	n = min(n, wire)
	if s := f.ifs[0].snap; s != 0 {
		n = min(n, s)
	}
	c.frame.If = f.ifs[0].index
	if err := c.data(n, wire); err != nil {
		return err
	}
	return c.skip(size - 4 - n)
}
