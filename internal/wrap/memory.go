package wrap

import (
	"bytes"
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// ne is the machine's octet order.
var ne = binary.NativeEndian

// read copies n octets from the program's memory. It fails with unix.EFAULT
// where they are not all there.
func (c *call) read(at uint64, n int) ([]byte, error) {
	return c.gather([]unix.RemoteIovec{{Base: uintptr(at), Len: n}}, n)
}

// gather copies n octets that lie in pieces.
func (c *call) gather(from []unix.RemoteIovec, n int) ([]byte, error) {
	b := make([]byte, n)
	if n == 0 {
		return b, nil
	}
	r, err := unix.ProcessVMReadv(int(c.tid), []unix.Iovec{{Base: &b[0], Len: uint64(n)}}, from, 0)
	if err != nil || r != n {
		return nil, unix.EFAULT
	}
	return b, nil
}

// write copies b into the program's memory. It fails with unix.EFAULT where that
// can't all be written.
func (c *call) write(at uint64, b []byte) error {
	return c.scatter([]unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, b)
}

// scatter copies b to pieces that have room for it.
func (c *call) scatter(to []unix.RemoteIovec, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := unix.ProcessVMWritev(int(c.tid), []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}, to, 0)
	if err != nil || n != len(b) {
		return unix.EFAULT
	}
	return nil
}

func (c *call) writeUint32(at uint64, v uint32) error { return c.write(at, ne.AppendUint32(nil, v)) }

// readString reads up to a terminating zero, at most limit octets, and not
// beyond the page that it ends on.
func (c *call) readString(at uint64, limit int) (string, error) {
	page := uint64(os.Getpagesize())
	var s []byte
	for len(s) < limit {
		n := min(int(page-at%page), limit-len(s))
		b, err := c.read(at, n)
		if err != nil {
			return "", err
		}
		if before, _, ok := bytes.Cut(b, []byte{0}); ok {
			return string(append(s, before...)), nil
		}
		s = append(s, b...)
		at += uint64(n)
	}
	return "", unix.ENAMETOOLONG
}

// message is a struct msghdr of the program.
//
// Kernel: include/linux/socket.h, struct user_msghdr.
type message struct {
	at         uint64 // where it lies; 0: the call has none
	name       uint64
	nameLen    uint32
	pieces     []unix.RemoteIovec
	size       int // of all pieces
	control    uint64
	controlLen uint64
}

// The layout of struct user_msghdr.
const (
	msgNameLen    = 8
	msgIov        = 16
	msgIovLen     = 24
	msgControl    = 32
	msgControlLen = 40
	msgFlags      = 48
	msgSize       = 56
)

// maxPieces is UIO_MAXIOV.
const maxPieces = 1024

func (c *call) readMessage(at uint64) (*message, error) {
	b, err := c.read(at, msgSize)
	if err != nil {
		return nil, err
	}
	m := &message{
		at: at, name: ne.Uint64(b), nameLen: ne.Uint32(b[msgNameLen:]),
		control: ne.Uint64(b[msgControl:]), controlLen: ne.Uint64(b[msgControlLen:]),
	}
	n := ne.Uint64(b[msgIovLen:])
	if n > maxPieces {
		return nil, unix.EMSGSIZE
	}
	return m, c.readPieces(m, ne.Uint64(b[msgIov:]), int(n))
}

// readPieces reads the n struct iovec of a message.
func (c *call) readPieces(m *message, at uint64, n int) error {
	b, err := c.read(at, 16*n)
	if err != nil {
		return err
	}
	for ; len(b) > 0; b = b[16:] {
		p := unix.RemoteIovec{Base: uintptr(ne.Uint64(b)), Len: int(ne.Uint64(b[8:]))}
		if p.Len < 0 || m.size+p.Len < 0 {
			return unix.EINVAL
		}
		m.pieces = append(m.pieces, p)
		m.size += p.Len
	}
	return nil
}

// onePiece is the message of a call that has just a buffer.
func onePiece(at, n uint64) (*message, error) {
	if int(n) < 0 {
		return nil, unix.EINVAL
	}
	return &message{pieces: []unix.RemoteIovec{{Base: uintptr(at), Len: int(n)}}, size: int(n)}, nil
}
