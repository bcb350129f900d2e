package nfct

import (
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
)

// Dir is a direction of a connection.
type Dir uint8

// The directions: that of the first packet, and the other.
const (
	Original Dir = iota
	Reply
)

// Ref is what a packet has of connection tracking: its connection, if it has
// one. The zero value is a packet that was not looked at, or is invalid.
//
// Kernel: struct sk_buff, _nfct.
type Ref struct {
	conn      *Conn
	dir       Dir
	related   bool // an ICMP error about the connection
	untracked bool // not to be looked at
}

// Confirmed reports whether the packet's connection is in the table.
func (r *Ref) Confirmed() bool { return r.conn != nil && r.conn.confirmed }

// Known reports whether the packet has a connection.
func (r *Ref) Known() bool { return r.conn != nil }

// Conn is a tracked connection.
//
// Kernel: include/net/netfilter/nf_conntrack.h, struct nf_conn (6.1).
type Conn struct {
	tuple     [2]Tuple
	timeout   time.Duration // of a connection that isn't confirmed yet
	expires   time.Duration // of one that is
	confirmed bool
	dead      bool
	seenReply bool
	assured   bool

	tcp    tcpConn
	sctp   sctpConn
	stream time.Duration // when a UDP exchange counts as a stream

	adjusts bool // an application may change lengths
	adj     [2]conntrack.SeqAdj
}

// refresh renews the connection's time.
//
// Kernel: nf_conntrack_core.c, __nf_ct_refresh_acct (6.1).
func (c *Conn) refresh(now, by time.Duration) {
	if c.confirmed {
		c.expires = now + by
	} else {
		c.timeout = by
	}
}

// MostConns is how many connections a machine of some memory tracks: beyond,
// packets that would make one are dropped.
//
// Kernel: nf_conntrack_core.c, nf_conntrack_init_start (6.1).
const MostConns = 262144

// Table is the connections that a host tracks. It is not safe for concurrent
// use.
type Table struct {
	Newer bool // it is that of Linux 7.3

	conns map[Tuple]entry
	count int
}

// entry is a connection under one of its tuples.
type entry struct {
	conn *Conn
	dir  Dir
}

// NewTable returns an empty table.
func NewTable() *Table { return &Table{conns: make(map[Tuple]entry)} }

// find looks a tuple up. What has expired is not found, and gone.
//
// Kernel: nf_conntrack_core.c, ____nf_conntrack_find (6.1).
func (t *Table) find(k Tuple, now time.Duration) (entry, bool) {
	e, ok := t.conns[k]
	if ok && e.conn.expires <= now {
		t.kill(e.conn)
		return entry{}, false
	}
	return e, ok
}

// kill takes a connection out of the table. It reports whether it was there.
//
// Kernel: nf_conntrack_core.c, nf_ct_delete (6.1).
func (t *Table) kill(c *Conn) bool {
	if c.dead {
		return false
	}
	c.dead = true
	if c.confirmed {
		t.count--
	}
	for _, k := range c.tuple {
		if t.conns[k].conn == c {
			delete(t.conns, k)
		}
	}
	return true
}

// full reports whether there is no room for another connection.
//
// Kernel: nf_conntrack_core.c, __nf_conntrack_alloc, early_drop (6.1).
func (t *Table) full(now time.Duration) bool {
	if t.count < MostConns {
		return false
	}
	for _, e := range t.conns {
		if e.conn.expires <= now {
			t.kill(e.conn)
		}
	}
	return t.count >= MostConns
}

// commit puts the packet's connection into the table, if it isn't there. It
// reports false if the packet must be dropped, for there is one already that
// has one of its tuples.
//
// Kernel: nf_conntrack_core.c, __nf_conntrack_confirm (6.1).
func (t *Table) commit(r *Ref, now time.Duration) bool {
	c := r.conn
	if c == nil || c.confirmed || r.dir != Original {
		return true
	}
	if c.dead {
		return false
	}
	for _, k := range c.tuple {
		if e, ok := t.find(k, now); ok {
			return t.resolve(r, e)
		}
	}
	c.confirmed, c.expires = true, now+c.timeout
	t.count++
	for d, k := range c.tuple {
		t.conns[k] = entry{c, Dir(d)}
	}
	return true
}

// resolve decides about a connection that is to be put where another one is.
// Protocols whose packets needn't come in order let the packet join the other
// one. Nothing is translated by netfilter here, so in 6.1 they always may; in 7.3
// only where both directions are the same.
//
// Kernel: nf_conntrack_core.c, nf_ct_resolve_clash (6.1).
func (t *Table) resolve(r *Ref, other entry) bool {
	switch other.conn.tuple[Original].Protocol {
	case packet.ProtoTCP, packet.ProtoSCTP, packet.ProtoICMP, packet.ProtoICMPv6, packet.ProtoGRE, protoDCCP:
		return false
	}
	if t.Newer && other.conn.tuple != r.conn.tuple {
		return false
	}
	r.conn.dead = true
	r.conn = other.conn
	return true
}

// Drop forgets the connection that has a tuple, if there is one.
//
// Kernel: ip_vs_nfct.c, ip_vs_conn_drop_conntrack (6.1).
func (t *Table) Drop(k Tuple, now time.Duration) {
	if e, ok := t.find(k, now); ok {
		t.kill(e.conn)
	}
}

// Resume is called when a family is tracked, again: what TCP connections there
// are have lost their windows meanwhile.
//
// Kernel: nf_conntrack_proto.c, nf_ct_tcp_fixup (6.1).
func (t *Table) Resume(f packet.Family) {
	for _, e := range t.conns {
		if k := &e.conn.tuple[Original]; k.Family == f && k.Protocol == packet.ProtoTCP && e.conn.tcp.state == tcpEstablished {
			e.conn.tcp.seen[Original].maxWin, e.conn.tcp.seen[Reply].maxWin = 0, 0
		}
	}
}

// Redirect says that the packet's connection goes to another host: replies will
// come from there. It has an effect on connections alone that are not in the
// table yet. helped says that an application may change the length of what is
// said.
//
// Kernel: ip_vs_nfct.c, ip_vs_update_conntrack, outin set (6.1).
func (r *Ref) Redirect(addr packet.Addr, port uint16, helped bool) {
	if c := r.unsettled(helped); c != nil {
		k := &c.tuple[Reply]
		k.Src = addr
		if !k.isICMP() {
			k.SPort = port
		}
	}
}

// RedirectReply is Redirect for a connection whose first packet the server sent:
// answers will go to another address.
//
// Kernel: ip_vs_nfct.c, ip_vs_update_conntrack, outin not set (6.1).
func (r *Ref) RedirectReply(addr packet.Addr, port uint16, helped bool) {
	if c := r.unsettled(helped); c != nil {
		k := &c.tuple[Reply]
		k.Dst = addr
		if !k.isICMP() {
			k.DPort = port
		}
	}
}

func (r *Ref) unsettled(helped bool) *Conn {
	c := r.conn
	if c == nil || c.confirmed || c.dead || r.dir != Original {
		return nil
	}
	c.adjusts = c.adjusts || helped && c.tuple[Original].Protocol == packet.ProtoTCP
	return c
}

// Untrack takes a packet that has a connection out of tracking's sight.
//
// Kernel: include/net/ip_vs.h, ip_vs_notrack (6.1).
func (r *Ref) Untrack() {
	if r.conn != nil {
		*r = Ref{untracked: true}
	}
}

// Resize notes that an application made the segment with a sequence number, as
// its sender counts, longer by octets. It reports false where the packet has no
// connection, and the application so can't change it.
//
// Kernel: net/netfilter/nf_conntrack_seqadj.c, nf_ct_seqadj_set (6.1).
func (r *Ref) Resize(seq uint32, by int) bool {
	if r.conn == nil {
		return false
	}
	if by != 0 && r.conn.adjusts {
		r.conn.adj[r.dir].Resize(seq, by)
	}
	return true
}

// Commit puts the packet's connection into the table, and takes the packet out
// of it. It reports false if the packet must be dropped.
//
// Kernel: ip_vs_xmit.c, ip_vs_tunnel_xmit_prepare (6.1).
func (t *Table) Commit(r *Ref, now time.Duration) bool {
	if !t.commit(r, now) {
		return false
	}
	*r = Ref{}
	return true
}
