// Package replay runs a director from a capture: an emulated host with IPVS at
// its hooks, set up by a setup file, fed with the frames of a pcap or pcapng
// file at their own times, its output and ipvsadm's listings collected.
//
//	setup.sh ──→ machine{host.Host, hooks.Director}
//	                 ↑ time, frames     ↓ frames         ↓ ipvsadm -L…
//	in.pcapng ──→ Run ──────────────→ out.pcapng     list.txt conns.txt
//	timeline.sh ─→    commands, listings             stats.txt shows.txt
//	                                   ↓
//	                  Compare ← the same files, recorded from the kernel
//
// The clock is the capture's: a run takes no notice of the time of day, and the
// same files give the same output, octet for octet. Captures are read and
// written as streams, so memory grows with connections, not with the capture.
package replay
