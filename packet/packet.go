package packet

import "encoding/binary"

// Kind says how the frame that carried a packet was addressed.
//
// Kernel: include/uapi/linux/if_packet.h, PACKET_HOST and others.
type Kind uint8

// The kinds of a frame.
const (
	ToHost      Kind = iota // to this host
	ToBroadcast             // to everybody
	ToMulticast             // to a group
	ToOther                 // to somebody else
)

// Packet is one IP datagram with what the host knows about it. A Packet is
// owned by one goroutine at a time: whoever is handed it may change it until
// giving it on. The zero value is an empty packet; sources reuse Packets.
//
// Kernel: struct sk_buff.
type Packet struct {
	buf []byte // headroom, then the datagram
	off int    // where the datagram starts in buf

	Family   Family
	Kind     Kind
	InIf     int    // interface it came in by; 0: made by a process of this host
	OutIf    int    // interface it leaves by, where that is known (FORWARD, LOCAL_OUT); 0: not known
	Loopback bool   // InIf is the loopback interface
	Mark     uint32 // the firewall's mark (fwmark)
	Verified bool   // its transport checksum was found right on receipt (skb->csum_valid)
	Tracked  bool   // the kernel's connection tracking has its connection, confirmed
	Ours     bool   // IPVS is done with it: hooks let it pass (skb->ipvs_property)
	Route    *Route // where it goes at present (skb_dst); nil: not routed, no hook looks at it
	IgnoreDF bool   // fragment it even if it says don't fragment (skb->ignore_df)
	FragMax  int    // size of the largest fragment it was put together from; 0: came whole
	FragPMTU bool   // fragments made of it say don't fragment, as the largest of those that came did (IPSKB_FRAG_PMTU)
	Linear   int    // octets from the start that were made one piece, whatever fragments it was put together from (skb_ensure_writable)
	Partial  int    // where a transport header starts whose checksum is still that of the pseudo header alone (CHECKSUM_PARTIAL); 0: none
	Check    int    // with Partial: where in that header the checksum stands
	GSOSize  int    // payload octets of each segment of a super-packet, or 1 if they aren't known; 0: no super-packet
	HWAddr   [6]byte

	// Origin is the source's own handle on the packet (a fragment's cuts, a
	// queue's packet id). The engine hands it on untouched.
	Origin any

	// Listener gets an Event for every decision about this packet; usually nil.
	Listener Listener
}

// Headroom is what a source should leave free before a datagram so that the
// largest encapsulation (IPv6, UDP, GUE with its option) needs no copy.
const Headroom = 64

// Set makes p the datagram buf[off:] and forgets all else about it. The octets
// before off are headroom. The Packet then owns buf.
func (p *Packet) Set(f Family, buf []byte, off int) {
	*p = Packet{}
	p.buf, p.off, p.Family = buf, off, f
}

// Data returns the datagram, from its IP header on. It stays valid until Push,
// Pull or Replace.
func (p *Packet) Data() []byte { return p.buf[p.off:] }

// Len returns the datagram's length in octets.
func (p *Packet) Len() int { return len(p.buf) - p.off }

// Push makes room for n octets before the datagram and returns the whole. The
// new octets hold anything.
func (p *Packet) Push(n int) []byte {
	if p.off < n {
		b := make([]byte, Headroom+n+p.Len())
		copy(b[Headroom+n:], p.Data())
		p.buf, p.off = b, Headroom+n
	}
	p.off -= n
	if p.Linear > 0 {
		p.Linear += n
	}
	if p.Partial > 0 {
		p.Partial += n
	}
	return p.Data()
}

// Pull drops the first n octets, which must exist.
func (p *Packet) Pull(n int) {
	p.off += n
	p.Linear = max(0, p.Linear-n)
	p.Partial = max(0, p.Partial-n)
}

// Replace makes b the datagram and keeps all else; the Packet then owns b.
func (p *Packet) Replace(b []byte) { p.buf, p.off = b, 0 }

// Linearize notes that the first n octets are about to be written to, or read as
// one piece. A datagram put together from fragments, which leaves in the same
// ones where it can, has lost their cuts there.
//
// Kernel: net/core/skbuff.c, skb_ensure_writable, pskb_may_pull, skb_linearize (6.1).
func (p *Packet) Linearize(n int) { p.Linear = max(p.Linear, n) }

// Trim cuts the datagram to n octets, n not above Len.
func (p *Packet) Trim(n int) { p.buf = p.buf[:p.off+n] }

// ParseHeader parses the datagram's own header; see ParseHeader.
func (p *Packet) ParseHeader(h *Header) bool { return ParseHeader(p.Family, p.Data(), 0, h) }

// FromLoopback reports whether the packet was made on this host: by a process,
// or come in by the loopback interface.
func (p *Packet) FromLoopback() bool { return p.InIf == 0 || p.Loopback }

// TrustsChecksum reports whether IPVS need not look at the transport checksum: it
// was verified before, or the packet was made here.
//
// Kernel: include/net/ip_vs.h, ip_vs_checksum_needed (6.1).
func (p *Packet) TrustsChecksum() bool { return p.Verified || p.InIf == 0 }

// CompleteChecksum finishes a checksum that was left Partial: a packet that
// leaves the host needs it, one that stays doesn't.
//
// Kernel: net/core/dev.c, skb_checksum_help (6.1).
func (p *Packet) CompleteChecksum() {
	if p.Partial == 0 {
		return
	}
	b := p.Data()[p.Partial:]
	sum := Fold(Sum(b, 0))
	if sum == 0 {
		sum = 0xffff // as for UDP: the kernel makes no difference here
	}
	binary.BigEndian.PutUint16(b[p.Check:], sum)
	p.Partial = 0
}

// IPv4 header fields.
const (
	FlagDF   = 0x4000 // don't fragment
	FlagMF   = 0x2000 // more fragments
	FragMask = 0x1fff // fragment offset in units of 8 octets
)

// Fragmentation returns the flags and offset word of an IPv4 header at off.
func Fragmentation(b []byte, off int) uint16 { return binary.BigEndian.Uint16(b[off+6:]) }

// IsFragment reports whether the IPv4 datagram is a fragment.
func (p *Packet) IsFragment() bool {
	return Fragmentation(p.Data(), 0)&(FlagMF|FragMask) != 0
}

// TTL returns the time to live or hop limit.
func (p *Packet) TTL() uint8 {
	if p.Family == IPv6 {
		return p.Data()[7]
	}
	return p.Data()[8]
}

// DecrementTTL lowers the time to live, with the checksum of an IPv4 header
// kept right where it was right (RFC 1624 §3).
//
// Kernel: include/net/ip.h, ip_decrease_ttl (6.1).
func (p *Packet) DecrementTTL() {
	b := p.Data()
	if p.Family == IPv6 {
		b[7]--
		return
	}
	c := uint32(binary.BigEndian.Uint16(b[10:])) + 0x0100
	if c >= 0xffff {
		c++
	}
	binary.BigEndian.PutUint16(b[10:], uint16(c))
	// With the protocol, as one word: so it is read again for the checksum.
	binary.BigEndian.PutUint16(b[8:], binary.BigEndian.Uint16(b[8:])-0x0100)
}
