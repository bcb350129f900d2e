package sched

// Counters are what was counted, or rates thereof per second.
type Counters struct {
	Conns, InPkts, OutPkts, InBytes, OutBytes uint64
}

// Stats are the counters of a service, a server or all.
//
// Kernel: ip_vs_est.c (6.1).
type Stats struct{}

// CountConn counts a connection,
func (s *Stats) CountConn() {}

// CountIn a packet of n octets to the server,
func (s *Stats) CountIn(n int) {}

// CountOut a packet of n octets from the server.
func (s *Stats) CountOut(n int) {}

// Read returns the counters since the last Zero and the rates, both as of the
// last estimate (each 2 s).
func (s *Stats) Read() (total, rate Counters) { return }
