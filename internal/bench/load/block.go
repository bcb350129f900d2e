package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// Streams are made of blocks: noise, the block's number and a CRC-32C of both.
// There are a few different pieces of noise, so that a piece of one block in
// the place of another's shows; their checksums are known beforehand, so that
// a block costs its sender next to nothing.
const (
	blockSize   = 64 << 10
	trailerSize = 12
	numberAt    = blockSize - trailerSize
	sumAt       = blockSize - 4
	noises      = 4
	lastBlock   = 1 << 63 // set in the number of a stream's last block
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	noise      [noises][]byte
	noiseSum   [noises]uint32
)

func init() {
	r := rand.NewChaCha8([32]byte{1})
	for i := range noise {
		noise[i] = make([]byte, numberAt)
		_, _ = r.Read(noise[i]) // never fails
		noiseSum[i] = crc32.Checksum(noise[i], castagnoli)
	}
}

// source is the sender's end of a stream.
type source struct {
	blocks [noises][]byte
	number uint64
	at     int // octets of the present block that are sent
	last   bool
	done   bool // all is sent
}

func newSource() *source {
	s := &source{}
	for i := range s.blocks {
		s.blocks[i] = append(make([]byte, 0, blockSize), noise[i]...)[:blockSize]
	}
	s.begin(false)
	return s
}

// begin begins a block.
func (s *source) begin(last bool) {
	i := s.number % noises
	b, n := s.blocks[i], s.number
	if last {
		n |= lastBlock
	}
	binary.BigEndian.PutUint64(b[numberAt:], n)
	binary.BigEndian.PutUint32(b[sumAt:], crc32.Update(noiseSum[i], castagnoli, b[numberAt:sumAt]))
	s.at, s.last = 0, last
}

// send writes what the socket takes, up to the end of a block. With stop the
// next block is the last.
func (s *source) send(fd int, stop bool) error {
	for !s.done {
		n, err := unix.Write(fd, s.blocks[s.number%noises][s.at:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return err
		}
		if s.at += n; s.at < blockSize {
			continue
		}
		if s.done = s.last; !s.done {
			s.number++
			s.begin(stop)
		}
		return nil
	}
	return nil
}

// sink is the receiver's end of a stream.
type sink struct {
	buf    [blockSize]byte
	n      int
	blocks uint64
	bad    uint64 // of them: another number than expected, or another checksum
	done   bool   // the last block came
}

// octets returns how many octets of whole blocks came.
func (k *sink) octets() uint64 { return k.blocks * blockSize }

// receive reads what there is, up to the end of a block.
func (k *sink) receive(fd int) error {
	n, err := unix.Read(fd, k.buf[k.n:])
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return err
	case n == 0:
		return fmt.Errorf("stream ends within block %d: %w", k.blocks, io.ErrUnexpectedEOF)
	}
	if k.n += n; k.n < blockSize {
		return nil
	}
	number := binary.BigEndian.Uint64(k.buf[numberAt:])
	if number&^lastBlock != k.blocks || binary.BigEndian.Uint32(k.buf[sumAt:]) != crc32.Checksum(k.buf[:sumAt], castagnoli) {
		k.bad++
	}
	k.blocks, k.n, k.done = k.blocks+1, 0, number&lastBlock != 0
	return nil
}
