package route

import (
	"time"

	"goipvs/packet"
)

// What the kernel keeps a learnt path MTU for and how low it lets it go.
//
// Kernel: net/ipv4/route.c, DEFAULT_MTU_EXPIRES, DEFAULT_MIN_PMTU (6.1).
const (
	pmtuExpires = 10 * time.Minute
	minPMTU     = 552
)

// pathMTU is what was learnt about the path to an address.
type pathMTU struct {
	mtu   int
	until time.Time
}

func pathKey(f packet.Family, dst packet.Addr) key { return key{query: query{family: f, dst: dst}} }

// UpdatePMTU lowers the path MTU to dst; mtu 0 means that nobody said to what.
// The kernel's own routes stay as they are. Only IPv4 has errors that come to
// this.
//
// Kernel: net/ipv4/route.c, __ip_rt_update_pmtu (6.1).
func (t *Table) UpdatePMTU(f packet.Family, dst packet.Addr, mtu int) {
	old := t.Output(f, dst, 0)
	if old == nil || mtu >= old.MTU {
		return
	}
	if mtu < minPMTU {
		mtu = min(old.MTU, minPMTU)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pmtu) >= maxRemembered {
		clear(t.pmtu)
	}
	t.pmtu[pathKey(f, dst)] = pathMTU{mtu, t.now().Add(pmtuExpires)}
	t.forget()
	time.AfterFunc(pmtuExpires, t.Invalidate)
}
