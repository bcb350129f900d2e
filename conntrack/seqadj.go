package conntrack

import (
	"encoding/binary"

	"goipvs/packet"
)

// SeqAdj is how far one direction's sequence numbers are off since a helper
// changed the length of what was sent.
//
// Kernel: include/net/netfilter/nf_conntrack_seqadj.h, struct nf_ct_seqadj (6.1).
type SeqAdj struct {
	pos           uint32 // sequence number of the last segment whose length changed
	before, after int32  // what is added up to there, and beyond
	on            bool
}

// Resize notes that the segment with a sequence number, as its sender counts,
// became by octets longer.
//
// Kernel: net/netfilter/nf_conntrack_seqadj.c, nf_ct_seqadj_set (6.1).
func (a *SeqAdj) Resize(seq uint32, by int) {
	a.on = true
	if a.before == a.after || int32(seq-a.pos) > 0 {
		a.pos, a.before, a.after = seq, a.after, a.after+int32(by)
	}
}

// Offset returns what is added to a sequence number.
//
// Kernel: net/netfilter/nf_conntrack_seqadj.c, nf_ct_seq_offset (6.1).
func (a *SeqAdj) Offset(seq uint32) int32 {
	if int32(seq-a.pos) > 0 {
		return a.after
	}
	return a.before
}

func (a *SeqAdj) back(seq uint32) uint32 {
	if int32(seq-uint32(a.before)-a.pos) > 0 {
		return seq - uint32(a.after)
	}
	return seq - uint32(a.before)
}

// AdjustSeq rewrites the sequence, acknowledgement and SACK numbers of the TCP
// segment b with its checksum: this is the segment's own
// direction, other the opposite one. It reports false where the options are
// broken: the kernel drops the segment.
//
// Kernel: net/netfilter/nf_conntrack_seqadj.c, nf_ct_seq_adjust (6.1).
func AdjustSeq(b []byte, this, other *SeqAdj) bool {
	if !this.on && !other.on {
		return true
	}
	if len(b) < packet.SizeTCP {
		return false
	}
	set := func(at int, new uint32) {
		old := binary.BigEndian.Uint32(b[at:])
		sum := binary.BigEndian.Uint16(b[16:])
		was, is := packet.Addr4(old), packet.Addr4(new)
		sum = packet.UpdateAddr(packet.IPv4, sum, &was, &is, 0, 0)
		binary.BigEndian.PutUint16(b[16:], sum)
		binary.BigEndian.PutUint32(b[at:], new)
	}
	seq := binary.BigEndian.Uint32(b[4:])
	set(4, seq+uint32(this.Offset(seq)))
	if b[13]&flagACK == 0 {
		return true
	}
	set(8, other.back(binary.BigEndian.Uint32(b[8:])))
	const optEnd, optNop, optSACK = 0, 1, 5
	for at, end := packet.SizeTCP, min(int(b[12]>>4)*4, len(b)); at < end && b[at] != optEnd; {
		if b[at] == optNop {
			at++
			continue
		}
		if at+1 >= end || b[at+1] < 2 || at+int(b[at+1]) > end {
			return false
		}
		n := int(b[at+1])
		if b[at] == optSACK && n >= 10 && (n-2)%8 == 0 {
			for i := at + 2; i < at+n; i += 4 {
				set(i, other.back(binary.BigEndian.Uint32(b[i:])))
			}
		}
		at += n
	}
	return true
}
