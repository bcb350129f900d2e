package packettest

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"goipvs/packet"
)

// TCP flags.
const (
	FIN = 0x01
	SYN = 0x02
	RST = 0x04
	PSH = 0x08
	ACK = 0x10
)

// IP is the network header of a datagram to be built. Its family is that of Src;
// what is left zero gets the usual value. Lengths and checksums come out right.
type IP struct {
	Src, Dst string
	TTL      uint8 // or hop limit; 0: 64
	TOS      uint8 // or traffic class
	ID       uint16
	Frag     uint16 // IPv4: flags and offset word
	Options  []byte // IPv4: filled up to whole words
	Ext      []Ext  // IPv6: in order
}

// Ext is an IPv6 extension header.
type Ext struct {
	Type uint8
	Body []byte // from its third octet on; filled up to whole units
}

// FragmentHeader is the extension header of a fragment at an offset in octets.
func FragmentHeader(off int, more bool, id uint32) Ext {
	b := binary.BigEndian.AppendUint16(nil, uint16(off&^7))
	if more {
		b[1] |= 1
	}
	return Ext{packet.ExtFragment, binary.BigEndian.AppendUint32(b, id)}
}

// Addr returns an address by its text.
func Addr(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

// Family returns the family of an address by its text.
func Family(s string) packet.Family {
	_, f := packet.AddrFrom(netip.MustParseAddr(s))
	return f
}

// Wrap returns the datagram with a payload of a protocol.
func (h IP) Wrap(proto uint8, payload []byte) []byte {
	if h.TTL == 0 {
		h.TTL = 64
	}
	if Family(h.Src) == packet.IPv6 {
		return h.wrap6(proto, payload)
	}
	for len(h.Options)%4 != 0 {
		h.Options = append(slices.Clip(h.Options), 0)
	}
	n := packet.SizeIPv4 + len(h.Options)
	b := make([]byte, n, n+len(payload))
	b[0], b[1] = 0x40|byte(n/4), h.TOS
	binary.BigEndian.PutUint16(b[2:], uint16(n+len(payload)))
	binary.BigEndian.PutUint16(b[4:], h.ID)
	binary.BigEndian.PutUint16(b[6:], h.Frag)
	b[8], b[9] = h.TTL, proto
	src, dst := Addr(h.Src), Addr(h.Dst)
	copy(b[12:], src[:4])
	copy(b[16:], dst[:4])
	copy(b[20:], h.Options)
	packet.SetIPv4Checksum(b, 0)
	return append(b, payload...)
}

func (h IP) wrap6(proto uint8, payload []byte) []byte {
	var ext []byte
	for i, e := range h.Ext {
		next := proto
		if i+1 < len(h.Ext) {
			next = h.Ext[i+1].Type
		}
		ext = append(ext, e.encode(next)...)
	}
	b := make([]byte, packet.SizeIPv6, packet.SizeIPv6+len(ext)+len(payload))
	binary.BigEndian.PutUint32(b, 6<<28|uint32(h.TOS)<<20)
	binary.BigEndian.PutUint16(b[4:], uint16(len(ext)+len(payload)))
	b[6], b[7] = proto, h.TTL
	if len(h.Ext) > 0 {
		b[6] = h.Ext[0].Type
	}
	src, dst := Addr(h.Src), Addr(h.Dst)
	copy(b[8:], src[:])
	copy(b[24:], dst[:])
	return append(append(b, ext...), payload...)
}

// encode returns the header; its length field counts units of eight octets, that
// of AH words.
func (e Ext) encode(next uint8) []byte {
	b := append([]byte{next, 0}, e.Body...)
	if e.Type == packet.ExtFragment {
		return b
	}
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	b[1] = uint8(len(b)/8 - 1)
	if e.Type == packet.ProtoAH {
		b[1] = uint8(len(b)/4 - 2)
	}
	return b
}

// TCP returns a segment.
func (h IP) TCP(sport, dport uint16, flags byte, payload []byte) []byte {
	b := make([]byte, packet.SizeTCP, packet.SizeTCP+len(payload))
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	b[12], b[13] = packet.SizeTCP/4<<4, flags
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[16:], h.sum(packet.ProtoTCP, b))
	return h.Wrap(packet.ProtoTCP, b)
}

// UDP returns a datagram of UDP.
func (h IP) UDP(sport, dport uint16, payload []byte) []byte {
	b := udp(sport, dport, payload)
	sum := h.sum(packet.ProtoUDP, b)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return h.Wrap(packet.ProtoUDP, b)
}

// UDPNoSum is UDP without a checksum.
func (h IP) UDPNoSum(sport, dport uint16, payload []byte) []byte {
	return h.Wrap(packet.ProtoUDP, udp(sport, dport, payload))
}

func udp(sport, dport uint16, payload []byte) []byte {
	b := make([]byte, packet.SizeUDP, packet.SizeUDP+len(payload))
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint16(b[4:], uint16(packet.SizeUDP+len(payload)))
	return append(b, payload...)
}

// Chunk returns an SCTP chunk.
func Chunk(kind uint8, value ...byte) []byte {
	b := []byte{kind, 0, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(4+len(value)))
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// SCTP returns a packet of SCTP.
func (h IP) SCTP(sport, dport uint16, chunks ...[]byte) []byte {
	b := make([]byte, packet.SizeSCTP)
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint32(b[4:], 0x01020304)
	b = append(b, slices.Concat(chunks...)...)
	packet.SetSCTPChecksum(b)
	return h.Wrap(packet.ProtoSCTP, b)
}

// ICMP returns an ICMP or ICMPv6 message; info is its second word, body what
// follows, in an error the quoted packet.
func (h IP) ICMP(typ, code uint8, info uint32, body []byte) []byte {
	b := make([]byte, packet.SizeICMP, packet.SizeICMP+len(body))
	b[0], b[1] = typ, code
	binary.BigEndian.PutUint32(b[4:], info)
	b = append(b, body...)
	if Family(h.Src) == packet.IPv6 {
		binary.BigEndian.PutUint16(b[2:], h.sum(packet.ProtoICMPv6, b))
		return h.Wrap(packet.ProtoICMPv6, b)
	}
	binary.BigEndian.PutUint16(b[2:], packet.Fold(packet.Sum(b, 0)))
	return h.Wrap(packet.ProtoICMP, b)
}

func (h IP) sum(proto uint8, b []byte) uint16 {
	return packet.TransportChecksum(Family(h.Src), Addr(h.Src), Addr(h.Dst), proto, b)
}

// Payload returns n octets that differ from their neighbours.
func Payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

// Change returns a copy of b with octets replaced from off on; nothing is
// reckoned anew.
func Change(b []byte, off int, with ...byte) []byte {
	b = slices.Clone(b)
	copy(b[off:], with)
	return b
}

// Arrived returns a Packet with a datagram that came in by interface 1, for this
// host or to be forwarded.
func Arrived(b []byte, local bool) *packet.Packet {
	p := new(packet.Packet)
	p.Set(packet.Family(b[0]>>4), append(make([]byte, packet.Headroom), b...), packet.Headroom)
	p.InIf = 1
	p.Route = &packet.Route{Family: p.Family, Local: local, Input: true, OutIf: 1, MTU: 1500}
	return p
}

// Made returns a Packet with a datagram that a process of this host sends.
func Made(b []byte, toLocal bool) *packet.Packet {
	p := Arrived(b, toLocal)
	p.InIf, p.Route.Input = 0, false
	return p
}
