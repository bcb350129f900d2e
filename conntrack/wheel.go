package conntrack

import (
	"math/bits"
	"time"
)

// Tick is the unit of timers, the kernel's jiffy at HZ=250.
const Tick = 4 * time.Millisecond

// HZ is the number of ticks in a second.
const HZ = uint32(time.Second / Tick)

// The wheel's geometry: each level's slots are eight times as coarse as those of
// the level below, and a timer is put on the finest level that reaches it.
//
// Kernel: kernel/time/timer.c, LVL_BITS, LVL_CLK_SHIFT, LVL_DEPTH (6.1, HZ > 100).
const (
	lvlShift = 3
	lvlBits  = 6
	lvlSize  = 1 << lvlBits
	lvlMask  = lvlSize - 1
	levels   = 9
)

// tooFar is the first delta, in ticks, that no level reaches.
const tooFar = (lvlSize - 1) << ((levels - 1) * lvlShift)

// wheel is a hierarchical timer wheel over a slab of connections. As in the
// kernel it trades exactness for speed: a timer fires at the end of its slot,
// which on the coarse levels is up to an eighth of the time later, and never
// early. Deletion, insertion and renewal take constant time; renewal within the
// same slot only writes the new time.
//
// Kernel: kernel/time/timer.c, struct timer_base (6.1).
type wheel struct {
	clk     uint64 // the next tick to run
	heads   [levels * lvlSize]uint32
	pending [levels]uint64 // which slots hold timers

	// What is in a slot when it is due becomes the list of its level that fires,
	// as a whole, however long it is. epochs tells those timers from those that
	// come into the slot after that.
	firing [levels]uint32
	left   int // levels whose list may have timers still
	epochs [levels * lvlSize]uint8

	last struct { // the last slot that was looked for, and when
		clk, expires uint64
		at           int
		mark         uint16
	}
}

// mark is what Conn.slot says of a timer in a slot now.
func (w *wheel) mark(at int) uint16 { return uint16(at+1)<<1 | uint16(w.epochs[at]) }

// place returns the slot of a timer that is due at a tick, and its mark. Packets
// that come in a tick, of connections in the same state, ask for the same.
func (w *wheel) place(expires uint64) (at int, mark uint16) {
	l := &w.last
	if l.clk != w.clk || l.expires != expires {
		at := w.slot(expires)
		l.clk, l.expires, l.at, l.mark = w.clk, expires, at, w.mark(at)
	}
	return l.at, l.mark
}

// slot returns the place of a timer that is due at a tick.
//
// Kernel: kernel/time/timer.c, calc_wheel_index (6.1).
func (w *wheel) slot(expires uint64) int {
	delta := int64(expires - w.clk)
	if delta < 0 {
		return int(w.clk & lvlMask)
	}
	if uint64(delta) >= tooFar {
		return slotAt(w.clk+tooFar-1, levels-1)
	}
	// Level n is for 63 * 8^(n-1) to 63 * 8^n - 1.
	return slotAt(expires, (bits.Len64(uint64(delta)/(lvlSize-1))+lvlShift-1)/lvlShift)
}

func slotAt(expires uint64, level int) int {
	return level*lvlSize + int((expires>>(level*lvlShift)+1)&lvlMask)
}

// next returns the first tick from clk on at which a slot is run that holds
// timers.
//
// Kernel: kernel/time/timer.c, __next_timer_interrupt (6.1).
func (w *wheel) next() (uint64, bool) {
	best, found := uint64(0), false
	clk := w.clk
	for n := range levels {
		if p := w.pending[n]; p != 0 {
			d := uint64(bits.TrailingZeros64(bits.RotateLeft64(p, -int(clk&lvlMask))))
			t := (clk + d) << (n * lvlShift)
			if !found || t < best {
				best, found = t, true
			}
		}
		up := uint64(0)
		if clk&(1<<lvlShift-1) != 0 {
			up = 1
		}
		clk = clk>>lvlShift + up
	}
	return best, found
}

// arm starts or renews a connection's timer.
//
// Kernel: kernel/time/timer.c, __mod_timer (6.1).
func (s *Shard) arm(c *Conn, expires uint64) {
	at, mark := s.wheel.place(expires)
	c.expires = uint32(expires)
	if c.slot == mark {
		return
	}
	s.disarm(c)
	i := uint32(c.self & maxConns)
	head := s.wheel.heads[at]
	c.slot, c.tnext, c.tprev = mark, head, 0
	if head != 0 {
		s.at(head).tprev = i
	}
	s.wheel.heads[at] = i
	s.wheel.pending[at/lvlSize] |= 1 << (at & lvlMask)
}

// disarm stops a connection's timer and reports whether it was running.
func (s *Shard) disarm(c *Conn) bool {
	if c.slot == 0 {
		return false
	}
	at := int(c.slot>>1) - 1
	if c.tnext != 0 {
		s.at(c.tnext).tprev = c.tprev
	}
	switch {
	case c.tprev != 0:
		s.at(c.tprev).tnext = c.tnext
	case c.slot != s.wheel.mark(at):
		s.wheel.firing[at/lvlSize] = c.tnext
	default:
		s.wheel.heads[at] = c.tnext
		if c.tnext == 0 {
			s.wheel.pending[at/lvlSize] &^= 1 << (at & lvlMask)
		}
	}
	c.slot, c.tnext, c.tprev = 0, 0, 0
	return true
}

// due returns the tick at which a running timer is due.
func (s *Shard) due(c *Conn) uint64 {
	return s.wheel.clk + uint64(int64(int32(c.expires-uint32(s.wheel.clk))))
}

// run lets what is due at the wheel's present tick fire, and moves on to the next
// one: coarse levels first, in each slot the timer that was put in last.
//
// Kernel: kernel/time/timer.c, __run_timers, collect_expired_timers (6.1).
func (s *Shard) run() {
	w := &s.wheel
	t := w.clk
	for n := range levels {
		at := n*lvlSize + int(t&lvlMask)
		if w.heads[at] != 0 {
			w.firing[n], w.heads[at] = w.heads[at], 0
			w.pending[n] &^= 1 << (at & lvlMask)
			w.epochs[at] ^= 1
		}
		w.left = n + 1
		if t&(1<<lvlShift-1) != 0 {
			break
		}
		t >>= lvlShift
	}
	w.clk++
}

// fire ends up to so many connections whose timers fire and returns how many it
// could end yet. What fires may stop other timers that are due and start new
// ones in the slots that were run.
func (s *Shard) fire(most int) int {
	w := &s.wheel
	for w.left > 0 {
		i := w.firing[w.left-1]
		if i == 0 {
			w.left--
			continue
		}
		if most == 0 {
			return 0
		}
		most--
		c := s.at(i)
		s.disarm(c)
		s.expire(c, TimedOut)
	}
	return most
}
