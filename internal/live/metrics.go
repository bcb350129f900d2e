package live

import (
	"strconv"
	"strings"

	"goipvs/internal/control"
	"goipvs/internal/live/metrics"
	"goipvs/internal/live/queue"
	"goipvs/packet"
)

var _ control.Counter = (*backend)(nil)

// openMetrics listens where metrics are wanted, and opens what they and goipvs
// top are told from.
func (d *daemon) openMetrics() (err error) {
	if d.status, err = queue.OpenStatus(); err == nil {
		d.opened(d.status.Close)
	} // else the kernel's side isn't known
	if d.Metrics == "" {
		return nil
	}
	if d.metrics, err = metrics.Listen(d.Metrics, metrics.NewCollector(d.snapshot)); err == nil {
		d.opened(d.metrics.Close)
	}
	return err
}

// snapshot is what metrics show. It may be called from any goroutine.
func (d *daemon) snapshot() *metrics.Snapshot {
	s := d.figures()
	d.director.View(s.AddServices)
	return s
}

// hookNames are the hooks as metrics call them.
var hookNames = [...]string{queue.HookLocalIn: "local_in", queue.HookForward: "forward", queue.HookLocalOut: "local_out"}

// figures is a snapshot without services. It may be called from any goroutine.
func (d *daemon) figures() *metrics.Snapshot {
	s := &metrics.Snapshot{
		Reasons: d.director.Reasons(), Conns: d.director.NumConns(),
		Truncated: d.counts.Truncated.Load(), Limited: d.counts.Limited.Load(),
		Injected: []metrics.Injection{
			{By: "raw", Sent: d.counts.Raw.Sent.Load(), Failed: d.counts.Raw.Unsent.Load()},
			{By: "packet", Sent: d.counts.Packet.Sent.Load(), Failed: d.counts.Packet.Unsent.Load()},
		},
	}
	for h := queue.HookLocalIn; h <= queue.HookLocalOut; h++ {
		for f := range fates {
			var n uint64
			for _, w := range d.workers {
				n += w.tally[h][f].Load()
			}
			s.Packets = append(s.Packets, metrics.PacketCount{Hook: hookNames[h], Verdict: f.String(), Packets: n})
		}
	}
	states := map[uint16]queue.State{}
	if d.status != nil {
		list, _ := d.status.Read(d.journal.Queue, d.numbers()) // what can't be read isn't shown
		for _, q := range list {
			states[q.Number] = q
		}
	}
	for i := range d.numbers() {
		var q metrics.Queue
		number := d.journal.Queue + uint16(i)
		q.State, q.Known = states[number]
		q.Number = number
		if i < len(d.workers) {
			q.Served = d.workers[i].served // also what it takes from its other queue
		}
		s.Queues = append(s.Queues, q)
	}
	return s
}

// maxStates is how many connections there may be for their states to be
// counted: while that is done, packets wait for a part of the table.
const maxStates = 1 << 20

// Counts implements control.Counter: conns; packets/HOOK/FATE;
// verdict/VERDICT/REASON; state/PROTOCOL/STATE, of the connections, while there
// are no more than a million; queue/NUMBER/waiting, full, unread; injected/BY,
// refused/BY; truncated; limited.
func (b *backend) Counts() (all []control.Count) {
	s := b.figures()
	add := func(n uint64, name ...string) {
		all = append(all, control.Count{Name: strings.Join(name, "/"), N: n})
	}
	add(uint64(s.Conns), "conns")
	for _, p := range s.Packets {
		add(p.Packets, "packets", p.Hook, p.Verdict)
	}
	for _, r := range s.Reasons {
		add(r.Packets, "verdict", strings.ToLower(r.Verdict.String()), string(r.Reason))
	}
	if s.Conns <= maxStates {
		for _, x := range b.States() {
			add(uint64(x.Conns), "state", packet.ProtoName(x.Protocol), x.State)
		}
	}
	for _, q := range s.Queues {
		if n := strconv.Itoa(int(q.Number)); q.Known {
			add(q.Waiting, "queue", n, "waiting")
			add(q.Full, "queue", n, "full")
			add(q.Unread, "queue", n, "unread")
		}
	}
	for _, i := range s.Injected {
		add(i.Sent, "injected", i.By)
		add(i.Failed, "refused", i.By)
	}
	add(s.Truncated, "truncated")
	add(s.Limited, "limited")
	return all
}
