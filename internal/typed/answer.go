package typed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"goipvs/packet"
)

const tooBig = "too-big"

// icmpKind is an ICMP error: type and code in IPv4 and IPv6.
type icmpKind struct{ type4, code4, type6, code6 byte }

// errorKinds are the ICMP errors by their names (RFC 792, RFC 1191, RFC 4443).
var errorKinds = map[string]icmpKind{
	"unreachable":      {3, 3, 1, 4}, // port
	"host-unreachable": {3, 1, 1, 3},
	"prohibited":       {3, 13, 1, 1},
	tooBig:             {3, 4, 2, 0},
	"expired":          {11, 0, 3, 0},
}

func errorNames() string {
	var names []string
	for n := range errorKinds {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// How much of a packet an ICMP error quotes (RFC 1812 §4.3.2.3, RFC 4443 §2.4).
const (
	most4 = 576 - packet.SizeIPv4 - packet.SizeICMP
	most6 = 1280 - packet.SizeIPv6 - packet.SizeICMP
)

// parseIP parses the header of a datagram, which nobody looked at on receipt where
// it came out of a tunnel.
func parseIP(b []byte, h *packet.Header) bool {
	if len(b) == 0 {
		return false
	}
	f := packet.Family(b[0] >> 4)
	if f != packet.IPv4 && f != packet.IPv6 {
		return false
	}
	return packet.ParseHeader(f, b, 0, h) && h.Len >= packet.SizeIPv4 && h.Len <= len(b)
}

// answerTo makes the reply to a datagram that left, or the error about it.
func (l *line) answerTo(b []byte) ([]byte, error) {
	var h packet.Header
	for {
		if !parseIP(b, &h) {
			return nil, errors.New("what it put out is no IP datagram")
		}
		if l.kind != "" || h.Protocol != packet.ProtoIPIP && h.Protocol != packet.ProtoIPv6 {
			break
		}
		b = b[h.Len:] // a server unwraps what came by a tunnel
	}
	sport, dport, ports := h.Ports(b)
	d := l.datagram
	d.src = netip.AddrPortFrom(h.Dst.Netip(h.Family), dport)
	d.dst = netip.AddrPortFrom(h.Src.Netip(h.Family), sport)
	if l.kind != "" {
		return l.errorAbout(d, b)
	}
	d.proto = h.Protocol
	if d.flags != "" && !(h.Protocol == packet.ProtoTCP && isFlags(d.flags)) && !(h.Protocol == packet.ProtoSCTP && isChunk(d.flags)) {
		return nil, fmt.Errorf("%s has no %s", packet.ProtoName(h.Protocol), d.flags)
	}
	switch h.Protocol {
	case packet.ProtoTCP:
		if !ports || len(b) < h.Len+packet.SizeTCP {
			return nil, errors.New("what it put out has no whole TCP header")
		}
		if b[h.Len+13]&2 != 0 && d.flags == "" {
			d.flags = "SYN+ACK"
		}
	case packet.ProtoUDP:
	case packet.ProtoSCTP:
		if d.flags == "" {
			d.flags = "INIT-ACK"
		}
	case packet.ProtoICMP, packet.ProtoICMPv6:
		if len(b) < h.Len+packet.SizeICMP || b[h.Len] != 8 && b[h.Len] != 128 {
			return nil, errors.New("an ICMP message other than an echo request has no reply")
		}
		return d.icmp(d.echo(true), binary.BigEndian.Uint32(b[h.Len+4:]), b[h.Len+packet.SizeICMP:])
	default:
		return nil, fmt.Errorf("what the reply to protocol %d is, is not known", h.Protocol)
	}
	return d.build()
}

// errorAbout makes an ICMP error about b, from whom it was for to whom it was
// from.
func (l *line) errorAbout(d datagram, b []byte) ([]byte, error) {
	if l.by.IsValid() {
		if l.by.Is4() != d.src.Addr().Is4() {
			return nil, fmt.Errorf("%s is of the other family", l.by)
		}
		d.src = netip.AddrPortFrom(l.by, 0)
	}
	k := errorKinds[l.kind]
	kind, code, most := k.type4, k.code4, most4
	if d.src.Addr().Is6() {
		kind, code, most = k.type6, k.code6, most6
	}
	out, err := d.icmp(kind, l.mtu, b[:min(len(b), most)])
	if err != nil || code == 0 {
		return out, err
	}
	at := len(out) - packet.SizeICMP - min(len(b), most)
	return d.recode(out, at, code)
}

// recode sets an ICMP message's code.
func (d *datagram) recode(b []byte, at int, code byte) ([]byte, error) {
	b[at+1], b[at+2], b[at+3] = code, 0, 0
	src, family := packet.AddrFrom(d.src.Addr())
	dst, _ := packet.AddrFrom(d.dst.Addr())
	d.sum(family, src, dst, b[at:])
	return b, nil
}
