package host

import (
	"slices"
	"time"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

// fragUser says who puts fragments together: each at its own.
//
// Kernel: include/net/ip.h, enum ip_defrag_users (6.1).
type fragUser uint8

const (
	userLocal      fragUser = iota // before LOCAL_IN
	userPreRouting                 // netfilter
	userLocalOut                   // netfilter
	userIPVS                       // from here on xmit.DefragUser
)

// Limits of reassembly.
//
// Kernel: include/net/ip.h, IP_FRAG_TIME; include/net/ipv6.h,
// IPV6_FRAG_TIMEOUT, IPV6_FRAG_HIGH_THRESH; net/ipv4/ip_fragment.c,
// ipv4_frags_init_net (6.1).
const (
	fragTime4    = 30 * time.Second
	fragTime6    = 60 * time.Second
	fragHighMem  = 4 << 20 // octets of buffers, beyond which fragments are dropped
	fragMaxDist  = 64      // fragments of the same sender between two of one datagram
	fragQueueMem = 200
	fragPeers    = 65536 // senders whose fragments are counted
)

// fragKey is what the fragments of one datagram have in common. IPv6 has no
// protocol in it.
//
// Kernel: struct frag_v4_compare_key, struct frag_v6_compare_key.
type fragKey struct {
	src, dst packet.Addr
	id       uint32
	iif      int // IPv6 multicasts and link-local addresses only
	proto    uint8
	user     fragUser
}

// fragTable is the reassembly of one family.
//
// Kernel: struct fqdir.
type fragTable struct {
	timeout     time.Duration
	kernel      memory
	queues      map[fragKey]*fragQueue
	first, last *fragQueue // by deadline: all live equally long
	mem         int
	peers       map[packet.Addr]uint32 // IPv4: how many fragments a sender sent
}

// fragQueue is an incomplete datagram. Adjacent fragments that came in order are
// one run.
//
// Kernel: struct inet_frag_queue with struct ipq or frag_queue.
type fragQueue struct {
	key        fragKey
	prev, next *fragQueue
	deadline   time.Duration
	runs       []fragRun // by offset
	firstIn    bool
	lastIn     bool
	len, meat  int // the datagram's length so far, octets that are here
	maxSize    int // the largest fragment, as the protocol counts it
	maxDF      int // the largest that said don't fragment
	ecn        uint8
	iif        int
	rid        uint32
	mem        int
}

type fragRun struct {
	start, end int
	frags      []frag
}

// frag is a fragment: its packet, of which data is the payload.
type frag struct {
	p      *packet.Packet
	header int // octets before the payload
	data   []byte
}

// outcome of putting a fragment into its queue.
type outcome uint8

const (
	queued outcome = iota
	duplicate
	overlap
)

// find returns the queue of a key, which it makes if need be; nil if too much
// waits already.
//
// Kernel: net/ipv4/inet_fragment.c, inet_frag_find (6.1).
func (t *fragTable) find(h *Host, k fragKey) *fragQueue {
	if t.mem > fragHighMem {
		return nil
	}
	if q := t.queues[k]; q != nil {
		return q
	}
	if t.queues == nil {
		t.queues = make(map[fragKey]*fragQueue)
	}
	q := &fragQueue{key: k, deadline: fires(h.now+t.timeout, fragTick), mem: fragQueueMem}
	t.mem += q.mem
	t.queues[k] = q
	t.link(q)
	h.arm(q.deadline)
	return q
}

// link puts a queue among the others: of those with the same deadline the last
// comes first.
func (t *fragTable) link(q *fragQueue) {
	after := t.last
	for after != nil && after.deadline >= q.deadline {
		after = after.prev
	}
	q.prev = after
	if after != nil {
		q.next, after.next = after.next, q
	} else {
		q.next, t.first = t.first, q
	}
	if q.next != nil {
		q.next.prev = q
	} else {
		t.last = q
	}
}

func (t *fragTable) unlink(q *fragQueue) {
	if q.prev != nil {
		q.prev.next = q.next
	} else {
		t.first = q.next
	}
	if q.next != nil {
		q.next.prev = q.prev
	} else {
		t.last = q.prev
	}
	q.prev, q.next = nil, nil
}

// kill forgets a queue.
//
// Kernel: net/ipv4/inet_fragment.c, inet_frag_kill (6.1).
func (t *fragTable) kill(q *fragQueue) {
	if t.queues[q.key] != q {
		return
	}
	delete(t.queues, q.key)
	t.unlink(q)
	t.mem -= q.mem
}

// tooFar reports whether too many other fragments of the sender came since the
// last of this queue: identifications may have gone round.
//
// Kernel: net/ipv4/ip_fragment.c, ip_frag_too_far (6.1).
func (t *fragTable) tooFar(q *fragQueue) bool {
	if t.peers == nil || len(t.peers) >= fragPeers {
		t.peers = make(map[packet.Addr]uint32)
	}
	start := q.rid
	q.rid = t.peers[q.key.src] + 1
	t.peers[q.key.src] = q.rid
	return len(q.runs) > 0 && q.rid-start > fragMaxDist
}

// reset empties a queue, which lives on as if new.
//
// Kernel: net/ipv4/ip_fragment.c, ip_frag_reinit (6.1).
func (t *fragTable) reset(h *Host, q *fragQueue) {
	t.mem -= q.mem - fragQueueMem
	*q = fragQueue{key: q.key, prev: q.prev, next: q.next, rid: q.rid, maxSize: q.maxSize, maxDF: q.maxDF, mem: fragQueueMem}
	t.unlink(q)
	q.deadline = fires(h.now+t.timeout, fragTick)
	t.link(q)
	h.arm(q.deadline)
}

// insert puts a fragment with the octets from off to end in its place. One that
// overlaps others in part condemns the datagram (RFC 5722 §4); one that is
// there already is ignored.
//
// Kernel: net/ipv4/inet_fragment.c, inet_frag_queue_insert (6.1).
func (q *fragQueue) insert(f frag, off, end int) outcome {
	n := len(q.runs)
	if n == 0 {
		q.runs = append(q.runs, fragRun{off, end, []frag{f}})
		return queued
	}
	if last := &q.runs[n-1]; last.end < end {
		switch {
		case off < last.end:
			return overlap
		case off == last.end:
			last.frags = append(last.frags, f)
			last.end = end
		default:
			q.runs = append(q.runs, fragRun{off, end, []frag{f}})
		}
		return queued
	}
	i, _ := slices.BinarySearchFunc(q.runs, off, func(r fragRun, off int) int {
		if r.end <= off {
			return -1
		}
		return 1
	})
	// runs[i] is the first that ends behind off.
	switch r := &q.runs[i]; {
	case end <= r.start:
		q.runs = slices.Insert(q.runs, i, fragRun{off, end, []frag{f}})
		return queued
	case off >= r.start && end <= r.end:
		return duplicate
	}
	return overlap
}

// account adds a fragment that was queued to the queue's figures.
func (t *fragTable) account(q *fragQueue, p *packet.Packet, off, end int, ecn uint8) {
	if p.InIf != 0 {
		q.iif = p.InIf
	}
	q.meat += end - off
	q.ecn |= ecn
	n := t.kernel.truesize(etherLen + p.Len())
	q.mem += n
	t.mem += n
	if off == 0 {
		q.firstIn = true
	}
}

// complete reports whether all of a datagram is here.
func (q *fragQueue) complete() bool { return q.firstIn && q.lastIn && q.meat == q.len }

// join returns the first fragment, and a buffer with its header and the whole
// payload; skip octets of the header's end are left out.
func (q *fragQueue) join(skip int) (head *frag, buf []byte) {
	head = &q.runs[0].frags[0]
	n := head.header - skip
	buf = make([]byte, packet.Headroom, packet.Headroom+n+q.len)
	buf = append(buf, head.p.Data()[:n]...)
	for i := range q.runs {
		for j := range q.runs[i].frags {
			buf = append(buf, q.runs[i].frags[j].data...)
		}
	}
	return head, buf
}

// pieces returns the cuts of the joined datagram: the fragments behind the
// first. Where coalesce is set, those that find room in the first one's buffer
// are copied there.
//
// Kernel: net/ipv4/inet_fragment.c, inet_frag_reasm_finish;
// net/core/skbuff.c, skb_try_coalesce (6.1, 7.3).
func (q *fragQueue) pieces(coalesce bool, k memory) []piece {
	var ps []piece
	room := 0
	for i := range q.runs {
		for j := range q.runs[i].frags {
			f := &q.runs[i].frags[j]
			switch {
			case i == 0 && j == 0:
				room = k.tailroom(etherLen + f.p.Len())
			case coalesce && len(ps) == 0 && len(f.data) <= room:
				room -= len(f.data)
			default:
				ps = append(ps, piece{len(f.data), f.header})
			}
		}
	}
	return ps
}

// become makes p the joined datagram, with what its first fragment knew.
func (q *fragQueue) become(p *packet.Packet, head *frag, buf []byte) *state {
	s := new(state)
	if o := knownState(head.p); o != nil {
		s.options = o.options
	}
	p.Replace(buf)
	p.Pull(packet.Headroom)
	p.Kind, p.Mark, p.Ours, p.IgnoreDF = head.p.Kind, head.p.Mark, head.p.Ours, head.p.IgnoreDF
	p.Linear = 0
	p.Origin = s
	return s
}

// ecnTable says what the fragments' congestion marks, as a set of bits 1<<ECN,
// make of the datagram's (RFC 3168 §5.3): nothing, CE to be added, or 0xff where
// they contradict each other.
//
// Kernel: net/ipv4/inet_fragment.c, ip_frag_ecn_table (6.1).
func ecnOf(set uint8) (add uint8, ok bool) {
	const (
		notECT = 1 << 0
		ce     = 1 << 3
	)
	if set&notECT != 0 && set != notECT {
		return 0, false
	}
	if set&ce != 0 && set != ce {
		return 3, true
	}
	return 0, true
}

// expireFrags gives up waiting for a datagram's fragments. Its sender is told
// where the first is there; netfilter does so, for IPv4, only at its destination.
//
// Kernel: net/ipv4/ip_fragment.c, ip_expire; include/net/ipv6_frag.h,
// ip6frag_expire_frag_queue (6.1).
func (h *Host) expireFrags(t *fragTable, q *fragQueue) {
	t.kill(q)
	if len(q.runs) == 0 {
		return
	}
	p := q.runs[0].frags[0].p
	h.drop(p, ReasonReassemblyTimeout, "ip_expire")
	if !q.firstIn || q.iif == 0 {
		return
	}
	d := h.ifaces[q.iif]
	p.InIf, p.Loopback = q.iif, d.kind == loopback
	if p.Family == packet.IPv6 {
		p.Route = h.errorRoute(packet.IPv6)
		xmit.ICMPError(h, p, icmp6TimeExceeded, icmp6Reassembly, 0)
		return
	}
	r := h.input4(source(p), destination(p), p.Mark, p.Data()[9], d)
	if r.action == discard || r.action != deliver && (q.key.user == userPreRouting || q.key.user == userLocalOut) {
		return
	}
	p.Route = r.route
	xmit.ICMPError(h, p, icmpTimeExceeded, icmpReassembly, 0)
}

// Sizes of a received frame's buffer: of its description, of what follows its
// octets, of what is kept free before its datagram.
//
// Kernel: include/linux/skbuff.h, struct sk_buff, struct skb_shared_info;
// include/linux/netdevice.h, LL_RESERVED_SPACE (6.1, x86-64).
const (
	linkRoom   = 16
	sizeBuffer = 256
	sizeShared = 320
	pageSize   = 4096
	smallHead  = 704 // the least memory of a frame in 7.3, with sizeShared
)

// memory is how a version's memory allocator rounds sizes.
type memory hooks.Kernel

// alloc is the size of the memory for n octets of a frame.
//
// Kernel: net/core/skbuff.c, __alloc_skb, kmalloc_reserve,
// SKB_SMALL_HEAD_CACHE_SIZE; mm/slab_common.c, kmalloc_info (6.1, 7.3).
func (k memory) alloc(n int) int {
	n = (n+63)&^63 + sizeShared
	if hooks.Kernel(k) == hooks.Linux7_3 && n <= smallHead {
		return smallHead
	}
	size := 512
	for size < n {
		size *= 2
	}
	return size
}

// truesize is the memory that a received frame of n octets takes.
func (k memory) truesize(n int) int { return sizeBuffer + k.alloc(linkRoom+n) }

// tailroom is how many octets fit behind a frame of n octets in its buffer. The
// frame starts two octets in, so that its datagram is aligned; one larger than a
// page lies elsewhere.
//
// Kernel: net/packet/af_packet.c, packet_snd (6.1).
func (k memory) tailroom(n int) int {
	if linkRoom+n >= pageSize {
		return 0
	}
	return k.alloc(linkRoom+n) - sizeShared - (2 + n)
}
