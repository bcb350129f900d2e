package sched

import "testing"

// TestHSiphash holds hsiphash against the outputs that the kernel's self-test
// (lib/test_siphash.c, dual BSD and GPL) expects on 64-bit machines: key 00 01 …
// 0f, input 00 01 … of some length.
//
// Features: SC9.
func TestHSiphash(t *testing.T) {
	key := [2]uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	var in [64]byte
	for i := range in {
		in[i] = byte(i)
	}
	for n, want := range map[int]uint32{
		0:  0x050fc4dc,
		1:  0x7d57ca93,
		4:  0x88d38328,
		7:  0x9bb11140,
		8:  0x8d299a8e,
		9:  0x6c063de4,
		12: 0x57b4d9a2,
		15: 0x2a519956,
		16: 0x7d908b66,
		31: 0x8c21d1bc,
		63: 0xb7bbb3a8,
	} {
		if got := hsiphash(key, in[:n]); got != want {
			t.Errorf("%d octets: %08x, want %08x", n, got, want)
		}
	}
}
