package sched

// Settings are the tunables of the schedulers, in seconds as under net.ipv4.vs.
// They may be changed like the table.
type Settings struct {
	// LBLCExpiration is how long lblc remembers an unused destination
	// (lblc_expiration).
	LBLCExpiration int32
	// LBLCRExpiration is the same for lblcr, and besides how long a set of
	// servers may stay unchanged before it loses one (lblcr_expiration).
	LBLCRExpiration int32
}

// DefaultSettings are the kernel's.
func DefaultSettings() Settings {
	return Settings{LBLCExpiration: 86400, LBLCRExpiration: 86400}
}
