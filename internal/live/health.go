package live

import (
	"fmt"

	"goipvs/internal/live/queue"
)

// health tells the user of what went wrong with packets, each time that more of
// it did. It is one goroutine's, which must be in the daemon's network
// namespace to hear of the kernel's losses.
type health struct {
	full, unread, unsent, truncated, limited told
}

// told is a count that the user knows of.
type told uint64

// more returns by how much a count grew.
func (t *told) more(now uint64) uint64 {
	n := now - uint64(*t)
	*t = told(now)
	return n
}

// check returns what is new, a sentence each.
func (h *health) check(c *Counters, l queue.Loss) (news []string) {
	for _, x := range []struct {
		t    *told
		now  uint64
		what string
	}{
		{&h.full, l.Full, "%d packets dropped: too many are waiting, goipvs is too slow"},
		{&h.unread, l.Unread, "%d packets dropped: the queues' buffers are full, goipvs is too slow"},
		{&h.unsent, c.Raw.Unsent.Load() + c.Packet.Unsent.Load(), "%d packets dropped on their way out: no neighbour, a rule, or the links are too slow"},
		{&h.truncated, c.Truncated.Load(), "%d packets dropped: longer than the kernel hands out"},
		{&h.limited, c.Limited.Load(), "%d ICMP errors not sent: too many (net.ipv4.icmp_ratelimit and others)"},
	} {
		if n := x.t.more(x.now); n > 0 {
			news = append(news, fmt.Sprintf(x.what, n))
		}
	}
	return news
}
