package live

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"goipvs/packet"
)

// receivers remembers hosts that must get smaller segments of TCP than the links
// carry. Those of a super-packet are cut anew when it is sent on, since how
// large they were isn't told. Who can't take as much says so in its SYN; and the
// path to it says so in ICMP errors, which tell a sender that goipvs stands in
// for, in the cutting. Most hosts need not be remembered.
type receivers struct {
	now  func() time.Time
	some atomic.Bool // there are any

	mu   sync.RWMutex
	mtus map[packet.Addr]receiver
}

// receiver is how large a datagram to a host may be.
type receiver struct {
	mtu  int
	till time.Time
}

// How many are remembered, and how long: with the time that path MTUs live.
// What comes after lets all be forgotten; connections of those hosts then live
// from what the next SYN or ICMP error says.
const (
	maxReceivers     = 1 << 16
	rememberReceiver = 10 * time.Minute
)

func newReceivers() *receivers { return &receivers{now: time.Now, mtus: map[packet.Addr]receiver{}} }

// learn takes from a packet that came by a link of that MTU what it says about
// its sender or, if it is an ICMP error, about whom it quotes a packet to.
func (r *receivers) learn(p *packet.Packet, mtu int) {
	b := p.Data()
	proto, at := b[9], int(b[0]&0xf)*4
	if p.Family == packet.IPv6 {
		proto, at = b[6], packet.SizeIPv6
	}
	switch {
	case len(b) < at:
	case proto == packet.ProtoTCP:
		const syn = 0x02
		if len(b) >= at+packet.SizeTCP && b[at+13]&syn != 0 {
			r.synchronise(p, b[at:], at+packet.SizeTCP, mtu)
		}
	case proto == packet.ProtoICMP || proto == packet.ProtoICMPv6:
		r.quoted(p.Family, b[at:])
	}
}

// synchronise takes a SYN, whose headers are of so many octets without options.
// Maximum segment sizes count neither those nor options (RFC 6691).
func (r *receivers) synchronise(p *packet.Packet, tcp []byte, headers, mtu int) {
	const end, nop, mss = 0, 1, 2
	opts := tcp[packet.SizeTCP:min(len(tcp), max(int(tcp[12]>>4)*4, packet.SizeTCP))]
	for len(opts) > 1 && opts[0] != end {
		if opts[0] == nop {
			opts = opts[1:]
			continue
		}
		n := int(opts[1])
		if n < 2 || n > len(opts) {
			return
		}
		if opts[0] == mss && n == 4 {
			if told := int(binary.BigEndian.Uint16(opts[2:])) + headers; told < mtu {
				r.note(source(p), told)
			}
			return
		}
		opts = opts[n:]
	}
}

// quoted takes an ICMP message.
func (r *receivers) quoted(f packet.Family, icmp []byte) {
	const unreachable, fragNeeded, tooBig = 3, 4, 2
	if len(icmp) < packet.SizeICMP+packet.SizeIPv4 {
		return
	}
	quote := icmp[packet.SizeICMP:]
	var to packet.Addr
	switch {
	case f == packet.IPv4 && icmp[0] == unreachable && icmp[1] == fragNeeded:
		copy(to[:4], quote[16:20])
		r.note(to, int(binary.BigEndian.Uint16(icmp[6:])))
	case f == packet.IPv6 && icmp[0] == tooBig && len(quote) >= packet.SizeIPv6:
		copy(to[:], quote[24:40])
		r.note(to, int(binary.BigEndian.Uint32(icmp[4:])))
	}
}

// leastMTU is the least that is believed.
//
// Kernel: net/ipv4/route.c, DEFAULT_MIN_PMTU (6.1).
const leastMTU = 552

// note remembers an MTU, the least that was told lately.
func (r *receivers) note(a packet.Addr, mtu int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	was, ok := r.mtus[a]
	if ok && was.till.After(now) {
		mtu = min(mtu, was.mtu)
	}
	if len(r.mtus) >= maxReceivers && !ok {
		clear(r.mtus)
	}
	r.mtus[a] = receiver{max(mtu, leastMTU), now.Add(rememberReceiver)}
	r.some.Store(true)
}

// limit lowers an MTU to what a receiver can take.
func (r *receivers) limit(a packet.Addr, mtu int) int {
	if !r.some.Load() {
		return mtu
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if x, ok := r.mtus[a]; ok && x.till.After(r.now()) {
		return min(mtu, x.mtu)
	}
	return mtu
}
