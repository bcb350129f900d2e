// Package conntrack is the connection table: entries and persistence templates,
// their timers and the protocols' state machines.
//
//	client's address ─▶ Shard (lock, slab, buckets, timer wheel)
//	                      In    client → virtual   request
//	                      Out   server → client    reply
//	                      Template                 persistence
//	                      Conn ◀─ index ─ buckets, wheel slots
//
// Both directions of a connection have the client, so one key finds both. The
// entries lie in large flat arrays without pointers, linked by index: Go's
// collector has nothing to look at however many there are. A shard's lock is
// taken once for a packet; the same lock keeps the configuration still.
//
// Time is given: Advance moves a table to a moment, and what is due fires in
// the order and with the lateness of the kernel's timer wheel.
package conntrack
