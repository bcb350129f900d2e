package live

import (
	"goipvs/internal/live/metrics"
	"goipvs/internal/live/queue"
)

// openMetrics listens where metrics are wanted.
func (d *daemon) openMetrics() (err error) {
	if d.Metrics == "" {
		return nil
	}
	if d.status, err = queue.OpenStatus(); err == nil {
		d.opened(d.status.Close)
	} // else the kernel's side isn't known
	if d.metrics, err = metrics.Listen(d.Metrics, metrics.NewCollector(d.snapshot)); err == nil {
		d.opened(d.metrics.Close)
	}
	return err
}

// hookNames are the label values of metrics.
var hookNames = [...]string{queue.HookLocalIn: "local_in", queue.HookForward: "forward", queue.HookLocalOut: "local_out"}

// snapshot is what metrics show. It may be called from any goroutine.
func (d *daemon) snapshot() *metrics.Snapshot {
	s := &metrics.Snapshot{
		Reasons: d.director.Reasons(), Conns: d.director.NumConns(),
		Truncated: d.counts.Truncated.Load(), Limited: d.counts.Limited.Load(),
		Injected: []metrics.Injection{{By: "raw", Sent: d.counts.Sent.Load(), Failed: d.counts.Unsent.Load()}},
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
		list, _ := d.status.Read(d.journal.Queue, d.Queues) // what can't be read isn't shown
		for _, q := range list {
			states[q.Number] = q
		}
	}
	for i, w := range d.workers {
		q := metrics.Queue{Served: w.served}
		number := d.journal.Queue + uint16(i)
		q.State, q.Known = states[number]
		q.Number = number
		s.Queues = append(s.Queues, q)
	}
	d.director.View(s.AddServices)
	return s
}
