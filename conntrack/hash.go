package conntrack

import (
	"encoding/binary"
	"math/bits"

	"goipvs/packet"
)

// Multipliers of the mixing function (those of the public-domain wyhash).
const (
	mix1 = 0xa0761d6478bd642f
	mix2 = 0xe7037ed1a0b428db
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashAddr hashes the client's address alone: it chooses the shard, so that all
// that a client does, on whatever port, is in one place.
func hashAddr(seed uint64, a *packet.Addr) uint64 {
	hi, lo := binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:])
	return mix(hi^seed^mix1, lo^mix2)
}

// hashConn refines hashAddr's result by protocol and port: the bucket.
func hashConn(h uint64, proto uint8, port uint16) uint32 {
	return uint32(mix(h^uint64(proto)<<16^uint64(port), mix1))
}

// hashBytes is hashConn for what a persistence engine compares.
func hashBytes(seed uint64, b []byte) uint32 {
	h := seed
	for _, x := range b {
		h = mix(h^uint64(x), mix2)
	}
	return uint32(h)
}
