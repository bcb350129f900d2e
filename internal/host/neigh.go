package host

import (
	"net/netip"
	"slices"
	"time"

	"goipvs/packet"
	"goipvs/xmit"
)

// retransTime is between two of the three times that a neighbour is asked for.
//
// Kernel: net/core/neighbour.c, neigh_timer_handler, with the defaults of
// mcast_solicit and retrans_time (6.1).
const (
	retransTime = time.Second
	solicits    = 3
)

// How many octets of buffers wait for one neighbour, and how many neighbours are
// asked for at a time.
//
// Kernel: net/core/neighbour.c, unres_qlen_bytes, gc_thresh3 (6.1).
const (
	maxUnresolved = 212992
	maxAsked      = 1024
)

// neighKey is a neighbour's address on an interface.
type neighKey struct {
	family packet.Family
	dev    int
	addr   packet.Addr
}

// neigh is a neighbour: a static one, or one that is being asked for in vain.
type neigh struct {
	mac      [6]byte
	known    bool
	waiting  []*packet.Packet
	octets   int // of their buffers
	deadline time.Duration
}

// AddNeigh adds a static neighbour. Errors: ErrNoDevice, ErrExists, ErrInvalid.
func (h *Host) AddNeigh(ifname string, a netip.Addr, mac [6]byte) error {
	d, err := h.device(ifname)
	if err != nil {
		return err
	}
	if !a.IsValid() {
		return ErrInvalid
	}
	addr, f := packet.AddrFrom(a)
	k := neighKey{f, d.index, addr}
	n := h.neighs[k]
	if n == nil {
		n = new(neigh)
		h.neighs[k] = n
	}
	if n.known {
		return ErrExists
	}
	waiting := n.waiting
	*n = neigh{mac: mac, known: true}
	for _, p := range waiting {
		h.frame(p, d, mac)
	}
	return nil
}

// sendTo sends p, which fits, to its next hop on d.
//
// Kernel: net/ipv4/ip_output.c, ip_finish_output2; net/ipv6/ip6_output.c,
// ip6_finish_output2; net/core/neighbour.c, neigh_resolve_output (6.1).
func (h *Host) sendTo(p *packet.Packet, d *iface) {
	to := p.Route.NextHop
	if to.IsZero() {
		to = destination(p)
	}
	if d.kind == Dummy {
		h.drop(p, ReasonDummy, "dummy_xmit")
		return
	}
	n := h.neighs[neighKey{p.Family, d.index, to}]
	switch {
	case n != nil && n.known:
		h.frame(p, d, n.mac)
	case to.IsMulticast(p.Family):
		h.frame(p, d, groupMAC(p.Family, to))
	case p.Family == packet.IPv4 && h.AddrType(packet.IPv4, to) == xmit.AddrBroadcast:
		h.frame(p, d, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	default:
		h.wait(p, d, to)
	}
}

// groupMAC is the Ethernet address of a multicast group (RFC 1112 §6.4, RFC 2464
// §7).
func groupMAC(f packet.Family, a packet.Addr) [6]byte {
	if f == packet.IPv6 {
		return [6]byte{0x33, 0x33, a[12], a[13], a[14], a[15]}
	}
	return [6]byte{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}
}

// wait keeps p while its next hop is being asked for; the oldest go when there
// are too many.
//
// Kernel: net/core/neighbour.c, __neigh_event_send (6.1).
func (h *Host) wait(p *packet.Packet, d *iface, to packet.Addr) {
	k := neighKey{p.Family, d.index, to}
	n := h.neighs[k]
	if n == nil {
		if len(h.asked) >= maxAsked {
			h.drop(p, ReasonNoNeighbour, "neigh_alloc")
			return
		}
		n = h.ask(k)
	}
	if p.Listener != nil {
		p.Listener.Event(p, Unresolved{NextHop: to, Family: p.Family, If: d.name})
	}
	size := memory(h.kernel).truesize(etherLen + p.Len())
	for len(n.waiting) > 0 && n.octets+size > maxUnresolved {
		n.octets -= memory(h.kernel).truesize(etherLen + n.waiting[0].Len())
		h.drop(n.waiting[0], ReasonQueueFull, "__neigh_event_send")
		n.waiting = n.waiting[1:]
	}
	n.waiting = append(n.waiting, h.keep(p))
	n.octets += size
}

// ask begins to ask for a neighbour.
func (h *Host) ask(k neighKey) *neigh {
	n := &neigh{deadline: h.now}
	h.neighs[k] = n
	for range solicits {
		n.deadline = fires(n.deadline+retransTime, retransTick)
	}
	at := len(h.asked)
	for at > 0 && h.neighs[h.asked[at-1]].deadline >= n.deadline {
		at--
	}
	h.asked = slices.Insert(h.asked, at, k)
	h.arm(n.deadline)
	return n
}

// expireNeigh gives up asking for the neighbour asked for first: the senders of
// what waits for it are told.
//
// Kernel: net/core/neighbour.c, neigh_invalidate; net/ipv4/route.c,
// ipv4_link_failure; net/ipv6/route.c, ip6_link_failure (6.1).
func (h *Host) expireNeigh() {
	k := h.asked[0]
	h.asked = h.asked[1:]
	n := h.neighs[k]
	if n.known {
		return
	}
	delete(h.neighs, k)
	for _, p := range n.waiting {
		h.drop(p, ReasonNoNeighbour, "neigh_invalidate")
		xmit.LinkFailure(h, p)
	}
}

// frame gives p with its Ethernet header to the sink.
func (h *Host) frame(p *packet.Packet, d *iface, mac [6]byte) {
	if !d.up {
		h.drop(p, ReasonDown, "dev_queue_xmit")
		return
	}
	if h.isLinkBusiness(p) {
		h.drop(p, ReasonNeighbourBusiness, "ndisc_send_skb")
		return
	}
	if p.Listener != nil {
		p.Listener.Event(p, Transmitted{If: d.name, MAC: mac})
	}
	typ := [2]byte{0x08, 0x00}
	if p.Family == packet.IPv6 {
		typ = [2]byte{0x86, 0xdd}
	}
	b := p.Push(etherLen)
	copy(b, mac[:])
	copy(b[6:], d.mac[:])
	copy(b[12:], typ[:])
	h.sink.Frame(d.name, b)
	p.Pull(etherLen)
}
