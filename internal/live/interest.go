package live

import (
	"goipvs/internal/live/rules"
	"goipvs/packet"
	"goipvs/sched"
)

// ledger keeps, for one family, what can concern IPVS: what its services and
// servers add up to, and what was of interest before, as long as connections
// may remember it. Changes gather in a delta until it is taken.
type ledger struct {
	services map[sched.ServiceKey]*entry
	requests counts
	replies  counts
	marks    map[uint32]int
	want     *rules.Interest
	delta    rules.Delta
}

// entry is a service with the forwarding methods of its servers.
type entry map[sched.DestKey]sched.Forward

// counts says how many services, or servers, want an endpoint; 0: only
// connections may.
type counts map[rules.Endpoint]int

func newLedger() *ledger {
	return &ledger{
		services: map[sched.ServiceKey]*entry{},
		requests: counts{}, replies: counts{}, marks: map[uint32]int{},
		want: rules.NewInterest(), delta: newDelta(),
	}
}

func newDelta() rules.Delta {
	return rules.Delta{Added: rules.NewInterest(), Gone: rules.NewInterest()}
}

// active reports whether the family has services, and so hooks.
func (l *ledger) active() bool { return len(l.services) > 0 }

func (l *ledger) addService(k sched.ServiceKey) {
	if l.services[k] != nil {
		return
	}
	l.services[k] = &entry{}
	if k.FWMark != 0 {
		if _, ok := l.marks[k.FWMark]; !ok {
			come(k.FWMark, l.want.Marks, l.delta.Added.Marks, l.delta.Gone.Marks)
		}
		l.marks[k.FWMark]++
	}
	for _, e := range requestsOf(k) {
		l.request(e, 1)
	}
}

func (l *ledger) delService(k sched.ServiceKey) {
	s := l.services[k]
	if s == nil {
		return
	}
	for d := range *s {
		l.delDest(k, d)
	}
	delete(l.services, k)
	if k.FWMark != 0 {
		l.marks[k.FWMark]--
	}
	for _, e := range requestsOf(k) {
		l.request(e, -1)
	}
}

func (l *ledger) setDest(k sched.ServiceKey, d sched.DestKey, m sched.Forward) {
	l.delDest(k, d)
	if s := l.services[k]; s != nil {
		(*s)[d] = m
		for _, e := range repliesOf(k, d, m) {
			l.reply(e, 1)
		}
	}
}

func (l *ledger) delDest(k sched.ServiceKey, d sched.DestKey) {
	s := l.services[k]
	if s == nil {
		return
	}
	if m, ok := (*s)[d]; ok {
		delete(*s, d)
		for _, e := range repliesOf(k, d, m) {
			l.reply(e, -1)
		}
	}
}

// request counts a service more or less that wants an endpoint. What is wanted
// no longer stays until retire.
func (l *ledger) request(e rules.Endpoint, n int) {
	if _, ok := l.requests[e]; !ok {
		come(e, l.want.Requests, l.delta.Added.Requests, l.delta.Gone.Requests)
	}
	l.requests[e] += n
}

// reply is request for a server.
func (l *ledger) reply(e rules.Endpoint, n int) {
	if _, ok := l.replies[e]; !ok {
		come(e, l.want.Replies, l.delta.Added.Replies, l.delta.Gone.Replies)
	}
	l.replies[e] += n
}

// come notes what is wanted from now on: of a delta, what was there when the
// last one was taken can only be gone, and what was not only added.
func come[K comparable](k K, want, added, gone map[K]struct{}) {
	want[k] = struct{}{}
	if _, ok := gone[k]; ok {
		delete(gone, k)
	} else {
		added[k] = struct{}{}
	}
}

// leave notes what is wanted no longer.
func leave[K comparable](k K, want, added, gone map[K]struct{}) {
	delete(want, k)
	if _, ok := added[k]; ok {
		delete(added, k)
	} else {
		gone[k] = struct{}{}
	}
}

// take returns what came and went since the last time.
func (l *ledger) take() rules.Delta {
	d := l.delta
	l.delta = newDelta()
	return d
}

// retired reports whether there is anything that only connections may want.
func (l *ledger) retired() bool {
	for _, c := range []counts{l.requests, l.replies} {
		for _, n := range c {
			if n == 0 {
				return true
			}
		}
	}
	for _, n := range l.marks {
		if n == 0 {
			return true
		}
	}
	return false
}

// retire drops what no service and no server wants, nor any connection: those
// are known by their virtual and servers' addresses. A mark cannot be told from
// a connection, so it stays while there is any.
func (l *ledger) retire(addrs map[packet.Addr]struct{}) {
	idle := func(e rules.Endpoint, n int) bool {
		_, used := addrs[e.Addr]
		return n == 0 && !used
	}
	for e, n := range l.requests {
		if idle(e, n) {
			delete(l.requests, e)
			leave(e, l.want.Requests, l.delta.Added.Requests, l.delta.Gone.Requests)
		}
	}
	for e, n := range l.replies {
		if idle(e, n) {
			delete(l.replies, e)
			leave(e, l.want.Replies, l.delta.Added.Replies, l.delta.Gone.Replies)
		}
	}
	for m, n := range l.marks {
		if n == 0 && len(addrs) == 0 {
			delete(l.marks, m)
			leave(m, l.want.Marks, l.delta.Added.Marks, l.delta.Gone.Marks)
		}
	}
}

// FTP's data connections come from and go to other ports than the service's.
const ftpPort = 21

// isakmp is the port by whose connections AH and ESP are balanced.
const isakmp = 500

// transports are the protocols whose ports a firewall-mark service balances.
var transports = []uint8{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP}

// requestsOf returns where requests for a service go.
//
// Kernel: ip_vs_ctl.c, ip_vs_service_find; ip_vs_proto_ah_esp.c (6.1).
func requestsOf(k sched.ServiceKey) []rules.Endpoint {
	if k.FWMark != 0 {
		return nil
	}
	return ports(k.Protocol, k.Addr, k.Port)
}

// repliesOf returns where replies of a server come from: from itself, with NAT,
// else from the service's address, if they come by at all.
func repliesOf(k sched.ServiceKey, d sched.DestKey, m sched.Forward) []rules.Endpoint {
	switch {
	case k.FWMark == 0 && m != sched.Masq:
		return ports(k.Protocol, k.Addr, k.Port)
	case k.FWMark == 0:
		port := d.Port
		if k.Port == 0 || k.Port == ftpPort && k.Protocol == packet.ProtoTCP {
			port = k.Port // any, or FTP's
		}
		all := ports(k.Protocol, d.Addr, port)
		if port != d.Port && port != 0 {
			all = append(all, rules.Endpoint{Protocol: k.Protocol, Addr: d.Addr, Port: d.Port})
		}
		return all
	}
	var all []rules.Endpoint
	for _, p := range transports {
		all = append(all, ports(p, d.Addr, d.Port)...)
	}
	return all
}

// ports returns the endpoints that stand for a port: itself, and what comes
// along with it.
func ports(proto uint8, a packet.Addr, port uint16) []rules.Endpoint {
	e := []rules.Endpoint{{Protocol: proto, Addr: a, Port: port}}
	if proto == packet.ProtoTCP && port == ftpPort {
		e = append(e, rules.Endpoint{Protocol: proto, Addr: a})
	}
	if proto == packet.ProtoUDP && (port == isakmp || port == 0) {
		e = append(e, rules.Endpoint{Protocol: packet.ProtoESP, Addr: a}, rules.Endpoint{Protocol: packet.ProtoAH, Addr: a})
	}
	return e
}
