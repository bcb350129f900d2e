package nfct

import (
	"encoding/binary"
	"time"

	"goipvs/packet"
)

// How long a UDP exchange may be silent: a question without an answer, and one
// that has gone on, both ways, for two seconds.
//
// Kernel: nf_conntrack_proto_udp.c, udp_timeouts, nf_conntrack_udp_packet (6.1).
const (
	udpTimeout    = 30 * time.Second
	streamTimeout = 120 * time.Second
	streamAfter   = 2 * time.Second
)

// udp tracks a UDP datagram.
//
// Kernel: nf_conntrack_proto_udp.c, udp_error, nf_conntrack_udp_packet (6.1).
func (s *seen) udp() verdict {
	if len(s.b) < packet.SizeUDP {
		return invalid
	}
	if n := int(binary.BigEndian.Uint16(s.b[4:])); n > len(s.b) || n < packet.SizeUDP {
		return invalid
	}
	if binary.BigEndian.Uint16(s.b[6:]) != 0 && s.badChecksum() {
		return invalid
	}
	c := s.conn
	if !c.confirmed {
		c.stream = s.now + streamAfter
	}
	by := udpTimeout
	if c.seenReply && s.now > c.stream {
		by, c.assured = streamTimeout, true
	}
	c.refresh(s.now, by)
	return valid
}
