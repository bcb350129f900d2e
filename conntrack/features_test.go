package conntrack

import "testing"

// The flags have the numbers of the kernel's interface (ip_vs.h, 6.1).
//
// Features: C5.
func TestFlagNumbers(t *testing.T) {
	for flag, want := range map[Flags]uint32{
		FwdMask: 7, hashed: 0x40, NoOutput: 0x80, Inactive: 0x100, OutSeq: 0x200, InSeq: 0x400,
		NoCPort: 0x800, Template: 0x1000, OnePacket: 0x2000, NFCT: 0x10000,
	} {
		if uint32(flag) != want {
			t.Errorf("%#x, want %#x", uint32(flag), want)
		}
	}
}
