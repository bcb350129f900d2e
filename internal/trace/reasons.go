package trace

import (
	"slices"
	"strings"

	"goipvs/hooks"
	"goipvs/internal/host"
	"goipvs/internal/live/handed"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// Reasons returns what there is to know about every reason, in order of their
// names. A reason that several packages give is there once: their meanings are
// the same, and the hooks' words are taken.
func Reasons() []packet.ReasonDoc {
	all := slices.Concat(hooks.Reasons, xmit.Reasons, sched.Reasons, host.Reasons, handed.Reasons)
	slices.SortStableFunc(all, func(a, b packet.ReasonDoc) int { return strings.Compare(string(a.Reason), string(b.Reason)) })
	return slices.CompactFunc(all, func(a, b packet.ReasonDoc) bool { return a.Reason == b.Reason })
}

var reasons = func() map[packet.Reason]packet.ReasonDoc {
	m := map[packet.Reason]packet.ReasonDoc{}
	for _, d := range Reasons() {
		m[d.Reason] = d
	}
	return m
}()

// Lookup returns what there is to know about a reason; false: it is none.
func Lookup(r packet.Reason) (packet.ReasonDoc, bool) {
	d, ok := reasons[r]
	return d, ok
}
