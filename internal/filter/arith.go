package filter

import (
	"strconv"

	"goipvs/packet"
)

// value is a part of a comparison. It reports false where the frame is not of
// the protocol that it is about: the comparison then doesn't hold.
type value func(*Frame) (uint32, bool)

// accessors find where the octets of a protocol begin: in what, at which offset,
// and whether the frame is of the protocol.
var accessors = map[string]func(*Frame) (b []byte, at int, ok bool){
	"ether": func(f *Frame) ([]byte, int, bool) { return f.Ethernet, 0, f.Ethernet != nil },
	"arp":   func(f *Frame) ([]byte, int, bool) { return f.Payload, 0, f.Type == typeARP },
	"rarp":  func(f *Frame) ([]byte, int, bool) { return f.Payload, 0, f.Type == typeRARP },
	"ip":    func(f *Frame) ([]byte, int, bool) { return f.Payload, 0, f.ip4() },
	"ip6":   func(f *Frame) ([]byte, int, bool) { return f.Payload, 0, f.ip6() },
	"icmp6": func(f *Frame) ([]byte, int, bool) {
		return f.Payload, packet.SizeIPv6, f.ip6() && u(f.Payload, 6, 1) == packet.ProtoICMPv6
	},
	"tcp":  over4(packet.ProtoTCP),
	"udp":  over4(packet.ProtoUDP),
	"icmp": over4(packet.ProtoICMP),
	"sctp": over4(packet.ProtoSCTP),
}

// over4 accesses the header of a protocol over IPv4, not in later fragments.
func over4(proto uint32) func(*Frame) ([]byte, int, bool) {
	return func(f *Frame) ([]byte, int, bool) {
		if !f.carries(proto, true, false) {
			return nil, 0, false
		}
		at, ok := f.transport()
		return f.Payload, at, ok
	}
}

// constants are the names that stand for numbers (pcap-filter(7)).
var constants = map[string]uint32{
	"tcpflags": 13, "icmptype": 0, "icmpcode": 1, "icmp6type": 0, "icmp6code": 1,
	"tcp-fin": 0x01, "tcp-syn": 0x02, "tcp-rst": 0x04, "tcp-push": 0x08, "tcp-ack": 0x10, "tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,
	"icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
	"icmp-timxceed": 11, "icmp-paramprob": 12,
	"icmp6-destinationrunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4,
	"icmp6-echo": 128, "icmp6-echoreply": 129,
}

// relation reads a comparison.
func (p *parser) relation() node {
	left := p.sum(0)
	at := p.at
	op := p.next()
	var holds func(a, b uint32) bool
	switch op {
	case "<":
		holds = func(a, b uint32) bool { return a < b }
	case ">":
		holds = func(a, b uint32) bool { return a > b }
	case "<=":
		holds = func(a, b uint32) bool { return a <= b }
	case ">=":
		holds = func(a, b uint32) bool { return a >= b }
	case "=", "==":
		holds = func(a, b uint32) bool { return a == b }
	case "!=":
		holds = func(a, b uint32) bool { return a != b }
	default:
		p.failAt(at, "a comparison is wanted")
	}
	right := p.sum(0)
	return func(f *Frame) bool {
		a, ok := left(f)
		if !ok {
			return false
		}
		b, ok := right(f)
		return ok && holds(a, b)
	}
}

// precedence of the operators: the greater the tighter, as in C.
var precedence = map[string]int{"|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6}

// sum reads operands joined by operators that bind at least as tightly.
func (p *parser) sum(least int) value {
	if p.depth++; p.depth > maxDepth {
		p.fail("too deep")
	}
	defer func() { p.depth-- }()
	left := p.operand()
	for {
		op := p.peek()
		n, ok := precedence[op]
		if !ok || n < least {
			return left
		}
		p.next()
		a, b := left, p.sum(n+1)
		left = func(f *Frame) (uint32, bool) {
			x, ok := a(f)
			if !ok {
				return 0, false
			}
			y, ok := b(f)
			return compute(op, x, y), ok
		}
	}
}

func compute(op string, x, y uint32) uint32 {
	switch op {
	case "|":
		return x | y
	case "^":
		return x ^ y
	case "&":
		return x & y
	case "<<":
		return x << y
	case ">>":
		return x >> y
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	}
	if y == 0 {
		panic(short{}) // the frame is rejected
	}
	if op == "/" {
		return x / y
	}
	return x % y
}

// operand reads a number, a name that stands for one, the length, an access to
// octets, or what is in parentheses.
func (p *parser) operand() value {
	if p.take("(") {
		v := p.sum(0)
		if !p.take(")") {
			p.fail("a closing parenthesis is wanted")
		}
		return v
	}
	t := p.peek()
	if accessors[t] != nil && p.peekAt(1) == "[" {
		return p.access()
	}
	if t == "len" {
		p.next()
		return func(f *Frame) (uint32, bool) { return uint32(f.Len), true }
	}
	n, ok := constants[t]
	if !ok {
		x, err := strconv.ParseUint(t, 0, 32)
		if err != nil {
			p.fail("a number is wanted")
		}
		n = uint32(x)
	}
	p.next()
	return func(*Frame) (uint32, bool) { return n, true }
}

// access reads PROTOCOL[OFFSET] or PROTOCOL[OFFSET:SIZE].
func (p *parser) access() value {
	find := accessors[p.next()]
	p.next()
	offset := p.sum(0)
	size := 1
	if p.take(":") {
		at := p.at
		n, err := strconv.ParseUint(p.next(), 0, 32)
		if err != nil || n != 1 && n != 2 && n != 4 {
			p.failAt(at, "a size of 1, 2 or 4 octets is wanted")
		}
		size = int(n)
	}
	if !p.take("]") {
		p.fail("a closing bracket is wanted")
	}
	return func(f *Frame) (uint32, bool) {
		b, at, ok := find(f)
		if !ok {
			return 0, false
		}
		x, ok := offset(f)
		if !ok {
			return 0, false
		}
		if x > 1<<20 {
			panic(short{})
		}
		return u(b, at+int(x), size), true
	}
}
