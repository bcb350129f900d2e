package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// CopyRange is how many octets of a packet are copied from the kernel at most:
// what fits into a netlink attribute.
const CopyRange = 65531

// The hooks' numbers in a Packet.
//
// Kernel: include/uapi/linux/netfilter.h, enum nf_inet_hooks.
const (
	HookLocalIn  = 1
	HookForward  = 2
	HookLocalOut = 3
)

// Info says what the kernel left undone in a packet.
//
// Kernel: include/uapi/linux/netfilter/nfnetlink_queue.h, NFQA_SKB_*.
type Info uint32

// The bits of Info.
const (
	CsumNotReady Info = 1 << iota // the transport checksum is not complete yet
	GSO                           // a super-packet, to be cut into segments on its way out
	CsumUnknown                   // nobody verified the checksum
)

// Packet is a packet that the kernel holds until its verdict.
type Packet struct {
	ID       uint32 // the kernel's name for it, within its queue
	Protocol uint16 // EtherType: 0x0800, 0x86dd
	Hook     uint8
	InIf     int // index of the interface it came in by; 0: none
	OutIf    int // of the one it leaves by, where that is known; 0: none
	Mark     uint32
	HWAddr   [6]byte // who sent the frame; zero: not known
	Info     Info
	Full     int    // its length in octets: more than Data's where that was cut off
	Buf      []byte // headroom, then the packet from its IP header on
	Off      int    // where that starts in Buf

	queue uint16 // that it is in
}

// Data returns the packet from its IP header on.
func (p *Packet) Data() []byte { return p.Buf[p.Off:] }

// Truncated reports whether the end of the packet was not copied. A verdict
// with a payload would cut the packet itself.
func (p *Packet) Truncated() bool { return p.Full > len(p.Buf)-p.Off }

// Action is what becomes of a packet.
type Action uint8

// The actions, with the kernel's numbers.
const (
	Drop   Action = 0
	Accept Action = 1
	Cut    Action = 3 // a super-packet that came whole comes again in segments, as the kernel cuts it (Batch)
)

// Verdict is the decision about a packet.
type Verdict struct {
	Action  Action
	SetMark bool
	Mark    uint32 // the packet's mark from now on, with SetMark
	Payload []byte // what the packet is from now on, with its transport checksum complete; nil: as it was
}

// Handler decides about a batch: verdicts[i] is for batch[i] and comes as Drop.
// The packets' buffers are its own until it returns, those of the payloads the
// queue's from then on, until the next call.
type Handler func(batch []Packet, verdicts []Verdict)

// Queue is a queue that packets come from.
type Queue interface {
	// Serve calls the handler with one batch after the other, from one
	// goroutine, until Close, and then returns nil; or until the queue breaks.
	Serve(Handler) error
	// Close gives the queue back to the kernel, which drops what is in it. It
	// waits for the handler to return.
	Close() error
}

// IO is a way of talking to the kernel.
type IO uint8

// The ways.
const (
	Batch   IO = iota // many packets in a system call, and super-packets whole
	NFQueue           // by go-nfqueue, packet by packet
)

var ios = []string{Batch: "batch", NFQueue: "nfqueue"}

// String returns the way's name.
func (io IO) String() string { return ios[io] }

// ParseIO returns the way of a name.
func ParseIO(name string) (IO, error) {
	i := slices.Index(ios, name)
	if i < 0 {
		return 0, fmt.Errorf("%q: neither %s", name, strings.Join(ios, " nor "))
	}
	return IO(i), nil
}

// Config is what a queue is made from.
type Config struct {
	IO         IO
	Number     uint16
	Super      *uint16 // a second queue's number, served with the first, whose super-packets come whole; nil: none. Batch only
	MaxLen     uint32  // packets waiting at most, 65,536 being the kernel's limit; 0: 16,384
	RecvBuffer int     // octets of socket buffer, which are taken only as packets wait; 0: 128 MiB
	Counters   *Counters
}

// Listen takes a queue of the calling thread's network namespace. Packets wait
// in it from then on, until Serve. Errors: ErrBusy; unix.EPERM without
// CAP_NET_ADMIN.
func Listen(c Config) (Queue, error) {
	if c.MaxLen == 0 {
		c.MaxLen = 16384
	}
	if c.RecvBuffer == 0 {
		c.RecvBuffer = 128 << 20
	}
	if c.IO == NFQueue {
		return listenNFQueue(&c)
	}
	return listenBatch(&c)
}

// ErrBusy is returned for a queue that another program has.
var ErrBusy = errors.New("queue is in use by another program")
