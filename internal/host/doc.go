// Package host emulates the Linux host around IPVS's hooks: frames come in by
// its interfaces and datagrams from its processes, and frames and datagrams for
// its processes go out, octet for octet what Linux 6.1 does.
//
//	Receive → checks → marks → route ─┬→ reassembly → LOCAL_IN → Sink.Local
//	                                  └→ TTL, MTU → FORWARD ─┐
//	SendLocal → route → LOCAL_OUT ───────────────────────────┴→ fragments → neighbour → Sink.Frame
//
// A Host is an xmit.Stack: what IPVS sends enters at LOCAL_OUT. It has what a
// director's setup needs (addresses, routes, rules, static neighbours, marks,
// forwarding) and nothing that answers by itself: no sockets, no ARP, no
// neighbour discovery. Chance and time come from outside.
package host
