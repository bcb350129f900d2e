package hooks

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// The straight way is that of nearly all packets: segments and datagrams of
// connections that there are, to a server, and back by NAT. It does in one go
// what the hook functions of the point do one after the other. A packet about
// which anything else might be asked takes the long way: straight then returns
// false and has changed nothing. So does one with a listener, and so the two are
// compared: with a listener and without one the same must happen.

// winding are the modes in which no packet goes straight.
const winding = asksServers | ownTimeouts

// Where the decisions about such a packet are counted.
var (
	countNoReply = place(xmit.Accept, ReasonNoConn)
	countRequest = place(xmit.Stolen, ReasonRequest)
	countNoError = place(xmit.Accept, ReasonProtocol)
	countReply   = place(xmit.Accept, ReasonReply)
	countReroute = place(xmit.Stolen, ReasonReroute)
)

// straight is Hook for a packet with a plain header, if it may go straight.
func (d *Director) straight(pt Point, p *packet.Packet, h *packet.Header) (v xmit.Verdict, done bool) {
	if p.Ours || p.Route == nil {
		return 0, false
	}
	switch pt {
	case LocalIn:
		if p.Kind == packet.ToHost && !p.FromLoopback() {
			return d.straightIn(p, h)
		}
	case Forward:
		return d.straightOut(p, h)
	}
	return 0, false
}

// straightIn is Reply, which finds no connection, and RemoteRequest.
//
// Kernel: ip_vs_core.c, ip_vs_out_hook, ip_vs_in_hook (6.1).
func (d *Director) straightIn(p *packet.Packet, h *packet.Header) (xmit.Verdict, bool) {
	b := p.Data()
	var k conntrack.Key
	key(h, b, &k)
	if opens(b, h) || d.conns.HasClientPort(k.VPort) {
		return 0, false
	}
	s := d.conns.Spot(&k.Client, k.Protocol, k.CPort)
	s.Lock()
	cp := s.In(&k)
	dest := d.plain(cp)
	if dest == nil {
		s.Unlock()
		return 0, false
	}
	lane := &d.lanes[s.Number()]
	lane.tally[countNoReply]++
	lane.ledger.In(dest, len(b))
	d.move(s.Shard, cp, dest, conntrack.Input, b[h.Len:])
	rt := xmit.Way(d.stack, p, cp, dest)
	if rt == nil {
		return d.transmit(s.Shard, p, h, cp, dest), true
	}
	xmit.Straight(d.tracker, p, h, cp, rt)
	cp.InPkts++
	s.Put(cp)
	lane.tally[countRequest]++
	s.Unlock()
	d.stack.LocalOut(p)
	return xmit.Stolen, true
}

// transmit is the rest of straightIn where there is no xmit.Way.
func (d *Director) transmit(s *conntrack.Shard, p *packet.Packet, h *packet.Header, cp *conntrack.Conn, dest *sched.Dest) xmit.Verdict {
	x := d.context()
	v := x.Transmit(&xmit.Call{Packet: p, Header: *h, Conn: cp, Shard: s, Dest: dest})
	cp.InPkts++
	s.Put(cp)
	why := ReasonRequest
	if x.Dropped != "" {
		why = x.Dropped
	}
	d.lanes[s.Number()].tally[place(v, why)]++
	s.Unlock()
	x.Flush()
	return v
}

// straightOut is ForwardICMP, which looks at no other protocol, and Reply.
//
// Kernel: ip_vs_core.c, ip_vs_out_hook, handle_response (6.1).
func (d *Director) straightOut(p *packet.Packet, h *packet.Header) (xmit.Verdict, bool) {
	b := p.Data()
	var k conntrack.Key
	key(h, b, &k)
	if !d.conns.HasClientPort(k.VPort) {
		return 0, false
	}
	s := d.conns.Spot(&k.Virtual, k.Protocol, k.VPort)
	s.Lock()
	defer s.Unlock()
	lane := &d.lanes[s.Number()]
	cp := s.Out(&k)
	if cp == nil {
		lane.tally[countNoError]++
		lane.tally[countNoReply]++
		return xmit.Accept, true
	}
	dest := d.plain(cp)
	if dest == nil || sched.Forward(cp.Forward()) != sched.Masq {
		return 0, false
	}
	lane.tally[countNoError]++
	xmit.SNAT(p, h, cp)
	if !d.reroute(Forward, p) {
		s.Put(cp)
		lane.tally[countReroute]++
		return xmit.Stolen, true
	}
	lane.ledger.Out(dest, len(b))
	d.move(s.Shard, cp, dest, conntrack.Output, b[h.Len:])
	p.Ours = true
	xmit.TrackReply(d.tracker, p, cp, false)
	s.Put(cp)
	lane.tally[countReply]++
	return xmit.Accept, true
}

// plain returns a connection's server; nil if there is no connection, it has no
// server that takes packets, or something about it asks for the long way.
func (d *Director) plain(cp *conntrack.Conn) *sched.Dest {
	if cp == nil || !cp.Plain() {
		return nil
	}
	dest := d.table.Dest(cp.DestID)
	if dest == nil || !dest.Available {
		return nil
	}
	return dest
}

// move lets the state machine see a packet.
func (d *Director) move(s *conntrack.Shard, cp *conntrack.Conn, dest *sched.Dest, dir conntrack.Direction, l4 []byte) {
	if _, active, _ := d.machines.Transition(s, cp, cp.Protocol, dir, l4); active != 0 {
		dest.SetActive(active > 0)
	}
}
