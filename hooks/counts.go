package hooks

import (
	"cmp"
	"slices"
	"sync/atomic"

	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// ReasonCount is how many packets left a hook function with a verdict for a
// reason.
type ReasonCount struct {
	Verdict xmit.Verdict
	Reason  packet.Reason
	Packets uint64
}

// Reasons returns how often each verdict was given for each reason since the
// director was made, those that were given: by verdict, then by reason. Each
// hook function that looks at a packet decides once: a request at LOCAL_IN is
// counted by Reply, which finds no connection, and by RemoteRequest. What a
// transmitter gives up counts under the transmitter's reason (Stolen,
// ttl-expired), not as a request. May be called at any time; it delays packets
// by no more than a look at one part of the table's counters.
func (d *Director) Reasons() []ReasonCount {
	var sum tally
	for i := range d.lanes {
		s := d.conns.ShardAt(i)
		s.Lock()
		for at, n := range d.lanes[i].tally {
			sum[at] += n
		}
		s.Unlock()
	}
	for i := range d.loose {
		for at := range sum {
			sum[at] += d.loose[i][at].Load()
		}
	}
	var all []ReasonCount
	for at, n := range sum {
		if n > 0 {
			all = append(all, ReasonCount{xmit.Verdict(at % verdicts), reasons[at/verdicts], n})
		}
	}
	slices.SortFunc(all, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

const verdicts = int(xmit.Stolen) + 1

// reasons are those that a verdict can have; those that most packets have come
// first. A test compares the list with the constants.
var reasons = [...]packet.Reason{
	ReasonRequest, ReasonReply, ReasonNoConn, ReasonOurs, ReasonProtocol,

	ReasonNoHooks, ReasonNotHost, ReasonNotRouted, ReasonNotError, ReasonBadICMP,
	ReasonQuotedFrag, ReasonOtherTunnel, ReasonLaterFrag, ReasonNotNew, ReasonNoService, ReasonRelatedOnly,
	ReasonFTPData, ReasonOwnReply, ReasonFTPNeighbour,

	xmit.ReasonTracking, ReasonCutOff, ReasonICMPFragment, ReasonChecksum, ReasonOldTracking, ReasonNoServer, ReasonNoDest, ReasonLoad,
	ReasonMemory, ReasonPersistence, ReasonServerAsks, ReasonTunnelError, ReasonWaiting, ReasonHelper, ReasonReroute,

	xmit.ReasonNoRoute, xmit.ReasonCrossing, xmit.ReasonTTL, xmit.ReasonTooBig, xmit.ReasonTunnelMTU,
	xmit.ReasonTruncated, xmit.ReasonLoopback, xmit.ReasonBadQuote,
}

// others are the places in reasons of all but the first five.
var others = func() map[packet.Reason]int {
	m := map[packet.Reason]int{}
	for i, r := range reasons[5:] {
		m[r] = 5 + i
	}
	return m
}()

// tally counts by reason and verdict.
type tally [len(reasons) * verdicts]uint64

// place is where a tally counts a verdict and its reason.
func place(v xmit.Verdict, why packet.Reason) int {
	i := 0
	switch why {
	case ReasonRequest:
	case ReasonReply:
		i = 1
	case ReasonNoConn:
		i = 2
	case ReasonOurs:
		i = 3
	case ReasonProtocol:
		i = 4
	default:
		i = others[why]
	}
	return i*verdicts + int(v)
}

// lane is what belongs to one part of the connection table, whose lock guards
// it: so packets that are handled at the same time count in different places.
type lane struct {
	ledger   *sched.Ledger
	tally    tally
	listener packet.Listener // of the packet that has the shard's lock
	_        [64]byte        // keeps two lanes off one cache line
}

// loose counts the decisions that need no lock. Packets of different hosts count
// in different ones.
type loose [len(reasons) * verdicts]atomic.Uint64

// count counts a decision.
func (c *call) count(v xmit.Verdict, why packet.Reason) {
	if c.x.Dropped != "" {
		why = c.x.Dropped
	}
	at := place(v, why)
	if c.lane != nil {
		c.lane.tally[at]++
		return
	}
	// The next hook function may come to a lock.
	if c.uncounted == len(c.decided) {
		c.countLoose()
	}
	c.decided[c.uncounted] = uint16(at)
	c.uncounted++
}

// countLoose counts the decisions made without a lock.
func (c *call) countLoose() {
	l := &c.d.loose[(c.h.Src.Fold()^c.h.Dst.Fold())%uint32(len(c.d.loose))]
	for _, at := range c.decided[:c.uncounted] {
		l[at].Add(1)
	}
	c.uncounted = 0
}
