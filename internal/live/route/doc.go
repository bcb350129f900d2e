// Package route knows the machine's routes: it asks the kernel, which decides
// exactly, and remembers the answer until anything changes.
//
//	Table.Output ─ remembered? ─ no → RTM_GETROUTE → packet.Route
//	                                  rtnetlink's news → new generation, all forgotten
//
// Changes of links, addresses, routes and rules are told by the kernel, not
// polled for. Neighbours are left to the kernel altogether.
package route
