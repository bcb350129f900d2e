package load

import (
	"encoding/binary"
	"time"
)

// messageSize is the size of all messages but blocks.
const messageSize = 16

// What a message asks for.
const (
	opEcho = 'e' // the same message back
	opUp   = 'u' // blocks follow; after the last one a report
	opDown = 'd' // blocks, for so many milliseconds
)

// message is a request, or the answer to it: an operation and a number.
type message [messageSize]byte

func newMessage(op byte, n uint64) (m message) {
	m[0] = op
	binary.BigEndian.PutUint64(m[8:], n)
	return m
}

func (m *message) op() byte                { return m[0] }
func (m *message) number() uint64          { return binary.BigEndian.Uint64(m[8:]) }
func (m *message) duration() time.Duration { return time.Duration(m.number()) * time.Millisecond }

// report is a message that says what came of a stream: the number of blocks,
// and how many of them were wrong.
func report(k *sink) (m message) {
	binary.BigEndian.PutUint64(m[:], k.blocks)
	binary.BigEndian.PutUint64(m[8:], k.bad)
	return m
}

func (m *message) report() (blocks, bad uint64) {
	return binary.BigEndian.Uint64(m[:]), m.number()
}
