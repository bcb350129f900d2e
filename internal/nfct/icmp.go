package nfct

import (
	"time"

	"goipvs/packet"
)

// icmpTimeout is how long an ICMP query may go without another.
//
// Kernel: nf_conntrack_proto_icmp.c, nf_ct_icmp_timeout (6.1).
const icmpTimeout = 30 * time.Second

// The ICMP and ICMPv6 types that matter here.
const (
	icmpUnreachable   = 3
	icmpQuench        = 4
	icmpRedirect      = 5
	icmpTimeExceeded  = 11
	icmpParameter     = 12
	icmpLast          = 18 // the highest type there is (NR_ICMP_TYPES)
	icmp6Informal     = 128
	icmp6ListenerMin  = 130 // multicast listener discovery, neighbour discovery
	icmp6Redirect     = 137
	icmp6ListenerRep2 = 143
)

// icmp tracks an ICMP or ICMPv6 query or its answer.
//
// Kernel: nf_conntrack_proto_icmp.c, nf_conntrack_icmp_packet;
// nf_conntrack_proto_icmpv6.c, nf_conntrack_icmpv6_packet (6.1).
func (s *seen) icmp() verdict {
	k := &s.conn.tuple[Original]
	typ := uint8(k.DPort >> 8)
	if k.Family == packet.IPv4 {
		if k.Protocol != packet.ProtoICMP || typ != 8 && typ != 13 && typ != 15 && typ != 17 {
			return invalid
		}
	} else if k.Protocol != packet.ProtoICMPv6 || !s.conn.confirmed && typ != 128 && typ != 139 {
		return invalid
	}
	s.conn.refresh(s.now, icmpTimeout)
	return valid
}

// icmpError gives an ICMP error the connection that it is about. It reports
// invalid for errors about nothing known.
//
// Kernel: nf_conntrack_proto_icmp.c, nf_conntrack_icmpv4_error;
// nf_conntrack_proto_icmpv6.c, nf_conntrack_icmpv6_error (6.1).
func (s *seen) icmpError(b []byte) verdict {
	if (s.h.Family == packet.IPv4) != (s.h.Protocol == packet.ProtoICMP) {
		return valid // of the other version: nobody looks into it
	}
	if len(s.b) < packet.SizeICMP {
		return invalid
	}
	typ := s.b[0]
	if s.h.Family == packet.IPv6 {
		return s.icmp6Error(b, typ)
	}
	if s.arrived {
		s.p.Verified = packet.Fold(packet.Sum(s.b, 0)) == 0
	}
	if s.arrived && !s.p.Verified || typ > icmpLast {
		return invalid
	}
	switch typ {
	case icmpUnreachable, icmpQuench, icmpTimeExceeded, icmpParameter, icmpRedirect:
		return s.related(b, s.h.Len+packet.SizeICMP)
	}
	return valid
}

func (s *seen) icmp6Error(b []byte, typ uint8) verdict {
	if s.badChecksum() {
		return invalid
	}
	switch {
	case typ >= icmp6ListenerMin && typ < icmp6Redirect, typ == icmp6ListenerRep2:
		s.untracked = true
		return valid
	case typ == icmp6Redirect:
		return s.icmp6Redirect(b)
	case typ >= icmp6Informal:
		return valid
	}
	return s.related(b, s.h.Len+packet.SizeICMP)
}

// icmp6Redirect looks into a redirect, which quotes the packet in an option.
//
// Kernel: nf_conntrack_proto_icmpv6.c, nf_conntrack_icmpv6_redirect (6.1).
func (s *seen) icmp6Redirect(b []byte) verdict {
	const message, option, redirected = packet.SizeICMP + 32, 8, 4
	switch {
	case len(s.b) < message:
		return invalid
	case s.b[1] != 0:
		return valid
	case b[7] != 255 || !s.h.Src.IsLinkLocal6():
		return invalid
	case len(s.b) < message+2 || s.b[message+1] == 0:
		return invalid
	case s.b[message] != redirected:
		return valid
	}
	return s.related(b, s.h.Len+message+option)
}

// related gives the packet the connection that the packet quoted at off is of.
//
// Kernel: nf_conntrack_proto_icmp.c, nf_conntrack_inet_error (6.1).
func (s *seen) related(b []byte, off int) verdict {
	quoted, ok := transport(s.h.Family, b, off)
	if !ok {
		return invalid
	}
	k, ok := tupleOf(&quoted, b)
	if !ok {
		return invalid
	}
	if k, ok = k.inverse(); !ok {
		return invalid
	}
	e, ok := s.table.find(k, s.now)
	if !ok || e.conn.tuple[e.dir].Dst != s.h.Dst {
		return invalid
	}
	s.conn, s.dir, s.Ref.related = e.conn, e.dir, true
	return valid
}
