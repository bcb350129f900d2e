package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// nfQueue is a Queue on go-nfqueue: simple, a batch is one packet.
type nfQueue struct {
	nf     *nfqueue.Nfqueue
	cancel context.CancelFunc // must precede nf.Close, which else waits for ever
	closed <-chan struct{}    // cancel was called
	ready  chan struct{}      // closed by Serve: handle is set
	broken chan error         // why the library's goroutine gave up; it does so once
	close  func() error

	handle   Handler
	packet   [1]Packet
	verdict  [1]Verdict
	counters *Counters
}

func listenNFQueue(c *Config) (Queue, error) {
	nf, err := nfqueue.Open(&nfqueue.Config{
		NfQueue:      c.Number,
		MaxQueueLen:  c.MaxLen,
		MaxPacketLen: CopyRange,
		Copymode:     nfqueue.NfQnlCopyPacket,
		AfFamily:     unix.AF_UNSPEC,
	})
	if err != nil {
		return nil, fmt.Errorf("netfilter socket: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	q := &nfQueue{nf: nf, cancel: cancel, closed: ctx.Done(), ready: make(chan struct{}), broken: make(chan error, 1), counters: c.Counters}
	q.close = sync.OnceValue(func() error {
		cancel()
		return nf.Close()
	})
	if err := q.start(ctx, c); err != nil {
		cancel()
		nf.Con.Close() // the rest of nf.Close waits for what was not started
		return nil, fmt.Errorf("queue %d: %w", c.Number, err)
	}
	return q, nil
}

func (q *nfQueue) start(ctx context.Context, c *Config) error {
	// What doesn't fit into the socket's buffer is dropped by the kernel and
	// counted there; being told each time helps nobody.
	if err := q.nf.SetOption(netlink.NoENOBUFS, true); err != nil {
		return fmt.Errorf("NETLINK_NO_ENOBUFS: %w", err)
	}
	if err := setBuffer(q.nf.Con, c.RecvBuffer); err != nil {
		return err
	}
	err := q.nf.RegisterWithErrorFunc(ctx, q.receive, q.failed)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EPERM) && netAdmin() {
		return ErrBusy
	}
	return err
}

// setBuffer is receiveBuffer for the library's socket.
func setBuffer(c *netlink.Conn, n int) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("receive buffer: %w", err)
	}
	var set error
	err = rc.Control(func(fd uintptr) { set = receiveBuffer(int(fd), n) })
	if err = errors.Join(err, set); err != nil {
		return fmt.Errorf("receive buffer of %d octets: %w", n, err)
	}
	return nil
}

// netAdmin reports whether the process has CAP_NET_ADMIN, which tells the EPERM
// for a queue of somebody else from the one for want of privilege.
func netAdmin() bool {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&hdr, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}

// Serve implements Queue.
func (q *nfQueue) Serve(h Handler) error {
	q.handle = h
	close(q.ready)
	select {
	case <-q.closed:
		return nil
	case err := <-q.broken:
		return fmt.Errorf("queue: %w", err)
	}
}

// Close implements Queue.
func (q *nfQueue) Close() error { return q.close() }

// failed is called with an error of receiving. Anything but 0 ends the
// library's goroutine: it must, for what lasts, since it would be called again
// and again; and it must not for what passes.
func (q *nfQueue) failed(err error) int {
	select {
	case <-q.closed:
		return 1
	default:
	}
	// ENOENT is the kernel's answer to a verdict on a packet that is gone: it
	// throws away what is queued when somebody's hook is unregistered.
	for _, passes := range []error{unix.ENOENT, unix.ENOBUFS, unix.ENOMEM, unix.EINTR} {
		if errors.Is(err, passes) {
			return 0
		}
	}
	var op *netlink.OpError
	if errors.As(err, &op) && (op.Temporary() || op.Timeout()) {
		return 0
	}
	q.broken <- err
	return 1
}

// receive handles one packet. Its payload lies in the library's buffer, which
// is made anew for each message, so nothing needs to be copied.
func (q *nfQueue) receive(a nfqueue.Attribute) int {
	if a.PacketID == nil || a.Payload == nil || a.Hook == nil || a.HwProtocol == nil {
		return 0
	}
	select {
	case <-q.ready:
	case <-q.closed:
		return 1
	}
	p := &q.packet[0]
	*p = Packet{ID: *a.PacketID, Protocol: *a.HwProtocol, Hook: *a.Hook, Buf: *a.Payload, Full: len(*a.Payload)}
	if a.InDev != nil {
		p.InIf = int(*a.InDev)
	}
	if a.OutDev != nil {
		p.OutIf = int(*a.OutDev)
	}
	if a.Mark != nil {
		p.Mark = *a.Mark
	}
	if a.HwAddr != nil {
		copy(p.HWAddr[:], *a.HwAddr)
	}
	if a.CapLen != nil {
		p.Full = int(*a.CapLen)
	}
	if a.SkbInfo != nil && len(*a.SkbInfo) == 4 {
		p.Info = Info(binary.BigEndian.Uint32(*a.SkbInfo))
	}
	q.verdict[0] = Verdict{}
	received := time.Now()
	q.handle(q.packet[:], q.verdict[:])
	if err := q.decide(p.ID, &q.verdict[0]); err != nil {
		return q.failed(err)
	}
	q.counters.batch(1, time.Since(received))
	return 0
}

func (q *nfQueue) decide(id uint32, v *Verdict) error {
	if v.Action == Accept && v.Payload == nil && !v.SetMark {
		return q.nf.SetVerdict(id, nfqueue.NfAccept)
	}
	if v.Action != Accept {
		return q.nf.SetVerdict(id, nfqueue.NfDrop)
	}
	opts := make([]nfqueue.VerdictOption, 0, 2)
	if v.SetMark {
		opts = append(opts, nfqueue.WithMark(v.Mark))
	}
	if v.Payload != nil {
		opts = append(opts, nfqueue.WithAlteredPacket(v.Payload))
	}
	return q.nf.SetVerdictWithOption(id, nfqueue.NfAccept, opts...)
}
