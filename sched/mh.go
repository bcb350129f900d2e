package sched

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"goipvs/packet"
)

const (
	mhSize = 4093 // Kernel: IP_VS_MH_TAB_SIZE for CONFIG_IP_VS_MH_TAB_INDEX=12
	mhBits = 6    // Kernel: IP_VS_MH_TAB_BITS
)

// The keys of mh's two hash functions.
//
// Kernel: ip_vs_mh.c, generate_hash_secret (6.1).
var (
	mhKey1 = [2]uint64{2654435761, 2654435761}
	mhKey2 = [2]uint64{2654446892, 2654446892}
)

// mh goes by the client's address, with mh-port also by its port, through a
// Maglev table: each server has its own order of preference for the places, and
// they choose in turn, the heavier ones more at a time. Few places change hands
// when a server comes or goes.
//
// Kernel: ip_vs_mh.c (6.1).
type mh struct {
	table [mhSize]*Dest // each entry holds its server
}

func newMH(s *Service) (Scheduler, error) {
	x := &mh{}
	if s.n > mhSize {
		return nil, fmt.Errorf("mh with %d servers: %w", s.n, ErrInvalid)
	}
	x.AddDest(s, nil)
	return x, nil
}

// AddDest deals the places out anew. With more servers than places everything
// stays as it was.
//
// Kernel: ip_vs_mh_dest_changed, ip_vs_mh_reassign.
func (x *mh) AddDest(s *Service, _ *Dest) {
	if s.n > mhSize {
		return
	}
	if seats := mhSeats(s); seats != nil {
		x.populate(seats)
	} else {
		x.finish()
	}
}

// DelDest is as AddDest.
func (x *mh) DelDest(s *Service, d *Dest) { x.AddDest(s, d) }

// UpdateDest is as AddDest.
func (x *mh) UpdateDest(s *Service, d *Dest) { x.AddDest(s, d) }

// finish empties the table.
//
// Kernel: ip_vs_mh_reset.
func (x *mh) finish() {
	for i := range x.table {
		x.set(i, nil)
	}
}

func (x *mh) set(i int, d *Dest) {
	old := x.table[i]
	if old == d {
		return
	}
	if old != nil {
		old.release()
	}
	if d != nil {
		d.hold()
	}
	x.table[i] = d
}

// mhSeat is a server that takes part, with its order of preference.
type mhSeat struct {
	dest       *Dest
	next, skip uint32 // place to try next, and how far it is to the one after
	turns      int32  // places it takes at a time
}

// mhSeats returns the servers that take part, nil if there is none. It goes by
// the last weight that was not 0: a server whose weight was set to 0 keeps its
// places, one that was added so has none.
//
// Kernel: ip_vs_mh_gcd_weight, ip_vs_mh_shift_weight, ip_vs_mh_permutate.
func mhSeats(s *Service) []mhSeat {
	div, most := int32(0), int32(0)
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.LastWeight > 0 {
			div = gcd(d.LastWeight, div)
			most = max(most, d.LastWeight)
		}
	}
	if div == 0 {
		return nil
	}
	shift := max(bits.Len32(uint32(most/div))-mhBits, 0)
	seats := make([]mhSeat, 0, s.n)
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.LastWeight <= 0 {
			continue
		}
		seats = append(seats, mhSeat{
			dest:  d,
			next:  mhHash(mhKey1, s.Family, d.Addr, d.Port, 0) % mhSize,
			skip:  mhHash(mhKey2, s.Family, d.Addr, d.Port, 0)%(mhSize-1) + 1,
			turns: max(d.LastWeight/div>>shift, 1),
		})
	}
	return seats
}

// Kernel: ip_vs_mh_populate.
func (x *mh) populate(seats []mhSeat) {
	var taken [mhSize]bool
	for n := 0; ; {
		for i := range seats {
			p := &seats[i]
			for range p.turns {
				for taken[p.next] {
					if p.next += p.skip; p.next >= mhSize {
						p.next -= mhSize
					}
				}
				taken[p.next] = true
				x.set(int(p.next), p.dest)
				if n++; n == mhSize {
					return
				}
			}
		}
	}
}

// Schedule returns nil for a client whose server takes no connections, or with
// mh-fallback the first that does among the places that the client's hash
// leads to next.
//
// Kernel: ip_vs_mh_schedule, ip_vs_mh_get_fallback.
func (x *mh) Schedule(s *Service, r *Request) *Dest {
	addr, port := hashInput(s, r)
	first := mhHash(mhKey1, s.Family, addr, port, 0) % mhSize
	d := x.table[first]
	if d == nil || !d.unavailable() {
		return d
	}
	if s.Flags&hashFallback == 0 {
		return nil
	}
	for i := range uint32(mhSize) {
		d := x.table[mhHash(mhKey1, s.Family, addr, port, (i+first)%mhSize)%mhSize]
		if d == nil || !d.unavailable() {
			return d
		}
	}
	return nil
}

// mhHash takes a number in the machine's byte order; this is the little-endian
// one's. The family is the service's: of an IPv6 server of an IPv4 service only
// the first word counts.
//
// Kernel: ip_vs_mh_hashkey.
func mhHash(key [2]uint64, f packet.Family, a packet.Addr, port uint16, offset uint32) uint32 {
	fold := a.Word(0)
	if f == packet.IPv6 {
		fold = a.Fold()
	}
	var v [4]byte
	binary.LittleEndian.PutUint32(v[:], offset+uint32(port)+fold)
	return hsiphash(key, v[:])
}

func (x *mh) explain(s *Service, r *Request, e *Chosen) {
	addr, port := hashInput(s, r)
	e.hashed(addr, port)
	e.slots(x.table[:], mhHash(mhKey1, s.Family, addr, port, 0)%mhSize)
}
