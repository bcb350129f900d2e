package host

import (
	"time"

	"goipvs/packet"
)

// The least path MTU that an error may teach, and how long it is believed.
//
// Kernel: net/ipv4/route.c, DEFAULT_MIN_PMTU, DEFAULT_MTU_EXPIRES (6.1).
const (
	minPMTU      = 552
	pmtuLifetime = 10 * time.Minute
)

// exception is what this host learnt about a single destination of a route: a
// smaller path MTU.
//
// Kernel: struct fib_nh_exception.
type exception struct {
	mtu     int
	locked  bool // below the least: fragment rather than believe it
	expires time.Duration
	in, out *packet.Route
}

// exception returns what is known about a destination, nil if nothing.
//
// Kernel: net/ipv4/route.c, find_exception (6.1).
func (h *Host) exception(e *entry, dst packet.Addr) *exception {
	if len(e.exceptions) == 0 {
		return nil
	}
	x := e.exceptions[dst]
	if x == nil || h.now <= x.expires {
		return x
	}
	delete(e.exceptions, dst)
	return nil
}

// UpdatePMTU is xmit.Stack's. Only IPv4 learns: IPVS tells the kernel of no path
// MTU of an IPv6 tunnel.
//
// Kernel: net/ipv4/route.c, ipv4_update_pmtu, __ip_rt_update_pmtu (6.1).
func (h *Host) UpdatePMTU(f packet.Family, src, dst packet.Addr, proto uint8, mtu int) {
	if f != packet.IPv4 {
		return
	}
	fl := flow{family: f, dst: dst, src: src}
	rt, err := h.output4(&fl)
	if err != nil {
		return
	}
	e, err := h.v4.lookup(&fl, h.gen)
	if err != nil || e.dev == nil {
		return
	}
	x := h.exception(e, dst)
	if x != nil && x.locked && h.now < x.expires || h.pathMTU(rt, x) < mtu {
		return
	}
	lock := mtu < minPMTU
	if lock {
		mtu = min(h.pathMTU(rt, x), minPMTU)
	}
	if x != nil && x.mtu == mtu && !lock && h.now < x.expires-pmtuLifetime/2 {
		return
	}
	if x == nil {
		if e.exceptions == nil {
			e.exceptions = make(map[packet.Addr]*exception)
		}
		x = new(exception)
		e.exceptions[dst] = x
		h.learnt(e)
	}
	x.mtu, x.locked, x.expires = mtu, lock, h.now+pmtuLifetime
	if x.out != nil {
		// The kernel changes the routes that are in use, too.
		x.out.MTU = mtu
	}
	if x.in != nil {
		x.in.MTU = x.forwardMTU(e)
	}
	h.pmtus.add(h, x, e)
}

// pathMTU is the path MTU of a route as it is now.
//
// Kernel: net/ipv4/route.c, ipv4_mtu (6.1).
func (h *Host) pathMTU(rt *packet.Route, x *exception) int {
	if x != nil && h.now < x.expires {
		return x.mtu
	}
	return h.ifaces[rt.OutIf].mtuFor(packet.IPv4)
}

// forwardMTU is the MTU for packets that are forwarded, which heed what was
// learnt only where it is locked.
//
// Kernel: include/net/ip.h, ip_dst_mtu_maybe_forward (6.1).
func (x *exception) forwardMTU(e *entry) int {
	if x.locked {
		return x.mtu
	}
	return e.dev.mtuFor(packet.IPv4)
}

// deviceMTU adapts what was learnt to a new MTU of the first hop.
//
// Kernel: net/ipv4/route.c, fnhe_update_pmtu (6.1).
func (e *entry) deviceMTU(old, mtu int) {
	for _, x := range e.exceptions {
		if x.locked {
			if mtu <= x.mtu {
				x.mtu, x.locked = mtu, false
			}
		} else if mtu < x.mtu || old == x.mtu {
			x.mtu = mtu
		}
	}
}

// pmtuTimers puts the routes that are in use back to their device's MTU when
// what was learnt is no longer believed. Deadlines are in order: all live
// equally long.
type pmtuTimers []pmtuTimer

type pmtuTimer struct {
	at time.Duration
	x  *exception
	e  *entry
}

func (t *pmtuTimers) add(h *Host, x *exception, e *entry) {
	*t = append(*t, pmtuTimer{x.expires, x, e})
	h.arm(x.expires)
}

// expire puts back what is due.
func (t *pmtuTimers) expire(now time.Duration) {
	n := 0
	for ; n < len(*t) && (*t)[n].at <= now; n++ {
		x, e := (*t)[n].x, (*t)[n].e
		if x.expires > now {
			continue // renewed since
		}
		if x.out != nil {
			x.out.MTU = e.dev.mtuFor(packet.IPv4)
		}
		if x.in != nil {
			x.in.MTU = e.dev.mtuFor(packet.IPv4)
		}
	}
	*t = (*t)[n:]
}
