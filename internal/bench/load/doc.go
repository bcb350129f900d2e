// Package load is what a balancer is measured with: servers, and the clients
// that keep them busy.
//
//	client ── message: 16 octets ──► server     answered octet for octet
//	client ── blocks ──────────────► server     Up: the server reports what came
//	client ◄────────────── blocks ── server     Down
//	client ── datagrams ───────────► server     Flood: counted and thrown away
//
// Every block of a stream has a number and a checksum, and every answer is
// compared with its question, so whatever is measured is verified at the same
// time. Clients and servers are one thread each around epoll(7), so that
// they cost little beside what is between them. A process is a client or a
// server; the network namespace is the process's. IPv4 only.
package load
