package trace

import (
	"fmt"
	"strings"

	"goipvs/internal/host"
	"goipvs/packet"
)

// Summary returns what a packet's headers say of where it goes, in a line; a
// packet within it follows in braces.
func Summary(p *packet.Packet) string { return summary(p.Family, p.Data(), 0) }

func summary(f packet.Family, b []byte, depth int) string {
	var h packet.Header
	if !packet.ParseHeader(f, b, 0, &h) {
		return fmt.Sprintf("%s, no usable header", f)
	}
	var s strings.Builder
	src, dst := h.Src.Netip(f), h.Dst.Netip(f)
	sport, dport, ports := h.Ports(b)
	if h.HasPorts() && ports && h.FragOff == 0 && !laterFragment(f, b) {
		fmt.Fprintf(&s, "%s > %s", endpoint(h.Src, f, sport), endpoint(h.Dst, f, dport))
	} else {
		fmt.Fprintf(&s, "%s > %s", src, dst)
	}
	fmt.Fprintf(&s, " %s", protocol(h.Protocol))
	if flags := tcpFlags(&h, b); flags != "" {
		fmt.Fprintf(&s, " %s", flags)
	}
	fmt.Fprintf(&s, " ttl %d length %d", ttl(f, b), len(b))
	if inner, at := within(&h, b); inner != 0 && depth < 3 && at < len(b) && h.FragOff == 0 && !laterFragment(f, b) {
		fmt.Fprintf(&s, " { %s }", summary(inner, b[at:], depth+1))
	}
	return s.String()
}

// protocol names a protocol; those of tunnels by what they are.
func protocol(p uint8) string {
	switch p {
	case packet.ProtoIPIP:
		return "IPIP"
	case packet.ProtoIPv6:
		return "IPv6"
	case packet.ProtoGRE:
		return "GRE"
	}
	return packet.ProtoName(p)
}

func ttl(f packet.Family, b []byte) uint8 {
	if f == packet.IPv6 {
		return b[7]
	}
	return b[8]
}

func laterFragment(f packet.Family, b []byte) bool {
	return f == packet.IPv4 && packet.Fragmentation(b, 0)&packet.FragMask != 0
}

// within finds the datagram that a tunnel or an ICMP error carries: its family,
// 0 if there is none, and where it starts.
func within(h *packet.Header, b []byte) (packet.Family, int) {
	switch h.Protocol {
	case packet.ProtoIPIP:
		return packet.IPv4, h.Len
	case packet.ProtoIPv6:
		return packet.IPv6, h.Len
	case packet.ProtoICMP:
		if len(b) > h.Len && (b[h.Len] == 3 || b[h.Len] == 4 || b[h.Len] == 5 || b[h.Len] == 11 || b[h.Len] == 12) {
			return packet.IPv4, h.Len + packet.SizeICMP
		}
	case packet.ProtoICMPv6:
		if len(b) > h.Len && b[h.Len] < 128 {
			return packet.IPv6, h.Len + packet.SizeICMP
		}
	}
	return 0, 0
}

// tcpFlags names the flags of a TCP header.
func tcpFlags(h *packet.Header, b []byte) string {
	if h.Protocol != packet.ProtoTCP || len(b) < h.Len+14 || h.FragOff != 0 || laterFragment(h.Family, b) {
		return ""
	}
	return flagNames(b[h.Len+13])
}

// flagNames names TCP flags.
func flagNames(f uint8) string {
	var names []string
	for i, n := range [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"} {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, "+")
}

// arpSummary returns what a message of ARP says, in a line.
func arpSummary(b []byte) string {
	a, ok := host.ParseARP(b)
	switch {
	case !ok:
		return fmt.Sprintf("ARP, %d octets", len(b))
	case a.Reply:
		return fmt.Sprintf("ARP %s is at %s", a.Sender.Netip(packet.IPv4), mac(a.SenderMAC))
	}
	return fmt.Sprintf("ARP who has %s? asks %s at %s", a.Target.Netip(packet.IPv4), a.Sender.Netip(packet.IPv4), mac(a.SenderMAC))
}
