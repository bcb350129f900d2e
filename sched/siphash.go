package sched

import (
	"encoding/binary"
	"math/bits"
)

// hsiphash is SipHash-1-3 cut to its low 32 bits, the kernel's short hash on
// 64-bit machines.
//
// Kernel: lib/siphash.c, hsiphash (6.1). SipHash: Aumasson, Bernstein, "SipHash:
// a fast short-input PRF", 2012.
func hsiphash(key [2]uint64, b []byte) uint32 {
	h := sipState{
		key[0] ^ 0x736f6d6570736575,
		key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573,
	}
	last := uint64(len(b)) << 56
	for ; len(b) >= 8; b = b[8:] {
		h.word(binary.LittleEndian.Uint64(b))
	}
	for i, x := range b {
		last |= uint64(x) << (8 * i)
	}
	h.word(last)
	h[2] ^= 0xff
	h.round()
	h.round()
	h.round()
	return uint32(h[0] ^ h[1] ^ h[2] ^ h[3])
}

type sipState [4]uint64

// word takes in eight octets, with one round.
func (h *sipState) word(m uint64) {
	h[3] ^= m
	h.round()
	h[0] ^= m
}

func (h *sipState) round() {
	h[0] += h[1]
	h[2] += h[3]
	h[1] = bits.RotateLeft64(h[1], 13) ^ h[0]
	h[3] = bits.RotateLeft64(h[3], 16) ^ h[2]
	h[0] = bits.RotateLeft64(h[0], 32)
	h[2] += h[1]
	h[0] += h[3]
	h[1] = bits.RotateLeft64(h[1], 17) ^ h[2]
	h[3] = bits.RotateLeft64(h[3], 21) ^ h[0]
	h[2] = bits.RotateLeft64(h[2], 32)
}
