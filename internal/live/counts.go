package live

import (
	"sync/atomic"

	"goipvs/internal/live/queue"
)

// Counters count what became of packets, beside the director's own statistics.
type Counters struct {
	Sent      atomic.Uint64 // sent again, or made by the director
	Unsent    atomic.Uint64 // the kernel refused to send them
	Truncated atomic.Uint64 // dropped: longer than the kernel hands out
	Limited   atomic.Uint64 // ICMP errors not sent, for there were too many
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
		if h := batch[i].Hook; int(h) < len(n) {
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
