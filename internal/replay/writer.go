package replay

import (
	"encoding/binary"
	"io"
	"time"
)

// Writer writes a pcapng file, little endian, with times in nanoseconds. Its
// first error sticks: Err returns it.
type Writer struct {
	w   io.Writer
	buf []byte
	n   int
	err error
}

// NewWriter starts a pcapng file. The caller buffers w where that matters.
func NewWriter(w io.Writer) *Writer {
	f := &Writer{w: w}
	b := f.block(blockSection)
	b = binary.LittleEndian.AppendUint32(b, byteOrderMagic)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, 1<<64-1) // a section of unknown length
	f.end(b)
	return f
}

// block starts a block; its length is filled in by end.
func (f *Writer) block(typ uint32) []byte {
	b := binary.LittleEndian.AppendUint32(f.buf[:0], typ)
	return append(b, 0, 0, 0, 0)
}

// end ends a block and writes it.
func (f *Writer) end(b []byte) {
	n := uint32(len(b) + 4)
	binary.LittleEndian.PutUint32(b[4:], n)
	f.buf = binary.LittleEndian.AppendUint32(b, n)
	if f.err == nil {
		_, f.err = f.w.Write(f.buf)
	}
}

// option appends an option, padded.
func option(b []byte, code uint16, v []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(v)))
	b = append(b, v...)
	return append(b, make([]byte, -len(v)&3)...)
}

// AddInterface describes an interface and returns its index.
func (f *Writer) AddInterface(i CaptureIf) int {
	b := f.block(blockInterface)
	b = binary.LittleEndian.AppendUint16(b, uint16(i.Link))
	b = append(b, 0, 0, 0, 0, 0, 0) // reserved; no snap length
	if i.Name != "" {
		b = option(b, optIfName, []byte(i.Name)[:min(len(i.Name), 1<<16-1)])
	}
	b = option(b, optTSResol, []byte{9})
	f.end(option(b, optEnd, nil))
	f.n++
	return f.n - 1
}

// Direction is a frame's way over its interface (epb_flags).
type Direction uint8

// The directions.
const (
	Unknown Direction = iota
	Inbound
	Outbound
)

// Write writes a frame that was on the interface at the time since 1970, with a
// comment unless that is empty.
func (f *Writer) Write(iface int, at time.Duration, frame []byte, comment string) {
	f.WriteDirected(iface, at, frame, comment, Unknown)
}

// WriteDirected is Write with the frame's direction.
func (f *Writer) WriteDirected(iface int, at time.Duration, frame []byte, comment string, d Direction) {
	b := f.block(blockEnhanced)
	b = binary.LittleEndian.AppendUint32(b, uint32(iface))
	b = binary.LittleEndian.AppendUint32(b, uint32(uint64(at)>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(at))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = append(b, frame...)
	b = append(b, make([]byte, -len(frame)&3)...)
	if comment != "" {
		b = option(b, optComment, []byte(comment)[:min(len(comment), 1<<16-1)])
	}
	if d != Unknown {
		b = option(b, optFlags, []byte{byte(d), 0, 0, 0})
	}
	if comment != "" || d != Unknown {
		b = option(b, optEnd, nil)
	}
	f.end(b)
}

// Err returns the first error of writing.
func (f *Writer) Err() error { return f.err }
