package live

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"goipvs/packet"
)

// errorLimit limits the ICMP errors that are sent, as the kernel limits its
// own: all of them together, and those to one host.
//
// Kernel: net/ipv4/icmp.c, icmp_global_allow, icmpv4_xrlim_allow; inetpeer.c,
// inet_peer_xrlim_allow; net/ipv6/icmp.c (6.1).
type errorLimit struct {
	now       func() time.Time
	perSecond int
	burst     int
	every     [2]time.Duration // IPv4, IPv6: between errors to one host; 0: no limit
	mask      uint32           // IPv4: the types that are limited

	mu     sync.Mutex
	credit int
	stamp  time.Time
	peers  map[peer]bucket
}

type peer struct {
	family packet.Family
	addr   packet.Addr
}

type bucket struct {
	tokens time.Duration
	last   time.Time
}

const (
	xrlimBurst = 6 // errors to one host at once
	maxPeers   = 1 << 16
)

// newErrorLimit reads the limits that the calling thread's network namespace
// has at present.
func newErrorLimit() *errorLimit {
	ms := func(name string) time.Duration { return time.Duration(sysctl(name, 1000)) * time.Millisecond }
	return &errorLimit{
		now:       time.Now,
		perSecond: sysctl("net/ipv4/icmp_msgs_per_sec", 1000),
		burst:     sysctl("net/ipv4/icmp_msgs_burst", 50),
		every:     [2]time.Duration{ms("net/ipv4/icmp_ratelimit"), ms("net/ipv6/icmp/ratelimit")},
		mask:      uint32(sysctl("net/ipv4/icmp_ratemask", 0x1818)),
		peers:     map[peer]bucket{},
	}
}

// sysctl reads a number under /proc/sys, which some of these are hidden from
// in a namespace of a user's.
func sysctl(name string, otherwise int) int {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return otherwise
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return otherwise
	}
	return n
}

// allow reports whether the ICMP error p may be sent now.
func (l *errorLimit) allow(p *packet.Packet) bool {
	if !l.limited(p) {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.global(now) {
		return false
	}
	every := l.every[p.Family/packet.IPv6]
	if p.Route.Local || every <= 0 {
		return true
	}
	if len(l.peers) >= maxPeers {
		clear(l.peers)
	}
	k := peer{p.Family, destination(p)}
	b, ok := l.peers[k]
	if !ok {
		b = bucket{xrlimBurst * every, now}
	}
	b.tokens = min(b.tokens+now.Sub(b.last), xrlimBurst*every)
	b.last = now
	allowed := b.tokens >= every
	if allowed {
		b.tokens -= every
	}
	l.peers[k] = b
	return allowed
}

// limited reports whether the type of an error is limited at all: what path MTU
// discovery lives on is not.
func (l *errorLimit) limited(p *packet.Packet) bool {
	var h packet.Header
	if !p.ParseHeader(&h) || p.Len() < h.Len+2 {
		return false
	}
	typ, code := p.Data()[h.Len], p.Data()[h.Len+1]
	switch h.Protocol {
	case packet.ProtoICMP:
		return typ < 32 && l.mask&(1<<typ) != 0 && (typ != 3 || code != 4)
	case packet.ProtoICMPv6:
		return typ != 2
	}
	return false
}

func (l *errorLimit) global(now time.Time) bool {
	since := min(now.Sub(l.stamp), time.Second)
	if l.credit == 0 || since >= time.Second/50 {
		if n := int(time.Duration(l.perSecond) * since / time.Second); n > 0 {
			l.credit = min(l.credit+n, l.burst)
			l.stamp = now
		}
	}
	if l.credit == 0 {
		return false
	}
	l.credit--
	return true
}
