package inject

import (
	"golang.org/x/sys/unix"

	"goipvs/internal/live/mmsg"
)

// A batch is of so many messages at most, with so many octets of headers that
// are made here.
const (
	batchSize   = 256
	scratchSize = 64 << 10
)

// sizeName is room for any socket address that is used here.
const sizeName = unix.SizeofSockaddrInet6

// Result is what became of messages: datagrams, fragments or segments.
type Result struct {
	Raw    Count // by raw socket
	Packet Count // by packet socket
}

// Count is what became of one socket's messages.
type Count struct {
	Sent, Unsent int
	Err          error // why the last one wasn't sent: EPERM where a rule of the user's dropped it, EHOSTUNREACH, …
}

// fail counts a message that wasn't sent.
func (c *Count) fail(err error) {
	c.Unsent++
	c.Err = err
}

// batch gathers messages for a socket, which are in one piece, or two where
// headers were made for them. Gathering and sending allocate nothing.
type batch struct {
	fd       int
	n        int // messages waiting
	messages []mmsg.Message
	iov      []unix.Iovec // two for each message
	names    [][sizeName]byte
	scratch  []byte // headers; iov points into it, so it never grows
	result   *Count
}

func newBatch(fd int, r *Count) *batch {
	b := &batch{
		fd: fd, result: r, messages: make([]mmsg.Message, batchSize), iov: make([]unix.Iovec, 2*batchSize),
		names: make([][sizeName]byte, batchSize), scratch: make([]byte, 0, scratchSize),
	}
	for i := range b.messages {
		b.messages[i].Header.Iov = &b.iov[2*i]
		b.messages[i].Header.Name = &b.names[i][0]
	}
	return b
}

// room makes room for one message more with n octets of headers and returns
// where those go.
func (b *batch) room(n int) []byte {
	if b.n == batchSize || len(b.scratch)+n > scratchSize {
		b.flush()
	}
	at := len(b.scratch)
	b.scratch = b.scratch[:at+n]
	return b.scratch[at:]
}

// name returns where the address of the next message goes, which is of n octets.
func (b *batch) name(n int) *[sizeName]byte {
	b.messages[b.n].Header.Namelen = uint32(n)
	return &b.names[b.n]
}

// add adds a message, whose name was set, of head, which may be empty, and body.
// Both stay until flush.
func (b *batch) add(head, body []byte) {
	h := &b.messages[b.n].Header
	iov := b.iov[2*b.n : 2*b.n+2]
	k := 0
	for _, piece := range [...][]byte{head, body} {
		if len(piece) > 0 {
			iov[k].Base = &piece[0]
			iov[k].SetLen(len(piece))
			k++
		}
	}
	h.SetIovlen(k)
	b.n++
}

// flush sends what waits.
func (b *batch) flush() {
	for at := 0; at < b.n; {
		n, err := mmsg.Send(b.fd, b.messages[at:b.n])
		b.result.Sent += n
		at += n
		if err != nil {
			b.result.fail(err)
			at++
		}
	}
	b.n, b.scratch = 0, b.scratch[:0]
}
