package sched

import "sync/atomic"

// twos draws two servers at random, heavier ones more often, and takes the one
// with the fewer connections for its weight.
//
// Kernel: ip_vs_twos.c (6.1, where Debian doesn't build it).
type twos struct {
	stateless
	first, second *Dest // drawn last
}

func newTwos(*Service) (Scheduler, error) { return new(twos), nil }

// Schedule draws from 0 to the sum of weights, both included: the first server
// has one chance more than its weight.
//
// Kernel: ip_vs_twos_schedule.
func (x *twos) Schedule(s *Service, r *Request) *Dest {
	total := int32(0)
	for d := s.First(); d != nil; d = s.Next(d) {
		if d.Weight > 0 && !d.Overloaded() {
			total += d.Weight
		}
	}
	x.first, x.second = nil, nil
	if total == 0 {
		return nil
	}
	a := drawn(s, below(s.table.Random(), total+1))
	b := drawn(s, below(s.table.Random(), total+1))
	x.first, x.second = a, b
	if a != nil && b != nil && b.Weight*a.overhead() > a.Weight*b.overhead() {
		return b
	}
	return a
}

// below maps a random number to 0..n-1.
//
// Kernel: include/linux/prandom.h, prandom_u32_max (6.1).
func below(random uint32, n int32) int32 {
	return int32(uint64(random) * uint64(uint32(n)) >> 32)
}

// drawn returns the server on which the lot falls; the last one, if so many
// were overloaded meanwhile that it falls on none.
func drawn(s *Service, lot int32) (last *Dest) {
	for d := s.First(); d != nil && (last == nil || lot > 0); d = s.Next(d) {
		if d.Weight > 0 && !d.Overloaded() {
			lot -= d.Weight
			last = d
		}
	}
	return last
}

func (x *twos) explain(s *Service, r *Request, e *Chosen) {
	for _, d := range []*Dest{x.first, x.second} {
		if d != nil {
			e.figure("drawn", d.DestKey)
		}
	}
	for i := range e.Candidates {
		if c := &e.Candidates[i]; c.Why == "" && c.Dest != x.first && c.Dest != x.second {
			c.Why = ReasonNotDrawn
		}
	}
	e.loads((*Dest).overhead, true)
}

// fixedRandom returns a source that gives the same well-mixed numbers on each
// run (SplitMix64).
func fixedRandom() func() uint32 {
	state := new(atomic.Uint64)
	return func() uint32 {
		z := state.Add(0x9e3779b97f4a7c15)
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return uint32(z >> 32)
	}
}
