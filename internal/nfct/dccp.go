package nfct

// DCCP's packet types that carry more than their header (RFC 4340 §5.1).
const (
	dccpRequest  = 0
	dccpResponse = 1
	dccpData     = 2
	dccpReset    = 7
	dccpLast     = 9 // the last type there is
)

// dccp tracks a DCCP packet, as far as it matters to others: connections are
// known, their states are not.
//
// Kernel: nf_conntrack_proto_dccp.c, nf_conntrack_dccp_packet, dccp_error (6.1),
// which drops what it can't read, where others let it pass as invalid.
func (s *seen) dccp() verdict {
	const size, extended = 12, 16 // of the header with short and with long numbers
	if len(s.b) < size {
		return cutOff
	}
	typ, covered := s.b[8]>>1&0xf, int(s.b[5]&0xf)
	if n := int(s.b[4]) * 4; n < size || n > len(s.b) || covered > 0 && (covered-1)*4 > len(s.b) || typ > dccpLast {
		return invalid
	}
	need := size
	if s.b[8]&1 != 0 {
		need = extended
	}
	switch typ {
	case dccpData:
	case dccpRequest:
		need += 4
	case dccpResponse, dccpReset:
		need += 12
	default:
		need += 8
	}
	if len(s.b) < need {
		return cutOff
	}
	s.conn.refresh(s.now, genericTimeout)
	return valid
}
