package ipvsadm

import (
	"goipvs/internal/control"
	"goipvs/packet"
)

// compareServices orders services by mark, family, protocol, address and port.
// Numbers are compared as C's int differences, so that those more than 2^31
// apart go the wrong way round, and the order depends on how it is sorted.
func compareServices(a, b *control.Service) int32 {
	if d := int32(a.FWMark - b.FWMark); d != 0 {
		return d
	}
	if d := int32(a.Family) - int32(b.Family); d != 0 {
		return d
	}
	if d := int32(a.Protocol) - int32(b.Protocol); d != 0 {
		return d
	}
	if d := compareAddrs(a.Family, a.Addr, b.Addr); d != 0 {
		return d
	}
	return int32(a.Port) - int32(b.Port)
}

// compareDests orders servers by address and port.
func compareDests(a, b *control.Dest) int32 {
	if d := compareAddrs(a.Family, a.Addr, b.Addr); d != 0 {
		return d
	}
	return int32(a.Port) - int32(b.Port)
}

func compareAddrs(f packet.Family, a, b packet.Addr) int32 {
	words := 1
	if f == packet.IPv6 {
		words = 4
	}
	for i := range words {
		if d := int32(a.Word(i) - b.Word(i)); d != 0 {
			return d
		}
	}
	return 0
}

// mergeSort sorts as the C library's qsort does: halves first, the shorter one
// in front, of equals the first first. With an order that isn't one, like these,
// another way would give another result.
func mergeSort[T any](s []T, compare func(a, b *T) int32) {
	if len(s) > 1 {
		mergeHalves(s, make([]T, len(s)), compare)
	}
}

func mergeHalves[T any](s, tmp []T, compare func(a, b *T) int32) {
	if len(s) < 2 {
		return
	}
	a, b := s[:len(s)/2], s[len(s)/2:]
	mergeHalves(a, tmp, compare)
	mergeHalves(b, tmp, compare)
	n := 0
	for ; len(a) > 0 && len(b) > 0; n++ {
		if compare(&a[0], &b[0]) <= 0 {
			tmp[n], a = a[0], a[1:]
		} else {
			tmp[n], b = b[0], b[1:]
		}
	}
	n += copy(tmp[n:], a) // what is left of b is in its place
	copy(s, tmp[:n])
}
