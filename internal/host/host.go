package host

import (
	"time"

	"goipvs/hooks"
	"goipvs/internal/nfct"
	"goipvs/packet"
	"goipvs/xmit"
)

// Sink gets what leaves the host, in order. Data is valid during the call only
// and must not be changed.
type Sink interface {
	// Frame gets an Ethernet frame sent by an interface, without FCS and not
	// padded.
	Frame(ifname string, frame []byte)
	// Local gets a datagram that passed LOCAL_IN.
	Local(datagram []byte)
}

// Hooks is what the host calls at its hook points; hooks.Director is one.
type Hooks interface {
	// Hook handles p at a hook point. With xmit.Stolen p is no longer the
	// host's.
	Hook(pt hooks.Point, p *packet.Packet) xmit.Verdict
	// Active reports whether there are hooks for a family.
	Active(f packet.Family) bool
}

// Config is what a Host is made from.
type Config struct {
	Sink     Sink
	Now      time.Duration   // the clock's reading at the start
	Random   func() uint32   // for identifications of headers made here; nil: a fixed sequence
	Listener packet.Listener // gets the events of every packet; nil: none
	Kernel   hooks.Kernel    // whose rules hold where versions differ
}

// Host is one emulated host. It is not safe for concurrent use: one goroutine
// configures it and feeds it.
type Host struct {
	sink     Sink
	hooks    Hooks
	listener packet.Listener
	kernel   hooks.Kernel
	random   func() uint32
	now      time.Duration
	next     time.Duration // when the next timer is due; 0: none

	ifaces             []*iface // by index; there is no 0
	own4               map[packet.Addr]struct{}
	v4, v6             *fib
	gen                uint32 // of the routing tables
	forward4, forward6 bool
	defrag4, defrag6   bool // netfilter puts fragments together before routing
	marks              []markRule
	pmtus              pmtuTimers
	known              map[knownKey]*packet.Route // routes to neighbours by name, of this generation

	neighs map[neighKey]*neigh
	asked  []neighKey // neighbours that are being asked for, by deadline

	tracks [2]int // how many ask for connection tracking, of IPv4 and IPv6
	track  *nfct.Table

	frags  [2]fragTable // of IPv4 and IPv6
	errors errorRate
	// errorBusy: an ICMP error of a family, IPv4 and IPv6, is on its way out.
	errorBusy [2]bool
	looped    []*packet.Packet // sent by the loopback interface, not yet received

	rx, tx       packet.Packet // the packet being received, the fragment being sent
	rxbuf, txbuf []byte
}

// New makes a host with a loopback interface that is up, without hooks, and
// with the ambient settings of a test director: no redirects, no reverse-path
// filter, no rate limit on ICMP errors, no forwarding.
func New(c Config) *Host {
	h := &Host{
		sink: c.Sink, listener: c.Listener, kernel: c.Kernel, random: c.Random, now: c.Now,
		ifaces: make([]*iface, 1), gen: 1,
		own4: make(map[packet.Addr]struct{}),
		v4:   newFIB(packet.IPv4), v6: newFIB(packet.IPv6),
		neighs: make(map[neighKey]*neigh),
		track:  nfct.NewTable(),
	}
	h.track.Newer = c.Kernel == hooks.Linux7_3
	if h.random == nil {
		h.random = sequence()
	}
	h.frags[0].timeout, h.frags[1].timeout = fragTime4, fragTime6
	h.frags[0].kernel, h.frags[1].kernel = memory(c.Kernel), memory(c.Kernel)
	lo := &iface{name: loopbackName, kind: loopback, mtu: loopbackMTU, up: true}
	h.addIface(lo)
	// Neither fails on a host without addresses.
	_ = h.addAddr4(lo, packet.Addr{127, 0, 0, 1}, 8)
	_ = h.addAddr6(lo, packet.Addr{15: 1}, 128)
	return h
}

// sequence is a fixed sequence of numbers that look random (a Weyl sequence,
// mixed).
func sequence() func() uint32 {
	var x uint32
	return func() uint32 {
		x += 0x9e3779b9
		z := (x ^ x>>16) * 0x85ebca6b
		z = (z ^ z>>13) * 0xc2b2ae35
		return z ^ z>>16
	}
}

// SetHooks sets what is called at the hook points; nil means nothing.
func (h *Host) SetHooks(k Hooks) { h.hooks = k }

// SetForwarding sets net.ipv4.ip_forward or net.ipv6.conf.all.forwarding.
func (h *Host) SetForwarding(f packet.Family, on bool) {
	if f == packet.IPv4 {
		h.forward4 = on
	} else if h.forward6 != on {
		h.forward6 = on
		if !on {
			h.v6.remove(func(e *entry) bool { return e.typ == anycastRoute })
		}
		for _, d := range h.ifaces[1:] {
			for i := range d.addr6 {
				if on {
					h.joinAnycast(d, &d.addr6[i])
				}
			}
		}
	}
	h.changed()
}

// EnableDefrag says that netfilter puts fragments of a family together at
// PREROUTING and LOCAL_OUT, from now on: for IPv6 once the first service or
// server of that family was added (the host also finds out by Hooks.Active),
// and for either while connections are tracked (see Track).
//
// Kernel: nf_defrag_ipv4_enable, nf_defrag_ipv6_enable (6.1).
func (h *Host) EnableDefrag(f packet.Family) {
	if f == packet.IPv4 {
		h.defrag4 = true
	} else {
		h.defrag6 = true
	}
}

// defragments reports whether fragments of a family are put together before
// they are routed.
func (h *Host) defragments(f packet.Family) bool {
	if h.tracks[f/packet.IPv6] > 0 {
		return true
	}
	if f == packet.IPv4 {
		return h.defrag4
	}
	// IPVS asks for it with a family's first service and never takes it back.
	h.defrag6 = h.defrag6 || h.hooks != nil && h.hooks.Active(f)
	return h.defrag6
}

// Receive handles an Ethernet frame that arrives by an interface. The frame
// stays the caller's. Errors: ErrNoDevice.
func (h *Host) Receive(ifname string, frame []byte, now time.Duration) error {
	d, err := h.device(ifname)
	if err != nil {
		return err
	}
	if d.kind != Ethernet {
		return ErrNoDevice
	}
	h.Advance(now)
	h.receive(d, frame)
	h.drain()
	return nil
}

// SendLocal handles a datagram that a process of this host sends through a raw
// socket with its header included (IP_HDRINCL): it is routed by its destination
// and passes LOCAL_OUT. The datagram stays the caller's. Errors: those that
// sendto(2) returns before LOCAL_OUT (ErrUnreachable, ErrNoHost, ErrDenied,
// ErrMessageSize, ErrInvalid); they say why nothing was sent and are no fault of
// the caller's.
func (h *Host) SendLocal(datagram []byte, now time.Duration) error {
	h.Advance(now)
	err := h.sendRaw(datagram)
	h.drain()
	return err
}

// Advance moves the clock to now, which is not before the last: what is due by
// then expires, in order of time, with the ICMP errors that this causes
// (reassembly, neighbours that don't answer). Receive and SendLocal do it
// themselves.
func (h *Host) Advance(now time.Duration) {
	for h.next != 0 && h.next <= now {
		h.now = max(h.now, h.next)
		h.next = 0
		h.expire()
		h.drain()
	}
	h.now = max(h.now, now)
}

// Next returns when Advance has something to do next, and whether it has.
func (h *Host) Next() (time.Duration, bool) { return h.next, h.next != 0 }

// Now returns the host's time: while a timer fires, when it does.
func (h *Host) Now() time.Duration { return h.now }

// arm sees to it that Advance looks at the timers at a time.
func (h *Host) arm(at time.Duration) {
	if h.next == 0 || at < h.next {
		h.next = max(at, 1)
	}
}

// expire does what is due now and arms the next timer.
func (h *Host) expire() {
	h.pmtus.expire(h.now)
	if len(h.pmtus) > 0 {
		h.arm(h.pmtus[0].at)
	}
	for len(h.asked) > 0 {
		if n := h.neighs[h.asked[0]]; n.known || n.deadline <= h.now {
			h.expireNeigh()
			continue
		}
		h.arm(h.neighs[h.asked[0]].deadline)
		break
	}
	for i := range h.frags {
		t := &h.frags[i]
		for t.first != nil && t.first.deadline <= h.now {
			h.expireFrags(t, t.first)
		}
		if t.first != nil {
			h.arm(t.first.deadline)
		}
	}
}

// drain receives what the loopback interface was given.
func (h *Host) drain() {
	for len(h.looped) > 0 {
		p := h.looped[0]
		h.looped[0] = nil
		h.looped = h.looped[1:]
		h.receiveIP(p, h.ifaces[p.InIf])
	}
	h.looped = nil
}

// hook calls the hooks of a point. It reports whether p goes on.
func (h *Host) hook(pt hooks.Point, p *packet.Packet) bool {
	if h.hooks == nil {
		return true
	}
	switch h.hooks.Hook(pt, p) {
	case xmit.Accept:
		return true
	case xmit.Drop:
		h.drop(p, ReasonHook, "nf_hook_slow")
	}
	return false
}

// keep returns a copy of p that lasts.
func (h *Host) keep(p *packet.Packet) *packet.Packet {
	q := new(packet.Packet)
	*q = *p
	b := make([]byte, packet.Headroom+p.Len())
	copy(b[packet.Headroom:], p.Data())
	q.Replace(b)
	q.Pull(packet.Headroom)
	return q
}

// drop reports why a packet ends here.
func (h *Host) drop(p *packet.Packet, why packet.Reason, in string) {
	if p.Listener != nil {
		p.Listener.Event(p, Dropped{Why: why, In: in})
	}
}

var (
	_ xmit.Stack   = (*Host)(nil)
	_ xmit.Tracker = (*Host)(nil)
	_ xmit.Clock   = (*Host)(nil)
)
