package fuzzer

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"goipvs/packet"
)

// ip is an IP header to be.
type ip struct {
	src, dst netip.Addr
	proto    uint8
	ttl, tos uint8
	id       uint16 // of IPv4
	df       bool
	options  []byte // of IPv4, of whole words
	ext      []ext  // of IPv6
}

// ext is an IPv6 extension header: its type and what follows its first two
// octets, so that the whole is a multiple of eight long.
type ext struct {
	proto uint8
	body  []byte
}

// datagram returns the header with a payload behind it.
func (h *ip) datagram(payload []byte) []byte {
	if h.src.Is6() {
		return h.datagram6(payload)
	}
	n := packet.SizeIPv4 + len(h.options)
	b := make([]byte, n, n+len(payload))
	b[0], b[1], b[8], b[9] = 0x40|byte(n/4), h.tos, h.ttl, h.proto
	binary.BigEndian.PutUint16(b[2:], uint16(n+len(payload)))
	binary.BigEndian.PutUint16(b[4:], h.id)
	if h.df {
		b[6] = packet.FlagDF >> 8
	}
	copy(b[12:], h.src.AsSlice())
	copy(b[16:], h.dst.AsSlice())
	copy(b[packet.SizeIPv4:], h.options)
	packet.SetIPv4Checksum(b, 0)
	return append(b, payload...)
}

func (h *ip) datagram6(payload []byte) []byte {
	b := make([]byte, packet.SizeIPv6)
	b[0], b[1] = 0x60|h.tos>>4, h.tos<<4
	b[6], b[7] = h.proto, h.ttl
	copy(b[8:], h.src.AsSlice())
	copy(b[24:], h.dst.AsSlice())
	at := 6
	for _, e := range h.ext {
		next := len(b)
		b[at] = e.proto
		size := (len(e.body)+2)/8 - 1
		if e.proto == packet.ProtoAH {
			size = (len(e.body)+2)/4 - 2
		}
		b = append(b, h.proto, byte(size))
		b = append(b, e.body...)
		at = next
	}
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-packet.SizeIPv6))
	return b
}

func checksum(h *ip, b []byte) uint16 {
	src, f := packet.AddrFrom(h.src)
	dst, _ := packet.AddrFrom(h.dst)
	return packet.TransportChecksum(f, src, dst, h.proto, b)
}

// TCP's flags.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
)

// segment is a TCP segment to be.
type segment struct {
	sport, dport uint16
	seq, ack     uint32
	flags        uint8
	options      []byte
	data         []byte
}

func (s *segment) datagram(h *ip) []byte {
	h.proto = packet.ProtoTCP
	n := packet.SizeTCP + len(s.options)
	b := make([]byte, n, n+len(s.data))
	binary.BigEndian.PutUint16(b, s.sport)
	binary.BigEndian.PutUint16(b[2:], s.dport)
	binary.BigEndian.PutUint32(b[4:], s.seq)
	binary.BigEndian.PutUint32(b[8:], s.ack)
	b[12], b[13] = byte(n/4)<<4, s.flags
	binary.BigEndian.PutUint16(b[14:], 64240)
	copy(b[packet.SizeTCP:], s.options)
	b = append(b, s.data...)
	binary.BigEndian.PutUint16(b[16:], checksum(h, b))
	return h.datagram(b)
}

func udpDatagram(h *ip, sport, dport uint16, data []byte) []byte {
	h.proto = packet.ProtoUDP
	b := make([]byte, packet.SizeUDP, packet.SizeUDP+len(data))
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint16(b[4:], uint16(packet.SizeUDP+len(data)))
	b = append(b, data...)
	sum := checksum(h, b)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return h.datagram(b)
}

// chunk is an SCTP chunk.
type chunk struct {
	typ, flags uint8
	data       []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sctpDatagram(h *ip, sport, dport uint16, chunks []chunk) []byte {
	h.proto = packet.ProtoSCTP
	b := make([]byte, packet.SizeSCTP)
	binary.BigEndian.PutUint16(b, sport)
	binary.BigEndian.PutUint16(b[2:], dport)
	binary.BigEndian.PutUint32(b[4:], 0x11223344)
	for _, c := range chunks {
		b = append(b, c.typ, c.flags)
		b = binary.BigEndian.AppendUint16(b, uint16(4+len(c.data)))
		b = append(b, c.data...)
		b = append(b, make([]byte, -len(c.data)&3)...)
	}
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, castagnoli))
	return h.datagram(b)
}

// icmpDatagram makes an ICMP or ICMPv6 message of the second word and what
// follows it.
func icmpDatagram(h *ip, typ, code uint8, word uint32, data []byte) []byte {
	h.proto = packet.ProtoICMP
	b := []byte{typ, code, 0, 0}
	b = append(binary.BigEndian.AppendUint32(b, word), data...)
	sum := packet.Fold(packet.Sum(b, 0))
	if h.src.Is6() {
		h.proto = packet.ProtoICMPv6
		sum = checksum(h, b)
	}
	binary.BigEndian.PutUint16(b[2:], sum)
	return h.datagram(b)
}
