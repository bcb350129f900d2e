package conntrack

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"goipvs/packet"
)

func TestSeqAdj(t *testing.T) {
	var a SeqAdj
	type step struct {
		seq     uint32
		by      int    // Resize, if not 0
		forward uint32 // of seq afterwards
	}
	// What a segment that shrank makes ambiguous is taken for what lay before it,
	// as in the kernel.
	const ambiguous = 203
	for i, s := range []step{
		{100, 0, 100},
		{100, 5, 100}, // the segment itself starts where it did
		{101, 0, 106},
		{110, 0, 115},
		{100, 5, 100}, // sent again: not counted again
		{110, 0, 115},
		{200, -3, 205}, // between the two changes the first counts
		{150, 0, 155},
		{201, 0, 203},
		{1 << 31, 0, 1<<31 + 2},
	} {
		if s.by != 0 {
			a.Resize(s.seq, s.by)
		}
		if got := s.seq + uint32(a.Offset(s.seq)); got != s.forward {
			t.Errorf("step %d: %d becomes %d, want %d", i, s.seq, got, s.forward)
		}
		if s.by == 0 && s.forward != ambiguous {
			if back := a.back(s.forward); back != s.seq {
				t.Errorf("step %d: %d comes back as %d, want %d", i, s.forward, back, s.seq)
			}
		}
	}
}

func TestSeqAdjGoesRound(t *testing.T) {
	var a SeqAdj
	a.Resize(1<<32-10, 20)
	if got := a.Offset(1<<32 - 5); got != 20 {
		t.Errorf("by %d", got)
	}
	if got := a.back(15); got != 1<<32-5 {
		t.Errorf("back to %d", got)
	}
}

// sum is the checksum of a segment, less the pseudo header.
func sum(b []byte) uint16 { return packet.Fold(packet.Sum(b, 0)) }

func TestAdjustSeq(t *testing.T) {
	numbers := func(b []byte) (n []uint32) {
		for i := 4; i+4 <= len(b); i += 4 {
			if i != 12 && i != 16 && i != 20 { // offset and flags; checksum; options' kinds
				n = append(n, binary.BigEndian.Uint32(b[i:]))
			}
		}
		return n
	}
	seg := func(flags byte, seq, ack uint32, options ...byte) []byte {
		b := make([]byte, packet.SizeTCP, packet.SizeTCP+len(options))
		binary.BigEndian.PutUint32(b[4:], seq)
		binary.BigEndian.PutUint32(b[8:], ack)
		b = append(b, options...)
		b[12], b[13] = byte(len(b)/4)<<4, flags
		binary.BigEndian.PutUint16(b[16:], sum(b))
		return b
	}
	sack := append([]byte{1, 1, 5, 10}, 0, 0, 1, 94, 0, 0, 2, 88) // 350, 600
	var this, other SeqAdj
	this.Resize(100, 7)
	other.Resize(300, 20)
	for _, c := range []struct {
		name string
		b    []byte
		want []uint32
	}{
		{"both", seg(flagACK, 500, 400), []uint32{507, 380}},
		{"before the change", seg(flagACK, 50, 250), []uint32{50, 250}},
		{"no acknowledgement", seg(flagSYN, 500, 400), []uint32{507, 400}},
		{"SACK", seg(flagACK, 500, 320, sack...), []uint32{507, 300, 330, 580}},
		{"SACK after end of options", seg(flagACK, 500, 320, append([]byte{0, 1, 5, 10}, sack[4:]...)...), []uint32{507, 300, 350, 600}},
		{"SACK of a wrong length", seg(flagACK, 500, 320, append([]byte{1, 1, 5, 9}, sack[4:]...)...), []uint32{507, 300, 350, 600}},
		{"option of no length", seg(flagACK, 500, 320, append([]byte{1, 1, 9, 0}, sack[4:]...)...), []uint32{507, 300, 350, 600}},
	} {
		t.Run(c.name, func(t *testing.T) {
			AdjustSeq(c.b, &this, &other)
			if d := cmp.Diff(c.want, numbers(c.b)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if s := sum(c.b); s != 0 {
				t.Errorf("checksum wrong by %#04x", s)
			}
		})
	}
	b := seg(flagACK, 500, 400)
	AdjustSeq(b, new(SeqAdj), new(SeqAdj))
	if d := cmp.Diff([]uint32{500, 400}, numbers(b)); d != "" {
		t.Errorf("without changes: %s", d)
	}
}

// Options of any content break nothing, and the checksum follows.
func TestAdjustSeqOptions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), packet.SizeTCP, 64).Draw(t, "segment")
		b = b[:len(b)&^1]
		b[16], b[17] = 0, 0
		binary.BigEndian.PutUint16(b[16:], sum(b))
		this, other := SeqAdj{1, 2, 3, true}, SeqAdj{1 << 30, -9, 70000, true}
		// A selective acknowledgement at an odd place is adjusted as if at an even
		// one, as in the kernel: its checksum comes out wrong.
		odd := oddSACK(b)
		AdjustSeq(b, &this, &other)
		if s := sum(b); s != 0 && !odd {
			t.Fatalf("checksum wrong by %#04x", s)
		}
	})
}

func oddSACK(b []byte) bool {
	for at := packet.SizeTCP; at+1 < len(b); {
		switch {
		case b[at] == 1:
			at++
		case b[at] == 0 || b[at+1] < 2:
			return false
		default:
			if b[at] == 5 && at%2 != 0 {
				return true
			}
			at += int(b[at+1])
		}
	}
	return false
}
