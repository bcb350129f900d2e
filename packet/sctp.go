package packet

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SCTPChecksum returns the CRC32c of the SCTP packet b with its checksum field
// taken as zero, in the order in which it is stored (RFC 9260 §6.8 and
// appendix A).
func SCTPChecksum(b []byte) uint32 {
	crc := crc32.Update(0, castagnoli, b[:8])
	crc = crc32.Update(crc, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(crc, castagnoli, b[SizeSCTP:])
}

// SetSCTPChecksum computes the checksum of the SCTP packet b, which is at least
// SizeSCTP long, anew.
func SetSCTPChecksum(b []byte) { binary.LittleEndian.PutUint32(b[8:], SCTPChecksum(b)) }
