package trace

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"goipvs/packet"
)

// maxLayers is how many headers within each other are looked at.
const maxLayers = 16

// decoder takes datagrams apart into layers.
type decoder struct {
	gue map[uint16]bool // UDP ports that GUE tunnels go to
}

// learn notes a port that GUE tunnels go to: by it their headers are known.
func (d *decoder) learn(port uint16) {
	if d.gue == nil {
		d.gue = map[uint16]bool{}
	}
	d.gue[port] = true
}

// layers takes a datagram apart, as far as it goes: reading stops without
// complaint where the octets end.
func (d *decoder) layers(f packet.Family, b []byte) []Layer {
	var all []Layer
	d.datagram(&all, f, b, false)
	return all
}

func (d *decoder) datagram(all *[]Layer, f packet.Family, b []byte, quoted bool) {
	if len(*all) >= maxLayers {
		payload(all, b, quoted)
		return
	}
	if f == packet.IPv6 {
		d.ipv6(all, b, quoted)
		return
	}
	d.ipv4(all, b, quoted)
}

// fields makes a list of name and value in turn.
func fields(pairs ...any) []Field {
	var all []Field
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, Field{pairs[i].(string), fmt.Sprint(pairs[i+1])})
	}
	return all
}

func payload(all *[]Layer, b []byte, quoted bool) {
	if len(b) == 0 {
		return
	}
	*all = append(*all, Layer{"payload", quoted, fields("length", len(b), "data", excerpt(b))})
}

// excerptMax is how much of a payload is shown, in octets.
const excerptMax = 256

func excerpt(b []byte) string {
	if len(b) > excerptMax {
		return strconv.QuoteToASCII(string(b[:excerptMax])) + "…"
	}
	return strconv.QuoteToASCII(string(b))
}

func hex16(v uint16) string { return fmt.Sprintf("0x%04x", v) }

func (d *decoder) ipv4(all *[]Layer, b []byte, quoted bool) {
	if len(b) < packet.SizeIPv4 {
		payload(all, b, quoted)
		return
	}
	word := packet.Fragmentation(b, 0)
	n := int(b[0]&15) * 4
	l := Layer{"IPv4", quoted, fields(
		"src", netip.AddrFrom4([4]byte(b[12:])), "dst", netip.AddrFrom4([4]byte(b[16:])),
		"protocol", protocol(b[9]), "ttl", b[8], "tos", fmt.Sprintf("0x%02x", b[1]),
		"length", binary.BigEndian.Uint16(b[2:]), "id", binary.BigEndian.Uint16(b[4:]),
		"flags", flags4(word), "offset", int(word&packet.FragMask)*8,
		"checksum", hex16(binary.BigEndian.Uint16(b[10:])),
	)}
	if n > packet.SizeIPv4 && len(b) >= n {
		l.Fields = append(l.Fields, Field{"options", fmt.Sprintf("%x", b[packet.SizeIPv4:n])})
	}
	*all = append(*all, l)
	rest := b[min(max(n, packet.SizeIPv4), len(b)):]
	if word&packet.FragMask != 0 {
		payload(all, rest, quoted)
		return
	}
	d.transport(all, b[9], rest, quoted)
}

func flags4(word uint16) string {
	switch word & (packet.FlagDF | packet.FlagMF) {
	case packet.FlagDF:
		return "DF"
	case packet.FlagMF:
		return "MF"
	case 0:
		return "none"
	}
	return "DF MF"
}

func (d *decoder) ipv6(all *[]Layer, b []byte, quoted bool) {
	if len(b) < packet.SizeIPv6 {
		payload(all, b, quoted)
		return
	}
	w := binary.BigEndian.Uint32(b)
	*all = append(*all, Layer{"IPv6", quoted, fields(
		"src", netip.AddrFrom16([16]byte(b[8:])), "dst", netip.AddrFrom16([16]byte(b[24:])),
		"next header", protocol6(b[6]), "hop limit", b[7], "traffic class", fmt.Sprintf("0x%02x", uint8(w>>20)),
		"flow label", fmt.Sprintf("0x%05x", w&0xfffff), "length", binary.BigEndian.Uint16(b[4:]),
	)})
	next, rest := b[6], b[packet.SizeIPv6:]
	for len(*all) < maxLayers {
		n := 0
		switch {
		case next == packet.ExtFragment && len(rest) >= 8:
			word := binary.BigEndian.Uint16(rest[2:])
			*all = append(*all, Layer{"fragment", quoted, fields(
				"next header", protocol6(rest[0]), "offset", int(word&^7), "more", word&1 != 0,
				"id", binary.BigEndian.Uint32(rest[4:]),
			)})
			if word&^7 != 0 {
				payload(all, rest[8:], quoted)
				return
			}
			n = 8
		case (next == 0 || next == 43 || next == 60) && len(rest) >= 8:
			n = min((int(rest[1])+1)*8, len(rest))
			*all = append(*all, Layer{protocol6(next), quoted, fields("next header", protocol6(rest[0]), "octets", fmt.Sprintf("%x", rest[2:n]))})
		default:
			d.transport(all, next, rest, quoted)
			return
		}
		next, rest = rest[0], rest[n:]
	}
}

// protocol6 names what follows an IPv6 header.
func protocol6(p uint8) string {
	switch p {
	case 0:
		return "hop-by-hop"
	case 43:
		return "routing"
	case packet.ExtFragment:
		return "fragment"
	case 59:
		return "none"
	case 60:
		return "destination options"
	}
	return protocol(p)
}

func (d *decoder) transport(all *[]Layer, proto uint8, b []byte, quoted bool) {
	u16 := func(at int) uint16 { return binary.BigEndian.Uint16(b[at:]) }
	switch {
	case proto == packet.ProtoTCP && len(b) >= packet.SizeTCP:
		n := min(max(int(b[12]>>4)*4, packet.SizeTCP), len(b))
		l := Layer{"TCP", quoted, fields(
			"src port", u16(0), "dst port", u16(2), "seq", binary.BigEndian.Uint32(b[4:]), "ack", binary.BigEndian.Uint32(b[8:]),
			"flags", flagNames(b[13]), "window", u16(14), "checksum", hex16(u16(16)),
		)}
		if n > packet.SizeTCP {
			l.Fields = append(l.Fields, Field{"options", fmt.Sprintf("%x", b[packet.SizeTCP:n])})
		}
		*all = append(*all, l)
		payload(all, b[n:], quoted)
	case proto == packet.ProtoUDP && len(b) >= packet.SizeUDP:
		*all = append(*all, Layer{"UDP", quoted, fields("src port", u16(0), "dst port", u16(2), "length", u16(4), "checksum", hex16(u16(6)))})
		rest := b[packet.SizeUDP:]
		if d.gue[u16(2)] && len(rest) >= 4 {
			n := min(4+int(rest[0]&31)*4, len(rest))
			*all = append(*all, Layer{"GUE", quoted, fields("protocol", protocol(rest[1]), "header", fmt.Sprintf("%x", rest[:n]))})
			d.inside(all, rest[1], rest[n:], quoted)
			return
		}
		payload(all, rest, quoted)
	case proto == packet.ProtoSCTP && len(b) >= packet.SizeSCTP:
		*all = append(*all, Layer{"SCTP", quoted, fields(
			"src port", u16(0), "dst port", u16(2), "tag", fmt.Sprintf("0x%08x", binary.BigEndian.Uint32(b[4:])),
			"checksum", fmt.Sprintf("0x%08x", binary.BigEndian.Uint32(b[8:])),
		)})
		payload(all, b[packet.SizeSCTP:], quoted)
	case (proto == packet.ProtoTCP || proto == packet.ProtoUDP || proto == packet.ProtoSCTP) && len(b) >= 4:
		// As an ICMP error may quote it.
		*all = append(*all, Layer{protocol(proto), quoted, fields("src port", u16(0), "dst port", u16(2))})
		payload(all, b[4:], quoted)
	case (proto == packet.ProtoICMP || proto == packet.ProtoICMPv6) && len(b) >= packet.SizeICMP:
		d.icmp(all, proto, b, quoted)
	case proto == packet.ProtoGRE && len(b) >= 4:
		n := 4
		l := Layer{"GRE", quoted, fields("flags", hex16(u16(0)), "protocol", hex16(u16(2)))}
		if u16(0)&0x8000 != 0 && len(b) >= 8 {
			n = 8
			l.Fields = append(l.Fields, Field{"checksum", hex16(u16(4))})
		}
		*all = append(*all, l)
		inner := uint8(0)
		switch u16(2) {
		case 0x0800:
			inner = packet.ProtoIPIP
		case 0x86dd:
			inner = packet.ProtoIPv6
		}
		d.inside(all, inner, b[n:], quoted)
	default:
		d.inside(all, proto, b, quoted)
	}
}

// inside takes apart what a tunnel carries.
func (d *decoder) inside(all *[]Layer, proto uint8, b []byte, quoted bool) {
	switch {
	case proto == packet.ProtoIPIP && len(b) > 0 && b[0]>>4 == 4:
		d.datagram(all, packet.IPv4, b, quoted)
	case proto == packet.ProtoIPv6 && len(b) > 0 && b[0]>>4 == 6:
		d.datagram(all, packet.IPv6, b, quoted)
	default:
		payload(all, b, quoted)
	}
}

// Layers takes a datagram apart; gue are the UDP ports that GUE tunnels go to.
func Layers(f packet.Family, b []byte, gue map[uint16]bool) []Layer {
	d := decoder{gue}
	return d.layers(f, b)
}
