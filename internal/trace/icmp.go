package trace

import (
	"encoding/binary"
	"fmt"

	"goipvs/packet"
)

func (d *decoder) icmp(all *[]Layer, proto uint8, b []byte, quoted bool) {
	name, f := "ICMP", packet.Family(packet.IPv4)
	if proto == packet.ProtoICMPv6 {
		name, f = "ICMPv6", packet.IPv6
	}
	*all = append(*all, Layer{name, quoted, fields(
		"type", b[0], "code", b[1], "meaning", icmpMeaning(f, b[0], b[1]), "checksum", hex16(binary.BigEndian.Uint16(b[2:])),
		"rest", fmt.Sprintf("0x%08x", binary.BigEndian.Uint32(b[4:])),
	)})
	rest := b[packet.SizeICMP:]
	if isICMPError(f, b[0]) {
		d.datagram(all, f, rest, true)
		return
	}
	payload(all, rest, quoted)
}

// isICMPError reports whether an ICMP message quotes a datagram.
func isICMPError(f packet.Family, typ uint8) bool {
	if f == packet.IPv6 {
		return typ < 128
	}
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// icmpMeaning says what an ICMP message says.
func icmpMeaning(f packet.Family, typ, code uint8) string {
	if f == packet.IPv6 {
		switch typ {
		case 1:
			return name(code, "unreachable", "no route", "prohibited", "beyond scope", "address unreachable", "port unreachable")
		case 2:
			return "packet too big"
		case 3:
			return name(code, "time exceeded", "hop limit exceeded", "reassembly time exceeded")
		case 4:
			return "parameter problem"
		case 128:
			return "echo request"
		case 129:
			return "echo reply"
		}
		return fmt.Sprintf("type %d", typ)
	}
	switch typ {
	case 0:
		return "echo reply"
	case 3:
		return name(code, "unreachable", "network unreachable", "host unreachable", "protocol unreachable", "port unreachable", "fragmentation needed")
	case 4:
		return "source quench"
	case 5:
		return "redirect"
	case 8:
		return "echo request"
	case 11:
		return name(code, "time exceeded", "time to live exceeded", "reassembly time exceeded")
	case 12:
		return "parameter problem"
	}
	return fmt.Sprintf("type %d", typ)
}

func name(code uint8, other string, names ...string) string {
	if int(code) < len(names) {
		return names[code]
	}
	return fmt.Sprintf("%s, code %d", other, code)
}
