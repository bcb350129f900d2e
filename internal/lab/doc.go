// Package lab is a laboratory on one machine: hosts in network namespaces, with
// the real daemon on one of them and real traffic through it.
//
//	client ──────────── director ──────────── switch ─┬─ server1
//	  │                 goipvs run                    ├─ server2
//	  │                 VIP                           └─ server3
//	  └ ─ ─ ─ ─ (direct routing, tunnels) ─ ─ ─ ─ ─ ─ ┘
//
// A Plan says which hosts there are and how they are configured; Build makes
// them; Demo drives requests through them and tells what happened. The
// end-to-end tests stand on the same hosts. Everything is done through netlink
// and system calls: no other program is needed.
package lab
