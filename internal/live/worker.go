package live

import (
	"bytes"

	"goipvs/hooks"
	"goipvs/internal/live/handed"
	"goipvs/internal/live/inject"
	"goipvs/internal/live/queue"
	"goipvs/internal/live/tap"
	"goipvs/packet"
	"goipvs/xmit"
)

// worker serves one queue, from the goroutine that calls handle.
type worker struct {
	queue  queue.Queue
	served *queue.Counters
	sender *inject.Sender
	stack  *stack
	hook   func(hooks.Point, *packet.Packet) xmit.Verdict
	now    func() // brings the director's clock up to now
	bit    uint32
	item   item
	near   near
	tally  tally
	scribe *tap.Scribe // tells tracers
}

// item is a packet in a worker's hands. Packets made in the course of it, such
// as ICMP errors, have none.
type item struct {
	packet    packet.Packet
	worker    *worker
	point     hooks.Point
	truncated bool
	goesOn    bool      // LocalOut leaves it to the verdict
	elsewhere bool      // Reroute found it another way
	head      [128]byte // its beginning as it came, for what IPVS changes shows there
	length    int
}

// etherTypes of what is handled.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

func (w *worker) handle(batch []queue.Packet, verdicts []queue.Verdict) {
	w.now()
	for i := range batch {
		verdicts[i] = w.decide(&batch[i])
	}
	w.stack.counts.injected(w.sender.Flush())
	w.tally.batch(batch, verdicts)
}

// decide is the verdict on a packet. What is sent again is added to what the
// sender sends, and dropped here.
func (w *worker) decide(q *queue.Packet) queue.Verdict {
	if !w.take(q) {
		return queue.Verdict{Action: queue.Accept}
	}
	if w.scribe.On() {
		return w.told(q)
	}
	return w.judge(q)
}

// told is judge for a packet that tracers may want to hear of.
func (w *worker) told(q *queue.Packet) queue.Verdict {
	it := &w.item
	p := &it.packet
	if !w.scribe.Begin(it.point, p) {
		v := w.judge(q)
		if v.Action != queue.Cut {
			w.scribe.Missed(p)
		}
		return v
	}
	v := w.judge(q)
	if v.Action == queue.Cut {
		w.scribe.Again()
		return v
	}
	if v.Action == queue.Accept {
		e := handed.GoesOn{Local: it.point == hooks.LocalIn, OutIf: p.OutIf}
		if it.point == hooks.LocalOut && p.Route != nil {
			e.Local, e.OutIf = p.Route.Local, p.Route.OutIf
		}
		w.scribe.Event(p, e)
	}
	w.scribe.End()
	return v
}

// judge is decide for the packet in the worker's hands.
func (w *worker) judge(q *queue.Packet) queue.Verdict {
	accept, drop := queue.Verdict{Action: queue.Accept}, queue.Verdict{}
	it := &w.item
	if it.truncated && q.Info&queue.GSO != 0 {
		return queue.Verdict{Action: queue.Cut}
	}
	p := &it.packet
	switch w.hook(it.point, p) {
	case xmit.Drop:
		return drop
	case xmit.Stolen:
		if !it.goesOn {
			return drop
		}
	}
	if it.elsewhere {
		p.Ours = true
		w.stack.send(w.sender, p, false)
		return drop
	}
	v, changed := accept, it.changed()
	// At LOCAL_OUT it may loop back; unwrapped here it must still be known.
	if p.Ours && (it.point == hooks.LocalOut || it.point == hooks.LocalIn && !changed) {
		v.SetMark, v.Mark = true, q.Mark|w.bit
	}
	if !changed {
		return v
	}
	if it.truncated {
		w.stack.truncated(p)
		return drop
	}
	if it.point == hooks.Forward && p.GSOSize != 0 && w.stack.forward(w.sender, p) {
		return drop
	}
	p.CompleteChecksum() // the queue can't say that one is partial
	v.Payload = p.Data()
	return v
}

// take makes a packet of what the queue gave. It reports false for what is none
// of IPVS's.
func (w *worker) take(q *queue.Packet) bool {
	it := &w.item
	*it = item{worker: w, truncated: q.Truncated(), length: len(q.Data())}
	f, least := packet.IPv4, packet.SizeIPv4
	if q.Protocol == etherIPv6 {
		f, least = packet.IPv6, packet.SizeIPv6
	} else if q.Protocol != etherIPv4 {
		return false
	}
	if it.length < least {
		return false
	}
	switch q.Hook {
	case queue.HookLocalIn:
		it.point = hooks.LocalIn
	case queue.HookForward:
		it.point = hooks.Forward
	case queue.HookLocalOut:
		it.point = hooks.LocalOut
	default:
		return false
	}
	copy(it.head[:], q.Data())
	p := &it.packet
	p.Set(f, q.Buf, q.Off)
	p.InIf, p.OutIf, p.Mark, p.HWAddr, p.Origin = q.InIf, q.OutIf, q.Mark&^w.bit, q.HWAddr, it
	p.Route = w.near.present(w.stack, it.point, f, q.OutIf)
	undone(p, q.Info)
	if q.InIf == 0 {
		return true
	}
	mtu, loopback := w.near.link(w.stack, q.InIf)
	p.Loopback = loopback
	w.stack.receivers.learn(p, mtu)
	whole := q.Info&queue.GSO == 0
	if whole && it.length > mtu {
		// It came in fragments, then, of no more than that.
		p.FragMax = mtu
		if f == packet.IPv6 {
			// How large they were isn't known. Were they taken for larger
			// than they are, a path narrower than the link, as every tunnel
			// is, would refuse them however small the sender makes them.
			p.FragMax = minMTU6
		}
	} else if whole && f == packet.IPv6 && w.stack.pathMTUs.cuts(p.Data()) {
		p.FragMax = minMTU6
	}
	return true
}

// undone notes what the kernel left to be done in a packet, which is of TCP,
// then: a checksum that isn't complete, and that it is to be cut into segments,
// how large is not said.
func undone(p *packet.Packet, i queue.Info) {
	if i&(queue.CsumNotReady|queue.GSO) == 0 {
		return
	}
	if i&queue.GSO != 0 {
		p.GSOSize = 1
	}
	const sum = 16 // of the checksum in the header
	var h packet.Header
	if i&queue.CsumNotReady != 0 && p.ParseHeader(&h) && h.Protocol == packet.ProtoTCP && p.Len() >= h.Len+packet.SizeTCP {
		p.Partial, p.Check = h.Len, sum
	}
}

// minMTU6 is what every link carries in IPv6 (RFC 8200 §5).
const minMTU6 = 1280

// changed reports whether the packet is not what it was. All that IPVS changes
// shows in the headers: addresses, or ports and checksum.
func (it *item) changed() bool {
	b := it.packet.Data()
	n := min(len(it.head), it.length)
	return len(b) != it.length || !bytes.Equal(b[:n], it.head[:n])
}
