package hooks

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// The straight way is that of nearly all packets: segments and datagrams of
// connections that there are, to a server on another host by NAT or DR, and back
// by NAT. It does in one go what the hook functions of the point do one after
// the other. A packet about which anything else might be asked takes the long
// way: requests and replies then return false and have changed nothing. So does
// one with a listener, and so the two are compared: with a listener and without
// one the same must happen.

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
	cp, dest := d.plain(s.In(&k))
	if dest == nil {
		s.Unlock()
		return 0, false
	}
	rt := xmit.Way(d.stack, p, cp, dest)
	if rt == nil {
		s.Unlock()
		return 0, false
	}
	lane := &d.lanes[s.Number()]
	lane.tally[countNoReply]++
	lane.ledger.In(dest, len(b))
	d.move(s.Shard, cp, dest, conntrack.Input, b[h.Len:])
	xmit.Straight(d.tracker, p, h, cp, rt)
	cp.InPkts++
	s.Put(cp)
	lane.tally[countRequest]++
	s.Unlock()
	d.stack.LocalOut(p)
	return xmit.Stolen, true
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
	cp, dest := d.plain(s.Out(&k))
	if dest == nil || sched.Forward(cp.Forward()) != sched.Masq {
		return 0, false
	}
	lane := &d.lanes[s.Number()]
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

// plain returns a connection and its server, which takes packets; nil if cp is
// nil, or has something about it that asks for the long way.
func (d *Director) plain(cp *conntrack.Conn) (*conntrack.Conn, *sched.Dest) {
	if cp == nil || !cp.Plain() {
		return nil, nil
	}
	dest := d.table.Dest(cp.DestID)
	if dest == nil || !dest.Available {
		return nil, nil
	}
	return cp, dest
}

// move lets the state machine see a packet.
func (d *Director) move(s *conntrack.Shard, cp *conntrack.Conn, dest *sched.Dest, dir conntrack.Direction, l4 []byte) {
	if _, active, _ := d.machines.Transition(s, cp, cp.Protocol, dir, l4); active != 0 {
		dest.SetActive(active > 0)
	}
}
