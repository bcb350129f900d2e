package nfct

import (
	"time"

	"goipvs/packet"
)

// verdict is what a protocol's tracker says of a packet.
type verdict uint8

const (
	valid   verdict = iota
	invalid         // it belongs to no connection
	anew            // its connection was over: look again
	cutOff          // it can't be read: it must be dropped
)

// seen is a packet in a tracker's hands.
type seen struct {
	*Ref
	p       *packet.Packet
	h       packet.Header
	b       []byte // from the transport header on
	now     time.Duration
	arrived bool // it comes from a link: checksums count
	table   *Table
}

// In finds the connection of a packet, or makes one, at PREROUTING (arrived) and
// LOCAL_OUT. It reports false if the packet must be dropped. A packet that has
// one already, come back by the loopback interface or through IPVS, is left
// alone.
//
// Kernel: nf_conntrack_core.c, nf_conntrack_in (6.1).
func (t *Table) In(p *packet.Packet, r *Ref, arrived bool, now time.Duration) bool {
	if r.conn != nil || r.untracked {
		return true
	}
	h, ok := transport(p.Family, p.Data(), 0)
	if !ok {
		return true
	}
	s := &seen{Ref: r, p: p, h: h, b: p.Data()[h.Len:], now: now, arrived: arrived, table: t}
	if k := (Tuple{Protocol: h.Protocol}); k.isICMP() {
		if s.icmpError(p.Data()) == invalid || r.conn != nil || r.untracked {
			return true
		}
	}
	for {
		if !s.resolve(p.Data()) {
			return false
		}
		if r.conn == nil {
			return true
		}
		switch s.track() {
		case valid:
			if r.dir == Reply && !r.related {
				r.conn.seenReply = true
			}
			return true
		case invalid:
			*r = Ref{}
			return true
		case cutOff:
			*r = Ref{}
			return false
		}
		*r = Ref{}
	}
}

// resolve gives the packet its connection, a new one if need be; none if it
// can't be one's. It reports false if there is no room.
//
// Kernel: nf_conntrack_core.c, resolve_normal_ct, init_conntrack (6.1).
func (s *seen) resolve(b []byte) bool {
	k, ok := tupleOf(&s.h, b)
	if !ok {
		return true
	}
	if e, ok := s.table.find(k, s.now); ok {
		s.conn, s.dir = e.conn, e.dir
		return true
	}
	back, ok := k.inverse()
	if !ok {
		return true
	}
	if s.table.full(s.now) {
		return false
	}
	s.conn, s.dir = &Conn{tuple: [2]Tuple{k, back}}, Original
	return true
}

// track lets the protocol's tracker see the packet.
//
// Kernel: nf_conntrack_core.c, nf_conntrack_handle_packet (6.1).
func (s *seen) track() verdict {
	switch s.conn.tuple[Original].Protocol {
	case packet.ProtoTCP:
		return s.tcp()
	case packet.ProtoUDP:
		return s.udp()
	case packet.ProtoSCTP:
		return s.sctp()
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return s.icmp()
	case protoDCCP:
		return s.dccp()
	}
	s.conn.refresh(s.now, genericTimeout)
	return valid
}

// genericTimeout is for protocols of which no more is known.
//
// Kernel: nf_conntrack_proto_generic.c, nf_ct_generic_timeout (6.1).
const genericTimeout = 600 * time.Second

// badChecksum reports whether the packet came from a link with a wrong checksum.
// A right one isn't verified again.
//
// Kernel: net/netfilter/utils.c, nf_checksum (6.1).
func (s *seen) badChecksum() bool {
	if !s.arrived {
		return false
	}
	s.p.Verified = packet.TransportChecksum(s.h.Family, s.h.Src, s.h.Dst, s.h.Protocol, s.b) == 0
	return !s.p.Verified
}

// Out is a packet's way through POSTROUTING: numbers that a helper shifted are
// put right, and the connection is committed. It reports false if the packet
// must be dropped.
//
// Kernel: nf_conntrack_proto.c, ipv4_confirm, ipv6_confirm, nf_confirm (6.1).
func (t *Table) Out(p *packet.Packet, r *Ref, now time.Duration) bool {
	if c := r.conn; c != nil && c.adjusts && !(r.related && r.dir == Reply) && !p.Loopback {
		if h, ok := transport(p.Family, p.Data(), 0); ok && !adjust(p, p.Data()[h.Len:], c, r.dir) {
			return false
		}
	}
	return t.commit(r, now)
}
