package sched

// hash32 spreads v over 1<<bits places by the top bits of its product with the
// golden ratio's multiplier.
//
// Kernel: include/linux/hash.h, hash_32 (6.1). Much older kernels took the low
// bits of another product for dh, sh, lblc and lblcr; their choices differ.
func hash32(v uint32, bits uint) uint32 { return v * 0x61c88647 >> (32 - bits) }
