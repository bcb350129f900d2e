// Package control speaks the kernel's IPVS generic-netlink family: to the
// ipvsadm command, to wrapped programs and to Go clients.
//
//	Client ── messages ── Conn ── Unix socket ── Server ─┐
//	                        └───── in process ───────────┴─ Engine ── Backend
//
// An Engine takes request bytes and gives back the datagrams that the kernel
// would put into the asker's netlink socket; it knows no socket itself. A
// Server carries them over a Unix socket, Engine.Conn within a process; a
// Client makes Go calls of them.
//
// Beside the kernel's commands there are goipvs's own: for what the kernel shows
// and takes under /proc, for the old interface, for connections, and for options
// of services that no kernel has. docs/control.md lists them, and the limits.
package control
