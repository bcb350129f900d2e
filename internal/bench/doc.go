// Package bench measures goipvs on real traffic beside what people use without
// ip_vs: kernel DNAT, HAProxy, nginx, and plain routing.
//
//	                       ┌── eth1 ─── server1
//	client ─── director ───┤
//	   │       balancer    └── eth2 ─── server2
//	   └ ─ ─ ─ (direct routing) ─ ─ ─ ─ ─ ┘
//
// Run goes round by round; in each round every balancer gets its turn, on hosts
// of its own (package lab), under the same load (package load). Results holds
// what was measured and writes it as a table, as JSON and as a picture. What
// the figures mean is in docs/performance.md.
package bench
