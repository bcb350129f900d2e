package host

import (
	"encoding/binary"
	"time"

	"goipvs/packet"
	"goipvs/xmit"
)

// IPv4 options (RFC 791 §3.1, FIPS 188).
const (
	optEnd         = 0
	optNop         = 1
	optRecordRoute = 7
	optTimestamp   = 68
	optLooseRoute  = 131
	optCIPSO       = 134
	optStrictRoute = 137
	optRouterAlert = 148
	optCopied      = 0x80

	tsOnly    = 0
	tsAndAddr = 1
	tsPrespec = 3
)

// options is what was found in an IPv4 header's options. Offsets are in the
// header; 0: there is none.
//
// Kernel: include/net/inet_sock.h, struct ip_options (6.1).
type options struct {
	len         int // octets of options
	recordRoute int
	timestamp   int
	sourceRoute int
	cipso       int
	needAddr    bool // the record route has room: a forwarder's address is to be put in
	changed     bool // the header checksum is to be made anew
}

// receiveOptions handles the options of a packet that was routed: it fills in
// what they ask for and refuses source routes, as the host does by default. It
// reports whether p goes on.
//
// Kernel: net/ipv4/ip_input.c, ip_rcv_options (6.1).
func (h *Host) receiveOptions(p *packet.Packet, d *iface) bool {
	o := &options{len: int(p.Data()[0]&0xf)*4 - packet.SizeIPv4}
	if at := h.compileOptions(p, d, o); at != 0 {
		h.drop(p, ReasonOptions, "ip_options_compile")
		xmit.ICMPError(h, p, icmpParameterProblem, 0, uint32(at)<<24)
		return false
	}
	if o.sourceRoute != 0 {
		h.drop(p, ReasonSourceRoute, "ip_rcv_options")
		return false
	}
	stateOf(p).options = *o
	return true
}

// compileOptions goes through the options. It returns the offset of what is
// wrong in them, or 0.
//
// Kernel: net/ipv4/ip_options.c, __ip_options_compile (6.1).
func (h *Host) compileOptions(p *packet.Packet, d *iface, o *options) (wrong int) {
	b := p.Data()
	end := packet.SizeIPv4 + o.len
	for at := packet.SizeIPv4; at < end; {
		switch b[at] {
		case optEnd:
			for at++; at < end; at++ {
				if b[at] != optEnd {
					b[at], o.changed = optEnd, true
				}
			}
			return 0
		case optNop:
			at++
			continue
		}
		if end-at < 2 || b[at+1] < 2 || int(b[at+1]) > end-at {
			return at
		}
		n := int(b[at+1])
		switch b[at] {
		case optLooseRoute, optStrictRoute:
			wrong = o.compileSourceRoute(b[at:at+n], at)
		case optRecordRoute:
			wrong = h.compileRecordRoute(p, d, o, b[at:at+n], at)
		case optTimestamp:
			wrong = h.compileTimestamp(p, d, o, b[at:at+n], at)
		case optRouterAlert:
			if n < 4 {
				wrong = at + 1
			}
		case optCIPSO:
			wrong = o.compileCIPSO(n, at)
		}
		if wrong != 0 {
			return wrong
		}
		at += n
	}
	return 0
}

func (o *options) compileSourceRoute(b []byte, at int) int {
	switch {
	case len(b) < 3:
		return at + 1
	case b[2] < 4:
		return at + 2
	case o.sourceRoute != 0: // RFC 1812 §5.2.4.1
		return at
	}
	o.sourceRoute = at
	return 0
}

func (h *Host) compileRecordRoute(p *packet.Packet, d *iface, o *options, b []byte, at int) int {
	switch {
	case o.recordRoute != 0:
		return at
	case len(b) < 3:
		return at + 1
	case b[2] < 4:
		return at + 2
	}
	if ptr := int(b[2]); ptr <= len(b) {
		if ptr+3 > len(b) {
			return at + 2
		}
		here := h.specificDestination(p, d)
		copy(b[ptr-1:], here[:4])
		b[2] += 4
		o.changed, o.needAddr = true, true
	}
	o.recordRoute = at
	return 0
}

func (h *Host) compileTimestamp(p *packet.Packet, d *iface, o *options, b []byte, at int) int {
	switch {
	case o.timestamp != 0:
		return at
	case len(b) < 4:
		return at + 1
	case b[2] < 5:
		return at + 2
	}
	o.timestamp = at
	ptr, flag := int(b[2]), b[3]&0xf
	if ptr > len(b) {
		if flag == tsPrespec {
			return 0
		}
		if b[3]>>4 == 15 {
			return at + 3
		}
		b[3] += 1 << 4
		o.changed = true
		return 0
	}
	if ptr+3 > len(b) || (flag == tsAndAddr || flag == tsPrespec) && ptr+7 > len(b) {
		return at + 2
	}
	switch flag {
	case tsOnly:
		binary.BigEndian.PutUint32(b[ptr-1:], h.Timestamp())
		b[2] += 4
	case tsAndAddr:
		here := h.specificDestination(p, d)
		copy(b[ptr-1:], here[:4])
		binary.BigEndian.PutUint32(b[ptr+3:], h.Timestamp())
		b[2] += 8
	case tsPrespec:
		var a packet.Addr
		copy(a[:4], b[ptr-1:])
		if h.AddrType(packet.IPv4, a) == xmit.AddrUnicast {
			return 0
		}
		binary.BigEndian.PutUint32(b[ptr+3:], h.Timestamp())
		b[2] += 8
	default:
		return 0
	}
	o.changed = true
	return 0
}

// compileCIPSO refuses every CIPSO option: no domain of interpretation is
// configured.
//
// Kernel: net/ipv4/cipso_ipv4.c, cipso_v4_validate (6.1).
func (o *options) compileCIPSO(n, at int) int {
	switch {
	case o.cipso != 0:
		return at
	case n < 8:
		return at + 1
	}
	return at + 2
}

// Timestamp is xmit.Clock's: the time in milliseconds since midnight UT, of a
// clock whose zero was at midnight.
//
// Kernel: net/ipv4/af_inet.c, inet_current_timestamp (6.1).
func (h *Host) Timestamp() uint32 {
	return uint32(h.now % (24 * time.Hour) / time.Millisecond)
}

// specificDestination is the address by which this host is known to a packet's
// sender: the destination where that is this host's, else the source of an
// answer.
//
// Kernel: net/ipv4/fib_frontend.c, fib_compute_spec_dst (6.1).
func (h *Host) specificDestination(p *packet.Packet, d *iface) packet.Addr {
	src, dst := source(p), destination(p)
	if p.Route.Local && h.AddrType(packet.IPv4, dst) <= xmit.AddrLocal {
		return dst
	}
	if src.IsZero() {
		return h.selectAddr4(d, src, scopeLink)
	}
	if e, err := h.v4.lookup(&flow{family: packet.IPv4, dst: src}, h.gen); err == nil {
		return h.prefSrc(e)
	}
	return h.selectAddr4(d, src, scopeGlobal)
}

// forwardOptions records the address of the interface that p leaves by.
//
// Kernel: net/ipv4/ip_options.c, ip_forward_options (6.1).
func (h *Host) forwardOptions(p *packet.Packet, o *options) {
	b := p.Data()
	if o.needAddr {
		from := h.routeSource(p)
		ptr := int(b[o.recordRoute+2])
		copy(b[o.recordRoute+ptr-5:], from[:4])
		o.changed = true
	}
	if o.changed {
		o.changed = false
		packet.SetIPv4Checksum(b, 0)
	}
}

// routeSource is the address of this host on p's way out.
//
// Kernel: net/ipv4/route.c, ip_rt_get_source (6.1).
func (h *Host) routeSource(p *packet.Packet) packet.Addr {
	if !p.Route.Input {
		return source(p)
	}
	fl := flow{family: packet.IPv4, dst: destination(p), src: source(p), mark: p.Mark, oif: p.Route.OutIf}
	if e, err := h.v4.lookup(&fl, h.gen); err == nil {
		return h.prefSrc(e)
	}
	to := p.Route.NextHop
	if to.IsZero() {
		to = fl.dst
	}
	return h.selectAddr4(h.ifaces[p.Route.OutIf], to, scopeGlobal)
}

// fragmentOptions blanks the options that are in the first fragment only (RFC
// 791 §3.1).
//
// Kernel: net/ipv4/ip_options.c, ip_options_fragment (6.1).
func fragmentOptions(b []byte) {
	for len(b) > 0 {
		switch b[0] {
		case optEnd:
			return
		case optNop:
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return
		}
		n := int(b[1])
		if b[0]&optCopied == 0 {
			for i := range b[:n] {
				b[i] = optNop
			}
		}
		b = b[n:]
	}
}
