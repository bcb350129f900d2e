package packet_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"goipvs/packet"
)

// plainCRC32c is CRC32c bit by bit (RFC 9260 appendix A).
func plainCRC32c(b []byte) uint32 {
	crc := ^uint32(0)
	for _, x := range b {
		crc ^= uint32(x)
		for range 8 {
			crc = crc>>1 ^ 0x82f63b78&-(crc&1)
		}
	}
	return ^crc
}

func TestPlainCRC32c(t *testing.T) {
	if got := plainCRC32c([]byte("123456789")); got != 0xe3069283 {
		t.Fatalf("the reference itself is wrong: %#08x", got)
	}
}

func TestSCTPChecksum(t *testing.T) {
	for _, c := range []struct {
		name, packet string
		want         uint32 // as CRC32c; stored in little endian
	}{
		{"RFC 3720 §B.4, 32 octets of zeroes", "0000000000000000" + "0000000000000000" + "0000000000000000" + "0000000000000000", 0x8a9136aa},
		{"INIT, as the kernel sent it", "138823290000000000000000" + "01000014abcdef010000ffff000a000a00000001", 0x2c861caa},
		{"DATA, as the kernel sent it", "138823290000000100000000" + "0003001400000001000000000000000064617461", 0xbfd98ab0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(c.packet)
			if err != nil {
				t.Fatal(err)
			}
			// What the field holds doesn't matter.
			copy(b[8:12], "JUNK")
			if got := packet.SCTPChecksum(b); got != c.want {
				t.Errorf("got %#08x, want %#08x", got, c.want)
			}
			packet.SetSCTPChecksum(b)
			if got := binary.LittleEndian.Uint32(b[8:]); got != c.want {
				t.Errorf("stored %#08x, want %#08x", got, c.want)
			}
		})
	}
}

func TestSCTPChecksumIsCRC32c(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), packet.SizeSCTP, 120).Draw(t, "packet")
		got := packet.SCTPChecksum(b)
		copy(b[8:12], make([]byte, 4))
		if want := plainCRC32c(b); got != want {
			t.Fatalf("got %#08x, want %#08x", got, want)
		}
	})
}
