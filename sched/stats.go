package sched

import "sync"

// Counters are what was counted, or rates thereof per second.
type Counters struct {
	Conns, InPkts, OutPkts, InBytes, OutBytes uint64
}

// each makes each figure of c what f makes of it and its fellow of o.
func (c *Counters) each(o *Counters, f func(a, b uint64) uint64) {
	c.Conns = f(c.Conns, o.Conns)
	c.InPkts = f(c.InPkts, o.InPkts)
	c.OutPkts = f(c.OutPkts, o.OutPkts)
	c.InBytes = f(c.InBytes, o.InBytes)
	c.OutBytes = f(c.OutBytes, o.OutBytes)
}

func plus(a, b uint64) uint64  { return a + b }
func minus(a, b uint64) uint64 { return a - b }

// Stats are the counters of a service, a server or all, which Ledgers count for.
// Its methods are safe for concurrent use. What is shown is not what was counted
// just now but what was at the last Estimate: so the kernel before 6.2 has it.
//
// Kernel: ip_vs_est.c (6.1).
type Stats struct {
	mu    sync.Mutex
	now   Counters // what Ledgers folded
	shown Counters // as of the last Estimate (kstats)
	zero  Counters // shown at the last Zero (kstats0)
	rate  Counters // scaled: bytes by 2^5, the others by 2^10
}

// Add counts c, which Read shows after the next Estimate.
func (s *Stats) Add(c *Counters) {
	s.mu.Lock()
	s.now.each(c, plus)
	s.mu.Unlock()
}

// Counted returns what was counted since the last Zero and folded by now, before
// an Estimate shows it.
func (s *Stats) Counted() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	now.each(&s.zero, minus)
	return now
}

// Read returns the counters since the last Zero and the rates, both as of the
// last estimate (each 2 s).
//
// Kernel: ip_vs_ctl.c, ip_vs_copy_stats; ip_vs_est.c, ip_vs_read_estimator
// (6.1).
func (s *Stats) Read() (total, rate Counters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total, rate = s.shown, s.rate
	total.each(&s.zero, minus)
	rate.Conns = (rate.Conns + 0x1ff) >> 10
	rate.InPkts = (rate.InPkts + 0x1ff) >> 10
	rate.OutPkts = (rate.OutPkts + 0x1ff) >> 10
	rate.InBytes = (rate.InBytes + 0xf) >> 5
	rate.OutBytes = (rate.OutBytes + 0xf) >> 5
	return total, rate
}

// Zero makes what is shown now the zero point, and the rates zero. What was
// counted since the last Estimate is not lost: the next one shows it.
//
// Kernel: ip_vs_ctl.c, ip_vs_zero_stats (6.1).
func (s *Stats) Zero() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zero, s.rate = s.shown, Counters{}
}

// Estimate takes over what was folded and moves each rate a quarter of the way
// to the one of the last two seconds. It is to be called every two seconds. It
// reports whether anything changed: if not, and nothing is counted, nor will the
// next call.
//
// Kernel: ip_vs_est.c, estimation_timer (6.1).
func (s *Stats) Estimate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown, old := s.shown, s.rate
	rate := s.now
	rate.each(&s.shown, minus)
	s.shown = s.now
	// Scaled, and divided by the two seconds.
	rate.Conns <<= 9
	rate.InPkts <<= 9
	rate.OutPkts <<= 9
	rate.InBytes <<= 4
	rate.OutBytes <<= 4
	s.rate.each(&rate, func(avg, rate uint64) uint64 {
		return avg + uint64((int64(rate)-int64(avg))>>2)
	})
	return s.shown != shown || s.rate != old
}

// Estimate calls Stats.Estimate for all services, their servers and the total:
// to be called every two seconds while estimation is on. Servers in the trash
// keep their figures. It reports whether anything changed. Safe for concurrent
// use with packets, not with changes of the table.
func (t *Table) Estimate() bool {
	changed := t.Total.Estimate()
	for _, s := range t.byAddr {
		changed = s.estimate() || changed
	}
	for _, s := range t.byMark {
		changed = s.estimate() || changed
	}
	return changed
}

func (s *Service) estimate() bool {
	changed := s.Stats.Estimate()
	for d := s.First(); d != nil; d = s.Next(d) {
		changed = d.Stats.Estimate() || changed
	}
	return changed
}
