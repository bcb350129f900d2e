package queue

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"goipvs/internal/live/mmsg"
)

// sizeVerdict is the most that a verdict takes beside its payload.
const sizeVerdict = sizeHeader + sizeAttr + 8 + sizeAttr + 4 + sizeAttr

// maxFlush is how many octets of verdicts go in one message at most, but for
// one that is longer itself: the kernel copies them to one piece of memory, and
// much more than this is no faster.
const maxFlush = 256 << 10

// verdicts are gathered to be given in one message. A run of equal ones without
// payload becomes one of the kernel's batch verdicts, which hold for all packets
// of a queue, up to an identification, that have none yet. So the order of
// packets must be kept, and is.
type verdicts struct {
	fd      int
	first   uint16 // the first of the socket's queues
	head    []byte // headers; iov points into it, so it never grows
	iov     []unix.Iovec
	bytes   int
	message unix.Msghdr
	runs    [2]run // of the first queue, and of the other
	pad     [3]byte
}

// run is a run of equal verdicts that is not written yet.
type run struct {
	n     int // how many
	queue uint16
	last  uint32 // packet of the run
	plain plain
}

// plain is a verdict without its payload.
type plain struct {
	action  Action
	setMark bool
	mark    uint32
}

func newVerdicts(fd int, first uint16, batch int) *verdicts {
	n := batch + len(verdicts{}.runs)
	return &verdicts{fd: fd, first: first, head: make([]byte, 0, n*sizeVerdict), iov: make([]unix.Iovec, 0, 3*n)}
}

// add adds the verdict on a packet. Its payload must stay until the next flush.
func (v *verdicts) add(p *Packet, d *Verdict) error {
	r := &v.runs[0]
	if p.queue != v.first {
		r = &v.runs[1]
	}
	x := plain{action: d.Action}
	if d.SetMark {
		x.setMark, x.mark = true, d.Mark
	}
	changed := d.Action == Accept && d.Payload != nil
	if r.n > 0 && (changed || r.plain != x) {
		v.end(r)
	}
	if !changed {
		*r = run{r.n + 1, p.queue, p.ID, x}
		return nil
	}
	if v.bytes > 0 && v.bytes+sizeVerdict+len(d.Payload) > maxFlush {
		if err := v.send(); err != nil {
			return err
		}
	}
	v.write(msgVerdict, p.queue, p.ID, x, d.Payload)
	return nil
}

// flush gives all verdicts that were added.
func (v *verdicts) flush() error {
	for i := range v.runs {
		v.end(&v.runs[i])
	}
	if v.bytes == 0 {
		return nil
	}
	return v.send()
}

func (v *verdicts) end(r *run) {
	switch {
	case r.n == 1:
		v.write(msgVerdict, r.queue, r.last, r.plain, nil)
	case r.n > 1:
		v.write(msgVerdictBatch, r.queue, r.last, r.plain, nil)
	}
	r.n = 0
}

// write appends a message. A payload is referred to, not copied.
//
// Kernel: net/netfilter/nfnetlink_queue.c, nfqnl_recv_verdict,
// nfqnl_recv_verdict_batch (6.1).
func (v *verdicts) write(typ, queue uint16, id uint32, x plain, payload []byte) {
	at := len(v.head)
	b := appendHeader(v.head, typ, 0, queue)
	b = appendAttr(b, attrVerdictHeader, 8)
	action := uint32(x.action)
	if x.action == Cut {
		action |= uint32(v.first) << 16 // NF_QUEUE with the number of a queue
	}
	b = binary.BigEndian.AppendUint32(b, action)
	b = binary.BigEndian.AppendUint32(b, id)
	if x.setMark {
		b = binary.BigEndian.AppendUint32(appendAttr(b, attrMark, 4), x.mark)
	}
	size := len(b) - at
	if payload != nil {
		b = appendAttr(b, attrPayload, len(payload))
		size += align(sizeAttr + len(payload))
	}
	binary.NativeEndian.PutUint32(b[at:], uint32(size))
	v.head = b
	v.refer(b[at:])
	if payload != nil {
		v.refer(payload)
		if n := align(len(payload)) - len(payload); n > 0 {
			v.refer(v.pad[:n])
		}
	}
	v.bytes += size
}

// refer appends octets, not empty, to what is to be sent.
func (v *verdicts) refer(b []byte) {
	iov := unix.Iovec{Base: &b[0]}
	iov.SetLen(len(b))
	v.iov = append(v.iov, iov)
}

// send gives the verdicts that are written.
func (v *verdicts) send() error {
	v.message.Iov = &v.iov[0]
	v.message.SetIovlen(len(v.iov))
	v.head, v.iov, v.bytes = v.head[:0], v.iov[:0], 0
	return mmsg.SendOne(v.fd, &v.message)
}
