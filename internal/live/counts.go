package live

import (
	"sync/atomic"

	"goipvs/internal/live/inject"
	"goipvs/internal/live/queue"
)

// Counters count what became of packets, beside the director's own statistics.
type Counters struct {
	Raw       Injected      // by raw socket
	Packet    Injected      // by packet socket
	Truncated atomic.Uint64 // dropped: longer than the kernel hands out
	Limited   atomic.Uint64 // ICMP errors not sent, for there were too many
}

// Injected count what was sent again, or made by the director: datagrams,
// fragments and segments.
type Injected struct {
	Sent   atomic.Uint64
	Unsent atomic.Uint64 // the kernel refused to send them
}

// injected counts what became of what was sent.
func (c *Counters) injected(r inject.Result) {
	for _, x := range [...]struct {
		n  inject.Count
		at *Injected
	}{{r.Raw, &c.Raw}, {r.Packet, &c.Packet}} {
		if x.n.Sent > 0 {
			x.at.Sent.Add(uint64(x.n.Sent))
		}
		if x.n.Unsent > 0 {
			x.at.Unsent.Add(uint64(x.n.Unsent))
		}
	}
}

// fate is what becomes of a packet from a queue.
type fate uint8

const (
	accepted fate = iota // went on as it came
	changed              // went on changed
	dropped              // lost, or sent again
	fates
)

// String names a fate.
func (f fate) String() string { return [...]string{"accept", "change", "drop"}[f] }

func fateOf(v *queue.Verdict) fate {
	switch {
	case v.Action == queue.Drop:
		return dropped
	case v.Payload != nil:
		return changed
	}
	return accepted
}

// tally counts packets by hook and fate. One worker counts, a batch at a time;
// anybody may read.
type tally [queue.HookLocalOut + 1][fates]atomic.Uint64

// batch counts a batch's packets.
func (t *tally) batch(batch []queue.Packet, verdicts []queue.Verdict) {
	var n [queue.HookLocalOut + 1][fates]uint64
	for i := range batch {
		if h := batch[i].Hook; int(h) < len(n) && verdicts[i].Action != queue.Cut { // which comes again
			n[h][fateOf(&verdicts[i])]++
		}
	}
	for h := range n {
		for f, k := range n[h] {
			if k > 0 {
				t[h][f].Add(k)
			}
		}
	}
}

// packets is how many packets came so far.
func (d *daemon) packets() (sum uint64) {
	for _, w := range d.workers {
		for h := range w.tally {
			for f := range w.tally[h] {
				sum += w.tally[h][f].Load()
			}
		}
	}
	return sum
}
