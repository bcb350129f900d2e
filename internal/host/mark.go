package host

import (
	"encoding/binary"
	"net/netip"

	"goipvs/hooks"
	"goipvs/packet"
)

// MarkRule is a rule of table mangle, chain PREROUTING, that sets a packet's
// mark. Every condition given must hold.
type MarkRule struct {
	Family   packet.Family
	In       string       // the interface; "": any
	Dst      netip.Prefix // the zero Prefix: any
	Protocol uint8        // 0: any
	HasDPort bool         // DPort counts: TCP
	DPort    uint16
	Mark     uint32
}

// markRule is a MarkRule made ready.
type markRule struct {
	MarkRule
	dst    packet.Addr
	dstLen int
}

// AddMark appends a rule. In may name an interface that doesn't exist. Errors:
// ErrInvalid.
func (h *Host) AddMark(m MarkRule) error {
	r := markRule{MarkRule: m}
	if h.fib(m.Family) == nil || m.HasDPort && m.Protocol != packet.ProtoTCP {
		return ErrInvalid
	}
	if m.Dst.IsValid() {
		a, f := packet.AddrFrom(m.Dst.Addr())
		if f != m.Family {
			return ErrInvalid
		}
		r.dst, r.dstLen = maskAddr(f, a, m.Dst.Bits()), m.Dst.Bits()
	}
	h.marks = append(h.marks, r)
	return nil
}

// mark applies the rules of mangle PREROUTING to p.
func (h *Host) mark(p *packet.Packet, d *iface) {
	var hdr packet.Header
	parsed, ok := false, false
	for i := range h.marks {
		r := &h.marks[i]
		if r.Family != p.Family || r.In != "" && r.In != d.name {
			continue
		}
		if r.dstLen > 0 && maskAddr(p.Family, destination(p), r.dstLen) != r.dst {
			continue
		}
		if r.Protocol != 0 {
			if !parsed {
				parsed, ok = true, p.ParseHeader(&hdr)
				if ok && p.Family == packet.IPv6 && authenticated(p.Data()) {
					hdr.Protocol = packet.ProtoAH
				}
			}
			if !ok || hdr.Protocol != r.Protocol || r.HasDPort && !h.hasDPort(p, &hdr, r.DPort) {
				continue
			}
		}
		p.Mark = r.Mark
		if p.Listener != nil {
			p.Listener.Event(p, Marked{Mark: r.Mark})
		}
	}
}

// authenticated reports whether there is an authentication header among the
// extension headers of an IPv6 packet. To netfilter's rules it is the packet's
// protocol then, whatever it protects.
//
// Kernel: include/net/netfilter/nf_tables_ipv6.h, __nft_set_pktinfo_ipv6 (6.1).
func authenticated(b []byte) bool {
	const routing, destination = 43, 60
	next, at := b[6], packet.SizeIPv6
	for len(b) >= at+8 {
		switch next {
		case packet.ProtoAH:
			return true
		case packet.ExtFragment:
			next, at = b[at], at+8
		case extHopByHop, routing, destination:
			next, at = b[at], at+(int(b[at+1])+1)*8
		default:
			return false
		}
	}
	return false
}

// hasDPort reports whether what stands where a port would is it. Linux 6.1 looks
// there in later fragments, too, which have no ports, and in IPv6 takes the
// datagram's beginning for such a one's transport header; 7.3 takes none for theirs.
//
// Kernel: net/netfilter/nf_tables_core.c, nft_payload_fast_eval;
// net/ipv6/exthdrs_core.c, ipv6_find_hdr (6.1, 7.3).
func (h *Host) hasDPort(p *packet.Packet, hdr *packet.Header, port uint16) bool {
	b := p.Data()
	at := hdr.Len
	if p.Family == packet.IPv4 && packet.Fragmentation(b, 0)&packet.FragMask != 0 || hdr.FragOff != 0 {
		if h.kernel == hooks.Linux7_3 {
			return false
		}
		if p.Family == packet.IPv6 {
			at = 0
		}
	}
	return len(b) >= at+4 && binary.BigEndian.Uint16(b[at+2:]) == port
}
