package live

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"goipvs/packet"
)

// pathMTUs remembers which hosts were told, by the ICMPv6 error packet too big, how
// much fits on the path to a destination. Such a host cuts what is longer, so
// what still is longer came in fragments, which the kernel put together before
// anybody here sees them.
type pathMTUs struct {
	now  func() time.Time
	some atomic.Bool // there is anything in paths

	mu    sync.RWMutex
	paths map[path]limit
}

// path is where packets go, from and to.
type path struct{ src, dst packet.Addr }

type limit struct {
	mtu  int
	till time.Time
}

// How many paths are remembered, and how long: as long as Linux remembers what
// it was told.
//
// Kernel: net/ipv6/route.c, ip6_rt_mtu_expires (6.1).
const (
	maxPaths    = 4096
	rememberMTU = 10 * time.Minute
)

func newPathMTUs() *pathMTUs { return &pathMTUs{now: time.Now, paths: map[path]limit{}} }

// note remembers what an ICMP error says that is about to be sent, if it is one
// of those.
func (t *pathMTUs) note(p *packet.Packet) {
	const tooBig, fixed = 2, 8
	var h packet.Header
	if p.Family != packet.IPv6 || !p.ParseHeader(&h) || h.Protocol != packet.ProtoICMPv6 {
		return
	}
	b := p.Data()[h.Len:]
	if len(b) < fixed+packet.SizeIPv6 || b[0] != tooBig {
		return
	}
	mtu, quoted := int(binary.BigEndian.Uint32(b[4:])), b[fixed:]
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.paths) >= maxPaths {
		clear(t.paths)
	}
	t.paths[pathOf(quoted)] = limit{mtu, t.now().Add(rememberMTU)}
	t.some.Store(true)
}

// cuts reports whether the sender of an IPv6 packet of that length has been told
// to cut it. TCP makes shorter segments instead.
func (t *pathMTUs) cuts(b []byte) bool {
	if !t.some.Load() || len(b) <= minMTU6 || b[6] == packet.ProtoTCP {
		return false
	}
	t.mu.RLock()
	l, ok := t.paths[pathOf(b)]
	t.mu.RUnlock()
	return ok && len(b) > l.mtu && t.now().Before(l.till)
}

func pathOf(b []byte) (p path) {
	copy(p.src[:], b[8:24])
	copy(p.dst[:], b[24:40])
	return p
}
