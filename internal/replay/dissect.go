package replay

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"goipvs/packet"
)

// check is what a checksum turned out to be.
type check uint8

const (
	unchecked check = iota // cut off, or of a fragment
	right
	wrong
)

func checked(ok bool) check {
	if ok {
		return right
	}
	return wrong
}

// dissection is a datagram taken apart, as far as it goes: reading stops
// without complaint where the octets end.
type dissection struct {
	v        int // 4 or 6; 0: not IP
	src, dst netip.Addr
	proto    uint8 // of the payload, after extension headers
	ttl, tos uint8
	length   int    // total length; IPv6: payload length
	id       uint32 // of IPv4, or of an IPv6 fragment header
	fragment bool   // has an IPv6 fragment header
	fragAt   int    // where that is
	df, mf   bool
	off      int // offset of this fragment in octets
	flow     uint32
	options  []byte   // IPv4
	ext      [][]byte // IPv6 extension headers, each with its type before it
	ip       check

	l4      int // where the payload starts
	payload []byte

	kind         l4Kind
	sport, dport uint16
	seq, ack     uint32
	flags        uint8
	window       uint16
	udpLength    uint16
	vtag         uint32
	typ, code    uint8
	rest         uint32
	sum          uint16
	transport    check
	tcpOptions   []byte
	data         []byte
	gre          uint16
	inner        []byte // quoted or encapsulated datagram
}

// l4Kind is what a payload was read as.
type l4Kind uint8

const (
	l4None l4Kind = iota
	l4TCP
	l4UDP
	l4SCTP
	l4ICMP
	l4IPIP
	l4GRE
)

// dissect takes a datagram apart.
func dissect(b []byte) (d dissection) {
	switch {
	case len(b) >= packet.SizeIPv4 && b[0]>>4 == 4:
		d.dissectIPv4(b)
	case len(b) >= packet.SizeIPv6 && b[0]>>4 == 6:
		d.dissectIPv6(b)
	default:
		return d
	}
	if d.off == 0 {
		d.dissectPayload(b)
	}
	return d
}

func (d *dissection) dissectIPv4(b []byte) {
	d.v = 4
	d.l4 = int(b[0]&15) * 4
	d.tos, d.ttl, d.proto = b[1], b[8], b[9]
	d.length = int(binary.BigEndian.Uint16(b[2:]))
	d.id = uint32(binary.BigEndian.Uint16(b[4:]))
	f := binary.BigEndian.Uint16(b[6:])
	d.df, d.mf, d.off = f&packet.FlagDF != 0, f&packet.FlagMF != 0, int(f&packet.FragMask)*8
	d.src, d.dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	d.ip = checked(packet.Fold(packet.Sum(upto(b, 0, d.l4), 0)) == 0)
	d.options = upto(b, packet.SizeIPv4, d.l4)
	d.payload = upto(b, d.l4, d.length)
}

func (d *dissection) dissectIPv6(b []byte) {
	d.v = 6
	w := binary.BigEndian.Uint32(b)
	d.tos, d.flow = uint8(w>>20), w&0xfffff
	d.length = int(binary.BigEndian.Uint16(b[4:]))
	d.proto, d.ttl = b[6], b[7]
	d.src, d.dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	d.ip = right
	d.l4 = packet.SizeIPv6
	for len(b) >= d.l4+8 {
		switch d.proto {
		case 0, 43, 60: // hop-by-hop, routing, destination options
			n := (int(b[d.l4+1]) + 1) * 8
			d.ext = append(d.ext, append([]byte{d.proto}, upto(b, d.l4, d.l4+n)...))
			d.proto, d.l4 = b[d.l4], d.l4+n
			continue
		case packet.ExtFragment:
			f := binary.BigEndian.Uint16(b[d.l4+2:])
			if !d.fragment {
				d.fragment, d.fragAt = true, d.l4
			}
			d.id = binary.BigEndian.Uint32(b[d.l4+4:])
			d.off, d.mf = int(f&^7), f&1 != 0
			d.proto, d.l4 = b[d.l4], d.l4+8
			if d.off == 0 {
				continue
			}
		}
		break
	}
	d.payload = upto(b, d.l4, packet.SizeIPv6+d.length)
}

// upto is b[from:to] with both bounds brought into b.
func upto(b []byte, from, to int) []byte {
	to = min(to, len(b))
	return b[min(from, to):max(to, 0)]
}

func (d *dissection) dissectPayload(b []byte) {
	p := d.payload
	whole := !d.mf && (d.v == 4 && d.length == len(b) || d.v == 6 && d.length+packet.SizeIPv6 == len(b))
	switch {
	case d.proto == packet.ProtoTCP && len(p) >= packet.SizeTCP:
		d.kind = l4TCP
		d.seq, d.ack = binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
		n := int(p[12]>>4) * 4
		d.flags = p[13]
		d.window, d.sum = binary.BigEndian.Uint16(p[14:]), binary.BigEndian.Uint16(p[16:])
		d.tcpOptions, d.data = upto(p, packet.SizeTCP, n), upto(p, n, len(p))
		d.transport = d.verify(whole)
	case d.proto == packet.ProtoUDP && len(p) >= packet.SizeUDP:
		d.kind = l4UDP
		d.udpLength, d.sum = binary.BigEndian.Uint16(p[4:]), binary.BigEndian.Uint16(p[6:])
		d.data = p[8:]
		if d.sum == 0 && d.v == 4 {
			d.transport = right
		} else {
			d.transport = d.verify(whole)
		}
	case d.proto == packet.ProtoSCTP && len(p) >= packet.SizeSCTP:
		d.kind = l4SCTP
		d.vtag = binary.BigEndian.Uint32(p[4:])
		d.data = p[12:]
		d.transport = checked(whole && sctpSum(p) == binary.LittleEndian.Uint32(p[8:]))
	case (d.proto == packet.ProtoICMP || d.proto == packet.ProtoICMPv6) && len(p) >= packet.SizeICMP:
		d.kind = l4ICMP
		d.typ, d.code = p[0], p[1]
		d.sum, d.rest = binary.BigEndian.Uint16(p[2:]), binary.BigEndian.Uint32(p[4:])
		d.data = p[8:]
		d.transport = d.verify(whole)
		if d.isError() {
			d.inner = d.data
		}
	case d.proto == packet.ProtoIPIP || d.proto == packet.ProtoIPv6:
		d.kind, d.inner = l4IPIP, p
	case d.proto == packet.ProtoGRE && len(p) >= 4:
		d.kind = l4GRE
		d.gre = binary.BigEndian.Uint16(p)
		n := 4
		if d.gre&0x8000 != 0 {
			n = 8
		}
		if t := binary.BigEndian.Uint16(p[2:]); t == 0x0800 || t == 0x86dd {
			d.inner = upto(p, n, len(p))
		}
	}
	switch d.kind {
	case l4TCP, l4UDP, l4SCTP:
		d.sport, d.dport = binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:])
	}
}

// isError reports whether an ICMP message quotes a datagram.
func (d *dissection) isError() bool {
	if d.proto == packet.ProtoICMPv6 {
		return d.typ < 128
	}
	switch d.typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// verify computes the Internet checksum over the payload, with the pseudo
// header where the protocol has one.
func (d *dissection) verify(whole bool) check {
	if !whole {
		return unchecked
	}
	if d.proto == packet.ProtoICMP {
		return checked(packet.Fold(packet.Sum(d.payload, 0)) == 0)
	}
	src, f := packet.AddrFrom(d.src)
	dst, _ := packet.AddrFrom(d.dst)
	return checked(packet.TransportChecksum(f, src, dst, d.proto, d.payload) == 0)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sctpSum is the CRC32c of an SCTP packet with its checksum field zero
// (RFC 9260 §6.8).
func sctpSum(p []byte) uint32 {
	c := crc32.Update(0, castagnoli, p[:8])
	c = crc32.Update(c, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(c, castagnoli, p[12:])
}
