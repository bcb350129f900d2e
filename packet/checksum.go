package packet

import (
	"encoding/binary"
	"math/bits"
)

// Sum adds b to a running ones' complement sum (RFC 1071), taking b as
// big-endian 16-bit words with a zero octet after an odd end. The result is
// not folded; start with 0.
func Sum(b []byte, sum uint64) uint64 {
	var carry uint64
	for len(b) >= 8 {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), 0)
		sum += carry
		b = b[8:]
	}
	var rest uint64
	for i, x := range b {
		rest |= uint64(x) << (56 - 8*i)
	}
	sum, carry = bits.Add64(sum, rest, 0)
	return sum + carry
}

// Fold reduces a running sum to 16 bits and complements it: the checksum.
func Fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum)
}

// PseudoSum is the running sum of the pseudo header before a transport header
// of n octets (RFC 9293 §3.1, RFC 8200 §8.1).
func PseudoSum(f Family, src, dst Addr, proto uint8, n int) uint64 {
	sum := uint64(proto) + uint64(n)
	if f == IPv4 {
		return Sum(dst[:4], Sum(src[:4], sum))
	}
	return Sum(dst[:], Sum(src[:], sum))
}

// SetIPv4Checksum computes the header checksum of the IPv4 header at off anew.
//
// Kernel: net/ipv4/ip_output.c, ip_send_check (6.1).
func SetIPv4Checksum(b []byte, off int) {
	h := b[off : off+int(b[off]&0xf)*4]
	if len(h) == SizeIPv4 {
		// In the pieces in which fields are written: a wider load would have to
		// wait for such a store.
		sum := uint64(binary.BigEndian.Uint32(h)) + uint64(binary.BigEndian.Uint32(h[4:])) +
			uint64(binary.BigEndian.Uint16(h[8:]))<<16 + uint64(binary.BigEndian.Uint32(h[12:])) + uint64(binary.BigEndian.Uint32(h[16:]))
		binary.BigEndian.PutUint16(h[10:], Fold(sum))
		return
	}
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], Fold(Sum(h, 0)))
}

// UpdateAddr adjusts checksum check for an address and a port (or any 16-bit
// word) changed from old to new (RFC 1624 §3, equation 3).
//
// Kernel: ip_vs_proto_tcp.c, tcp_fast_csum_update (6.1).
func UpdateAddr(f Family, check uint16, old, new *Addr, oldPort, newPort uint16) uint16 {
	sum := uint64(^check) + uint64(^oldPort) + uint64(newPort) + uint64(^old.Word(0)) + uint64(new.Word(0))
	if f == IPv6 {
		for i := 1; i < 4; i++ {
			sum += uint64(^old.Word(i)) + uint64(new.Word(i))
		}
	}
	return Fold(sum)
}

// TransportChecksum returns the checksum over the pseudo header and b, the
// transport header with its payload. A correct packet with its checksum in
// place gives 0.
func TransportChecksum(f Family, src, dst Addr, proto uint8, b []byte) uint16 {
	return Fold(Sum(b, PseudoSum(f, src, dst, proto, len(b))))
}
