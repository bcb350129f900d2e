// Package wrap runs programs that speak to the kernel's IPVS, unchanged, against
// goipvs.
//
//	goipvs wrap            supervisor                        daemons
//	  │ starts ───────────→ ·
//	  │ filter ── listener → ·
//	  ↓ exec                 │
//	program ─ system call ──→ ├ netlink: Relay ── control ──→ of the socket's
//	        ← result ─────────┤ sockopts          socket      network namespace
//	                          └ /proc files
//
// A seccomp filter stops the few system calls that may concern IPVS and tells
// the supervisor, which lets them go on, or answers them in the kernel's place.
// The filter is installed in the process that then becomes the program: pid,
// parent, exit status, signals and descriptors stay its own, and so it is with
// all that it starts.
//
// The program's netlink sockets are the kernel's: the supervisor makes them, at
// descriptor numbers that the filter watches (Window), puts IPVS's answers into
// their queues, and hides that it was the sender. Whatever isn't for IPVS goes to
// the kernel.
//
// The supervisor holds the filter's listener, as long as a process has the
// filter. It is a process of its own, not the daemon, so that a daemon that
// ends, however it ends, leaves no call unanswered: requests wait for the next
// daemon. It has no table, and asks the daemon of the network namespace that a
// socket belongs to.
package wrap
