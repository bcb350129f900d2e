package sched

import "sync/atomic"

// hash32 spreads v over 1<<bits places by the top bits of its product with the
// golden ratio's multiplier.
//
// Kernel: include/linux/hash.h, hash_32 (6.1). Kernels before 4.19 took the low
// bits of another product for dh and the others; their choices differ.
func hash32(v uint32, bits uint) uint32 { return v * 0x61c88647 >> (32 - bits) }

// fixedRandom returns a source that gives the same well-mixed numbers on each
// run (SplitMix64).
func fixedRandom() func() uint32 {
	state := new(atomic.Uint64)
	return func() uint32 {
		z := state.Add(0x9e3779b97f4a7c15)
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return uint32(z >> 32)
	}
}
