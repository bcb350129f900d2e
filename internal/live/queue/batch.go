package queue

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"goipvs/internal/live/mmsg"
	"goipvs/packet"
)

// batchSize is how many packets are taken at once at most. With 8 nearly all is
// won that there is to win.
const batchSize = 64

// slotSize is the room for a message: its headers, the packet and, before it,
// what xmit may prepend. Being an odd number of cache lines, it spreads the
// beginnings of messages over the cache.
const slotSize = (packet.Headroom+256+CopyRange+63)/64*64 | 64

// yieldEvery is how often Serve yields to Go's scheduler. That takes a goroutine
// which didn't for 10 ms for one that keeps a processor from others: each 20 µs,
// from then on, it sends the thread a signal and takes its processor whenever it
// waits in a system call, so that each batch begins with getting one back. To a
// goroutine that is bound to its thread yielding would cost two changes of
// threads; this one isn't.
const yieldEvery = 5 * time.Millisecond

// batchQueue is a Queue on a netlink socket of its own. What it needs is made
// once; serving allocates nothing.
type batchQueue struct {
	fd       int
	number   uint16
	in       []mmsg.Message
	iov      []unix.Iovec
	arena    []byte
	packets  []Packet
	decided  []Verdict
	verdicts *verdicts
	counters *Counters

	closing atomic.Bool
	serving sync.Mutex // held by Serve
	close   func() error
}

func listenBatch(c *Config) (_ Queue, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("netfilter socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("netfilter socket: %w", err)
	}
	if err := setOptions(fd, c); err != nil {
		return nil, err
	}
	// The other queue first: from then on there may be packets among the
	// answers, but no rule leads to it without the one that it belongs to.
	if c.Super != nil {
		if err := configure(fd, *c.Super, c, true); err != nil {
			return nil, err
		}
	}
	if err := configure(fd, c.Number, c, false); err != nil {
		return nil, err
	}
	q := &batchQueue{
		fd: fd, number: c.Number,
		in: make([]mmsg.Message, batchSize), iov: make([]unix.Iovec, batchSize), arena: make([]byte, batchSize*slotSize),
		packets: make([]Packet, batchSize), decided: make([]Verdict, batchSize),
		verdicts: newVerdicts(fd, c.Number, batchSize), counters: c.Counters,
	}
	for i := range q.in {
		slot := q.slot(i)
		q.iov[i].Base = &slot[packet.Headroom]
		q.iov[i].SetLen(len(slot) - packet.Headroom)
		q.in[i].Header.Iov = &q.iov[i]
		q.in[i].Header.SetIovlen(1)
	}
	q.close = sync.OnceValue(q.end)
	return q, nil
}

// setOptions sets a netlink socket's options.
func setOptions(fd int, c *Config) error {
	if err := receiveBuffer(fd, c.RecvBuffer); err != nil {
		return fmt.Errorf("receive buffer of %d octets: %w", c.RecvBuffer, err)
	}
	const sendBuffer = 16 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) // as much as is allowed
	}
	// What doesn't fit into the socket's buffer is dropped by the kernel and
	// counted there; being told each time helps nobody. An error needs no copy
	// of the verdict that it is about.
	for _, opt := range []int{unix.NETLINK_NO_ENOBUFS, unix.NETLINK_CAP_ACK} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1); err != nil {
			return fmt.Errorf("netlink socket's option %d: %w", opt, err)
		}
	}
	return nil
}

// receiveBuffer makes a socket's receive buffer n octets, or as many as the
// system allows where CAP_NET_ADMIN is not of the initial user namespace.
func receiveBuffer(fd, n int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, n)
}

// configure takes a queue for a socket.
func configure(fd int, number uint16, c *Config, gso bool) error {
	for _, m := range configMessages(number, c, gso) {
		err := ask(fd, m)
		if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EPERM) && netAdmin() {
			return fmt.Errorf("queue %d: %w", number, ErrBusy)
		} else if err != nil {
			return fmt.Errorf("queue %d: %w", number, err)
		}
	}
	return nil
}

// ask sends a message and waits for the kernel's answer.
func ask(fd int, m []byte) error {
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	var answer [256]byte // a packet is cut off; it stays in the queue without a verdict, then
	for {
		n, _, err := unix.Recvfrom(fd, answer[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return err
		}
		if err, ok := parseError(answer[:n]); ok {
			if err != 0 {
				return err
			}
			return nil
		}
	}
}

func (q *batchQueue) slot(i int) []byte { return q.arena[i*slotSize : (i+1)*slotSize : (i+1)*slotSize] }

// Serve implements Queue.
func (q *batchQueue) Serve(h Handler) error {
	q.serving.Lock()
	defer q.serving.Unlock()
	if q.closing.Load() {
		return nil
	}
	var p pace
	start, n, yielded := time.Now(), 0, time.Duration(0)
	for {
		var err error
		if n, err = q.receive(n); err != nil {
			return fmt.Errorf("queue %d: %w", q.number, err)
		}
		if q.closing.Load() {
			return nil
		}
		var received time.Duration
		if q.counters != nil {
			received = time.Since(start)
		}
		if err := q.serve(n, h); err != nil {
			return fmt.Errorf("queue %d: %w", q.number, err)
		}
		now := time.Since(start)
		q.counters.batch(n, now-received)
		if now-yielded >= yieldEvery {
			runtime.Gosched()
			yielded = now
		}
		if p.pause(n, now) {
			pause()
		}
	}
}

// receive waits for messages and returns how many came, last being how many
// came the last time: after a full batch there are more, as a rule.
func (q *batchQueue) receive(last int) (n int, err error) {
	receive := mmsg.Receive
	if last == batchSize {
		receive = mmsg.TryReceive
	}
	for {
		n, err = receive(q.fd, q.in)
		switch {
		case err == nil:
			return n, nil
		case !passes(err):
			return 0, err
		}
		receive = mmsg.Receive
	}
}

// passes reports whether an error means nothing for what comes after. ENOENT is
// the kernel's answer to a verdict on a packet that is gone: it throws away what
// is queued when somebody's hook is unregistered.
func passes(err error) bool {
	for _, e := range []error{unix.EAGAIN, unix.EINTR, unix.ENOENT, unix.ENOBUFS, unix.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// serve has the handler decide about n messages and gives the verdicts.
func (q *batchQueue) serve(n int, h Handler) error {
	k := 0
	for i := range n {
		b := q.slot(i)[:packet.Headroom+int(q.in[i].Len)]
		if q.packets[k].parse(b, packet.Headroom) {
			q.decided[k] = Verdict{}
			k++
		} else if e, ok := parseError(b[packet.Headroom:]); ok && e != 0 && !passes(e) {
			return fmt.Errorf("a verdict: %w", e)
		}
	}
	if k == 0 {
		return nil
	}
	h(q.packets[:k], q.decided[:k])
	for i := range k {
		if err := q.verdicts.add(&q.packets[i], &q.decided[i]); err != nil && !passes(err) {
			return err
		}
	}
	if err := q.verdicts.flush(); err != nil && !passes(err) {
		return err
	}
	return nil
}

// Close implements Queue.
func (q *batchQueue) Close() error { return q.close() }

// end wakes Serve, by an answer of the kernel's, and waits for it.
func (q *batchQueue) end() error {
	q.closing.Store(true)
	wake := sealed(appendHeader(nil, unix.NLMSG_NOOP, unix.NLM_F_ACK, 0))
	if err := unix.Sendto(q.fd, wake, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("queue %d: %w", q.number, err)
	}
	q.serving.Lock()
	defer q.serving.Unlock()
	return unix.Close(q.fd)
}
