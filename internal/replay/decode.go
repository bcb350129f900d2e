package replay

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"

	"goipvs/packet"
)

// Describe returns a frame in one readable line. guePort is the UDP port that
// GUE tunnels go to, or 0.
func Describe(frame []byte, link LinkType, guePort uint16) string {
	if link != LinkEthernet {
		return describeIP(frame, guePort)
	}
	if len(frame) < sizeEthernet {
		return fmt.Sprintf("short frame %x", frame)
	}
	head := net.HardwareAddr(frame[6:12]).String() + " > " + net.HardwareAddr(frame[:6]).String() + " "
	if t := binary.BigEndian.Uint16(frame[12:]); t != typeIPv4 && t != typeIPv6 {
		return fmt.Sprintf("%sethertype %04x %x", head, t, upto(frame, sizeEthernet, sizeEthernet+40))
	}
	return head + describeIP(frame[sizeEthernet:], guePort)
}

// quoteMax is how much payload Describe shows, in octets.
const quoteMax = 48

// describeIP is Describe for a datagram; those within it follow in braces.
func describeIP(b []byte, guePort uint16) string {
	var s strings.Builder
	for depth := 0; ; depth++ {
		inner, gp := describeOne(&s, b, guePort)
		if inner == nil || depth == 8 {
			s.WriteString(strings.Repeat(" }", depth))
			return s.String()
		}
		s.WriteString(" { ")
		b, guePort = inner, gp
	}
}

// describeOne describes a datagram up to where another one starts in it.
func describeOne(s *strings.Builder, b []byte, guePort uint16) (inner []byte, nextGUE uint16) {
	d := dissect(b)
	if d.v == 0 {
		fmt.Fprintf(s, "not IP, length %d: %x", len(b), upto(b, 0, 40))
		return nil, 0
	}
	d.describeHeader(s)
	if d.off != 0 {
		fmt.Fprintf(s, " fragment at %d, protocol %d: %x", d.off, d.proto, upto(d.payload, 0, 32))
		return nil, 0
	}
	bad := ""
	if d.transport == wrong {
		bad = " WRONG CHECKSUM"
	}
	switch d.kind {
	case l4TCP:
		fmt.Fprintf(s, " | TCP %d > %d [%s] seq %d ack %d win %d sum 0x%04x", d.sport, d.dport, tcpFlags(d.flags), d.seq, d.ack, d.window, d.sum)
		if len(d.tcpOptions) > 0 {
			fmt.Fprintf(s, " options %x", d.tcpOptions)
		}
		s.WriteString(bad)
	case l4UDP:
		fmt.Fprintf(s, " | UDP %d > %d length %d sum 0x%04x%s", d.sport, d.dport, d.udpLength, d.sum, bad)
		if guePort != 0 && d.dport == guePort && len(d.data) >= 4 {
			n := 4 + int(d.data[0]&31)*4
			fmt.Fprintf(s, " | GUE %x", upto(d.data, 0, n))
			return upto(d.data, n, len(d.data)), 0
		}
	case l4SCTP:
		fmt.Fprintf(s, " | SCTP %d > %d vtag %08x%s", d.sport, d.dport, d.vtag, bad)
	case l4ICMP:
		name := "ICMP"
		if d.v == 6 {
			name = "ICMPv6"
		}
		fmt.Fprintf(s, " | %s type %d code %d rest 0x%08x sum 0x%04x%s", name, d.typ, d.code, d.rest, d.sum, bad)
		if d.inner != nil {
			s.WriteString(" about")
			return d.inner, 0
		}
	case l4IPIP:
		s.WriteString(" | IPIP")
		return d.inner, 0
	case l4GRE:
		fmt.Fprintf(s, " | GRE flags %04x", d.gre)
		if d.inner != nil {
			return d.inner, 0
		}
	default:
		if name := portProtocols[d.proto]; name != "" && len(d.payload) >= 4 {
			fmt.Fprintf(s, " | %s %d > %d, cut after %d octets", name, binary.BigEndian.Uint16(d.payload), binary.BigEndian.Uint16(d.payload[2:]), len(d.payload))
			break
		}
		fmt.Fprintf(s, " | protocol %d, %d octets: %x", d.proto, len(d.payload), upto(d.payload, 0, 32))
	}
	if len(d.data) > 0 {
		fmt.Fprintf(s, " data %d: %q", len(d.data), upto(d.data, 0, quoteMax))
	}
	return nil, 0
}

// portProtocols are the protocols whose header starts with ports.
var portProtocols = map[uint8]string{packet.ProtoTCP: "TCP", packet.ProtoUDP: "UDP", packet.ProtoSCTP: "SCTP"}

// describeHeader describes the IP header.
func (d *dissection) describeHeader(s *strings.Builder) {
	fmt.Fprintf(s, "IPv%d %s > %s ttl %d tos 0x%02x", d.v, d.src, d.dst, d.ttl, d.tos)
	if d.v == 6 {
		fmt.Fprintf(s, " flow 0x%05x length %d", d.flow, d.length)
		for _, e := range d.ext {
			fmt.Fprintf(s, " ext %d:%x", e[0], e[1:])
		}
		if d.fragment {
			fmt.Fprintf(s, " fragment id %d", d.id)
		}
	} else {
		fmt.Fprintf(s, " id %d length %d", d.id, d.length)
	}
	if d.df {
		s.WriteString(" DF")
	}
	if d.mf {
		s.WriteString(" MF")
	}
	if len(d.options) > 0 {
		fmt.Fprintf(s, " options %x", d.options)
	}
	if d.ip == wrong {
		s.WriteString(" WRONG HEADER CHECKSUM")
	}
}

// tcpFlags names the flags of a TCP header, a letter each.
func tcpFlags(f uint8) string {
	var b []byte
	for i, c := range []byte("FSRPAUEC") {
		if f&(1<<i) != 0 {
			b = append(b, c)
		}
	}
	return string(b)
}
