package trace

import (
	"sync"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/packet"
)

// IDs are the numbers of connections, from 1 in the order in which they are told
// of. Several Recorders may share them; they are safe for concurrent use.
type IDs struct {
	Most int // so many are remembered; one that was forgotten gets another number. 0: all

	mu    sync.Mutex
	ids   map[conntrack.Ref]int
	last  int
	early map[conntrack.Ref]packet.Reason // why a connection is about to end before its time
}

// of returns a connection's number; 0 is that of none.
func (x *IDs) of(ref conntrack.Ref) int {
	if ref == 0 {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if id, ok := x.ids[ref]; ok {
		return id
	}
	if x.ids == nil {
		x.ids = map[conntrack.Ref]int{}
	}
	if x.Most > 0 && len(x.ids) >= x.Most {
		for any := range x.ids {
			delete(x.ids, any)
			break
		}
	}
	x.last++
	x.ids[ref] = x.last
	return x.last
}

// forget forgets a connection that ended: what comes in its place gets a number
// of its own.
func (x *IDs) forget(ref conntrack.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.ids, ref)
	delete(x.early, ref)
}

// ends notes why a connection is made to end before its time. The event of its
// end tells only that its timer fired: it is returned with that reason.
func (x *IDs) ends(e packet.Event) packet.Event {
	switch e := e.(type) {
	case hooks.Changed:
		if e.Why != hooks.ReasonReused && e.Why != hooks.ReasonReplaced {
			break
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.early == nil {
			x.early = map[conntrack.Ref]packet.Reason{}
		}
		if x.Most == 0 || len(x.early) < x.Most {
			x.early[e.Conn.Ref()] = e.Why
		}
	case hooks.Ended:
		x.mu.Lock()
		defer x.mu.Unlock()
		if why, ok := x.early[e.Conn.Ref()]; ok && e.Why == hooks.ReasonTimedOut {
			e.Why = why
			return e
		}
	}
	return e
}

// Ended has the number of a connection forgotten that nobody is told of.
func (x *IDs) Ended(c *conntrack.Conn) { x.forget(c.Ref()) }
