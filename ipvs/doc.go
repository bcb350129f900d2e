// Package ipvs has the API of github.com/moby/ipvs and speaks to goipvs in place
// of the kernel. It is a module of that name, so that a program that uses
// moby/ipvs needs one line more in its go.mod, and nothing else:
//
//	replace github.com/moby/ipvs => /src/goipvs/ipvs
//
// Where moby/ipvs opens a netlink socket in a network namespace, this connects to
// the daemon that runs there:
//
//	Handle ── daemon ── control socket ── goipvs run
//	          one for each namespace, for all handles of the program
//
// Requests are those that moby/ipvs would send to the kernel, octet for octet,
// and answers those that the kernel would give. So results and errors are the
// same; errors of the daemon are bare values of type syscall.Errno.
//
// It imports the standard library alone and is written for Go 1.17, as moby/ipvs
// is: who takes it keeps their Go version and their dependencies.
//
// docs/moby.md of goipvs says which daemon a handle finds, and what differs.
package ipvs
