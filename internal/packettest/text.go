package packettest

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

// PortGUE is the UDP port whose datagrams Text takes for GUE.
const PortGUE = 6080

// Text returns a datagram in words, a line for each header: all of its fields,
// and whether each checksum is right. What it wraps or quotes is indented.
func Text(b []byte) string {
	var w writer
	w.ip(b, 0)
	return w.String()
}

// Diff returns the lines in which the texts of two datagrams differ, and the
// first octet; "" if they are equal.
func Diff(want, got []byte) string {
	d := cmp.Diff(strings.Split(Text(want), "\n"), strings.Split(Text(got), "\n"))
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("octet %d: want %#02x, got %#02x\n%s", i, want[i], got[i], d)
		}
	}
	if len(want) != len(got) {
		return fmt.Sprintf("want %d octets, got %d\n%s", len(want), len(got), d)
	}
	return d
}

type writer struct{ strings.Builder }

func (w *writer) line(depth int, format string, args ...any) {
	fmt.Fprintf(w, strings.Repeat("  ", depth)+format+"\n", args...)
}

func (w *writer) ip(b []byte, depth int) {
	switch {
	case len(b) >= packet.SizeIPv4 && b[0]>>4 == 4 && len(b) >= int(b[0]&0xf)*4:
		w.ip4(b, depth)
	case len(b) >= packet.SizeIPv6 && b[0]>>4 == 6:
		w.ip6(b, depth)
	default:
		w.line(depth, "octets % x", b)
	}
}

// length is what a length field says and, if it is something else, how many
// octets there are.
func length(says, are int) string {
	if says == are {
		return fmt.Sprint(says)
	}
	return fmt.Sprintf("%d (%d here)", says, are)
}

func verdict(right bool) string {
	if right {
		return "ok"
	}
	return "wrong"
}

func (w *writer) ip4(b []byte, depth int) {
	n := int(b[0]&0xf) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	frag := packet.Fragmentation(b, 0)
	var flags strings.Builder
	for _, f := range []struct {
		bit  uint16
		name string
	}{{packet.FlagDF, " DF"}, {packet.FlagMF, " MF"}} {
		if frag&f.bit != 0 {
			flags.WriteString(f.name)
		}
	}
	if off := frag & packet.FragMask; off != 0 {
		fmt.Fprintf(&flags, " at %d", int(off)*8)
	}
	var h packet.Header
	packet.ParseHeader(packet.IPv4, b, 0, &h)
	w.line(depth, "IPv4 %v > %v len %s ttl %d tos %02x id %04x%s sum %s",
		h.Src.Netip(packet.IPv4), h.Dst.Netip(packet.IPv4), length(total, len(b)), b[8], b[1],
		binary.BigEndian.Uint16(b[4:]), flags.String(), verdict(packet.Fold(packet.Sum(b[:n], 0)) == 0))
	if n > packet.SizeIPv4 {
		w.line(depth, "  options % x", b[packet.SizeIPv4:n])
	}
	if frag&packet.FragMask != 0 {
		w.line(depth, "  octets % x", b[n:])
		return
	}
	// Of a packet that is cut off the checksum can't be told.
	w.transport(h, b, frag&packet.FlagMF == 0 && total == len(b), depth+1)
}

func (w *writer) ip6(b []byte, depth int) {
	v := binary.BigEndian.Uint32(b)
	says := int(binary.BigEndian.Uint16(b[4:])) + packet.SizeIPv6
	var h packet.Header
	ok := packet.ParseHeader(packet.IPv6, b, 0, &h)
	w.line(depth, "IPv6 %v > %v len %s hlim %d class %02x flow %05x next %d",
		h.Src.Netip(packet.IPv6), h.Dst.Netip(packet.IPv6), length(says, len(b)), b[7], v>>20&0xff, v&0xfffff, b[6])
	switch {
	case !ok:
		w.line(depth, "  octets % x", b[packet.SizeIPv6:])
	case h.FragOff != 0:
		w.line(depth, "  fragment at %d, octets % x", h.FragOff, b[packet.SizeIPv6:])
	default:
		if h.Len > packet.SizeIPv6 {
			w.line(depth, "  extension headers % x", b[packet.SizeIPv6:h.Len])
		}
		w.transport(h, b, !h.Fragment && says == len(b), depth+1)
	}
}

// transport writes what follows the IP header; whole says that nothing is
// missing, so that checksums can be told.
func (w *writer) transport(h packet.Header, b []byte, whole bool, depth int) {
	b = b[h.Len:]
	sum := func(have uint16) string {
		if !whole {
			return fmt.Sprintf("%04x", have)
		}
		return verdict(packet.TransportChecksum(h.Family, h.Src, h.Dst, h.Protocol, b) == 0)
	}
	switch {
	case h.Protocol == packet.ProtoTCP && len(b) >= packet.SizeTCP:
		w.line(depth, "TCP %d > %d %s sum %s", port(b), port(b[2:]), tcpFlags(b[13]), sum(port(b[16:])))
		w.payload(b[packet.SizeTCP:], depth)
	case h.Protocol == packet.ProtoUDP && len(b) >= packet.SizeUDP:
		s := "none"
		if port(b[6:]) != 0 {
			s = sum(port(b[6:]))
		}
		w.line(depth, "UDP %d > %d len %s sum %s", port(b), port(b[2:]), length(int(port(b[4:])), len(b)), s)
		w.gue(b, depth)
	case h.Protocol == packet.ProtoSCTP && len(b) >= packet.SizeSCTP:
		right := binary.LittleEndian.Uint32(b[8:]) == packet.SCTPChecksum(b)
		w.line(depth, "SCTP %d > %d tag %08x sum %s", port(b), port(b[2:]), binary.BigEndian.Uint32(b[4:]), verdict(right))
		w.payload(b[packet.SizeSCTP:], depth)
	case (h.Protocol == packet.ProtoICMP || h.Protocol == packet.ProtoICMPv6) && len(b) >= packet.SizeICMP:
		w.icmp(h, b, sum, depth)
	case h.Protocol == packet.ProtoIPIP || h.Protocol == packet.ProtoIPv6:
		w.ip(b, depth)
	case h.Protocol == packet.ProtoGRE && len(b) >= 4:
		w.gre(b, depth)
	default:
		w.line(depth, "%s % x", packet.ProtoName(h.Protocol), b)
	}
}

func port(b []byte) uint16 { return binary.BigEndian.Uint16(b) }

func tcpFlags(f byte) string {
	s := []byte{}
	for i, c := range "FSRPAU" {
		if f>>i&1 != 0 {
			s = append(s, byte(c))
		}
	}
	if len(s) == 0 {
		return "."
	}
	return string(s)
}

func (w *writer) payload(b []byte, depth int) {
	switch {
	case len(b) > 32:
		w.line(depth, "  payload %d: % x … sum %04x", len(b), b[:16], packet.Fold(packet.Sum(b, 0)))
	case len(b) > 0:
		w.line(depth, "  payload %d: % x", len(b), b)
	}
}

func (w *writer) gue(b []byte, depth int) {
	g := b[packet.SizeUDP:]
	if port(b[2:]) != PortGUE || len(g) < 4 {
		w.payload(g, depth)
		return
	}
	w.line(depth, "GUE % x", g[:4])
	w.ip(g[min(4+int(g[0]&0x1f)*4, len(g)):], depth+1)
}

func (w *writer) gre(b []byte, depth int) {
	n, sum := 4, ""
	if b[0]&0x80 != 0 && len(b) >= 8 {
		n, sum = 8, " sum "+verdict(packet.Fold(packet.Sum(b, 0)) == 0)
	}
	w.line(depth, "GRE flags %04x protocol %04x%s", port(b), port(b[2:]), sum)
	w.ip(b[n:], depth+1)
}

func (w *writer) icmp(h packet.Header, b []byte, sum func(uint16) string, depth int) {
	name, isError := "ICMP", b[0] == 3 || b[0] == 4 || b[0] == 11
	s := verdict(packet.Fold(packet.Sum(b, 0)) == 0)
	if h.Protocol == packet.ProtoICMPv6 {
		name, isError, s = "ICMPv6", b[0] < 128, sum(port(b[2:]))
	}
	w.line(depth, "%s type %d code %d info %08x sum %s", name, b[0], b[1], binary.BigEndian.Uint32(b[4:]), s)
	if isError {
		w.ip(b[packet.SizeICMP:], depth+1)
	} else {
		w.payload(b[packet.SizeICMP:], depth)
	}
}
