package fuzzer

import (
	"encoding/binary"
	"slices"

	"goipvs/packet"
)

// fragments cuts a datagram and draws in which order its fragments come, which
// are missing, come twice or overlap.
func (t *traffic) fragments(b []byte) [][]byte {
	var parts [][]byte
	if len(b) > 0 && b[0]>>4 == 6 {
		parts = t.cut6(b)
	} else {
		parts = t.cut4(b)
	}
	if len(parts) < 2 {
		return parts
	}
	switch t.IntN(10) {
	case 0:
		parts = slices.Delete(parts, 0, 1)
	case 1:
		i := t.IntN(len(parts))
		parts = slices.Delete(parts, i, i+1)
	case 2:
		parts = append(parts, pick(t.dice, parts))
	}
	if t.in(5) {
		t.spoil(pick(t.dice, parts))
	}
	if t.in(35) {
		t.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	} else if t.in(20) {
		slices.Reverse(parts)
	}
	return parts
}

// spoil makes one fragment say something that the others don't agree with.
func (t *traffic) spoil(p []byte) {
	if p[0]>>4 == 6 {
		switch t.IntN(3) {
		case 0:
			p[1] ^= 0x10 << t.IntN(2) // the congestion mark
		case 1:
			p[43] ^= 1 // the last one
		default:
			p[42], p[43] = 0xff, 0xf8 // far behind
		}
		return
	}
	switch t.IntN(4) {
	case 0:
		p[1] ^= byte(t.between(1, 3)) // the congestion mark
	case 1:
		p[6] ^= packet.FlagMF >> 8
	case 2:
		p[6] ^= packet.FlagDF >> 8
	default:
		p[6], p[7] = p[6]|0x1f, 0xf8 // far behind
	}
	packet.SetIPv4Checksum(p, 0)
}

// cuts draws where to cut n octets: multiples of eight, ascending, from 0 to n.
func (t *traffic) cuts(n int) []int {
	all := []int{0}
	if n > 8 {
		for range t.between(1, 3) {
			all = append(all, 8*t.between(1, (n-1)/8))
		}
	}
	slices.Sort(all)
	return append(slices.Compact(all), n)
}

// ends of a fragment's data, some of which reach into the next one.
func (t *traffic) reach(end, n int) int {
	if end < n && t.in(3) {
		return min(end+8*t.between(1, 3), n)
	}
	return end
}

func (t *traffic) cut4(b []byte) (parts [][]byte) {
	hl := int(b[0]&15) * 4
	if len(b) <= hl+8 || hl < packet.SizeIPv4 {
		return [][]byte{b}
	}
	data := b[hl:]
	df := uint16(0)
	if t.in(20) {
		df = packet.FlagDF
	}
	at := t.cuts(len(data))
	for i := range len(at) - 1 {
		end := t.reach(at[i+1], len(data))
		p := append(append([]byte(nil), b[:hl]...), data[at[i]:end]...)
		flags := df | uint16(at[i]/8)
		if i < len(at)-2 {
			flags |= packet.FlagMF
		}
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
		binary.BigEndian.PutUint16(p[6:], flags)
		packet.SetIPv4Checksum(p, 0)
		parts = append(parts, p)
	}
	return parts
}

func (t *traffic) cut6(b []byte) (parts [][]byte) {
	hl, next := packet.SizeIPv6, 6
	if b[6] == 0 && len(b) >= 48 { // every hop looks at these options: not to be cut
		hl, next = hl+8*(int(b[41])+1), 40
	}
	if len(b) <= hl+8 {
		return [][]byte{b}
	}
	data, id := b[hl:], t.Uint32()
	at := t.cuts(len(data))
	for i := range len(at) - 1 {
		end := t.reach(at[i+1], len(data))
		p := append([]byte(nil), b[:hl]...)
		more := uint16(0)
		if i < len(at)-2 {
			more = 1
		}
		p = append(p, p[next], 0)
		p = binary.BigEndian.AppendUint16(p, uint16(at[i])|more)
		p = binary.BigEndian.AppendUint32(p, id)
		p = append(p, data[at[i]:end]...)
		p[next] = packet.ExtFragment
		binary.BigEndian.PutUint16(p[4:], uint16(len(p)-packet.SizeIPv6))
		parts = append(parts, p)
	}
	return parts
}
