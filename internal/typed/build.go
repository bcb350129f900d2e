package typed

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"goipvs/packet"
)

var tcpFlags = []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

// flagsOf returns the octet of flags by their names: "SYN+ACK".
func flagsOf(s string) (f byte, ok bool) {
	for name := range strings.SplitSeq(s, "+") {
		i := slices.Index(tcpFlags, name)
		if i < 0 {
			return 0, false
		}
		f |= 1 << i
	}
	return f, true
}

func isFlags(s string) bool { _, ok := flagsOf(s); return ok }

// chunks are types of SCTP chunks by their names (RFC 9260 §3.2).
var chunks = map[string]byte{
	"DATA": 0, "INIT": 1, "INIT-ACK": 2, "SACK": 3, "HEARTBEAT": 4, "HEARTBEAT-ACK": 5, "ABORT": 6, "SHUTDOWN": 7,
	"SHUTDOWN-ACK": 8, "ERROR": 9, "COOKIE-ECHO": 10, "COOKIE-ACK": 11, "SHUTDOWN-COMPLETE": 14,
}

func isChunk(s string) bool { _, ok := chunks[s]; return ok }

// build makes the datagram.
func (d *datagram) build() ([]byte, error) {
	var body []byte
	sport, dport := d.src.Port(), d.dst.Port()
	switch d.proto {
	case packet.ProtoTCP:
		body = make([]byte, packet.SizeTCP)
		flags, _ := flagsOf(d.flags)
		if d.flags == "" {
			flags = 0x10 // ACK
		}
		body[12], body[13] = packet.SizeTCP/4<<4, flags
		binary.BigEndian.PutUint16(body[14:], 64240)
	case packet.ProtoUDP:
		body = make([]byte, packet.SizeUDP)
	case packet.ProtoSCTP:
		body = make([]byte, packet.SizeSCTP+20)
		binary.BigEndian.PutUint32(body[4:], 1)
		body[12] = chunks["INIT"]
		if d.flags != "" {
			body[12] = chunks[d.flags]
		}
		body[15] = 20
	default:
		return d.icmp(d.echo(false), 1<<16|1, nil)
	}
	binary.BigEndian.PutUint16(body, sport)
	binary.BigEndian.PutUint16(body[2:], dport)
	return d.wrap(body)
}

// echo returns the type of an ICMP echo request, or its reply.
func (d *datagram) echo(reply bool) byte {
	switch v6 := d.src.Addr().Is6(); {
	case v6 && reply:
		return 129
	case v6:
		return 128
	case reply:
		return 0
	}
	return 8
}

// icmp makes an ICMP message: info is its second word.
func (d *datagram) icmp(kind byte, info uint32, body []byte) ([]byte, error) {
	d.proto = packet.ProtoICMP
	if d.src.Addr().Is6() {
		d.proto = packet.ProtoICMPv6
	}
	b := make([]byte, packet.SizeICMP, packet.SizeICMP+len(body))
	b[0] = kind
	binary.BigEndian.PutUint32(b[4:], info)
	return d.wrap(append(b, body...))
}

// wrap puts the network header before a transport one and reckons lengths and
// checksums.
func (d *datagram) wrap(body []byte) ([]byte, error) {
	size := packet.SizeIPv4
	if d.src.Addr().Is6() {
		size = packet.SizeIPv6
	}
	if n := d.length - size - len(body); n > 0 {
		body = append(body, make([]byte, n)...)
	} else if d.length > 0 && n < 0 {
		return nil, fmt.Errorf("it takes %d octets at least", size+len(body))
	}
	if size+len(body) > maxLength {
		return nil, fmt.Errorf("%d octets are more than a datagram has", size+len(body))
	}
	src, family := packet.AddrFrom(d.src.Addr())
	dst, _ := packet.AddrFrom(d.dst.Addr())
	d.sum(family, src, dst, body)
	b := make([]byte, size, size+len(body))
	if family == packet.IPv6 {
		b[0], b[6], b[7] = 6<<4, d.proto, d.ttl
		binary.BigEndian.PutUint16(b[4:], uint16(len(body)))
		copy(b[8:], src[:])
		copy(b[24:], dst[:])
	} else {
		b[0], b[8], b[9] = 4<<4|packet.SizeIPv4/4, d.ttl, d.proto
		binary.BigEndian.PutUint16(b[2:], uint16(size+len(body)))
		copy(b[12:], src[:4])
		copy(b[16:], dst[:4])
		packet.SetIPv4Checksum(b, 0)
	}
	return append(b, body...), nil
}

// sum sets lengths and checksum of the transport header.
func (d *datagram) sum(family packet.Family, src, dst packet.Addr, b []byte) {
	switch d.proto {
	case packet.ProtoTCP:
		binary.BigEndian.PutUint16(b[16:], packet.TransportChecksum(family, src, dst, d.proto, b))
	case packet.ProtoUDP:
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
		sum := packet.TransportChecksum(family, src, dst, d.proto, b)
		if sum == 0 {
			sum = 0xffff // RFC 768: 0 says that there is none
		}
		binary.BigEndian.PutUint16(b[6:], sum)
	case packet.ProtoSCTP:
		packet.SetSCTPChecksum(b)
	case packet.ProtoICMPv6:
		binary.BigEndian.PutUint16(b[2:], packet.TransportChecksum(family, src, dst, d.proto, b))
	default:
		binary.BigEndian.PutUint16(b[2:], packet.Fold(packet.Sum(b, 0)))
	}
}
