// Package inject sends datagrams as they are into LOCAL_OUT, where the kernel's
// ip_vs sends what it has changed.
//
//	Datagram → too big? fragments → raw socket (IP_HDRINCL) → LOCAL_OUT → POSTROUTING → link
//	           direct, neighbour known → packet socket → link
//
// A raw socket does what the kernel's transmitters need: the address given to
// sendto(2), not the header's, chooses the route and the neighbour, so that
// direct routing needs no link-layer address; neighbours and policy are the
// kernel's own. What goipvs sends carries its bit of the mark, and the user's
// mark as the packet's priority until rules put it back (package rules): were
// it the socket's mark, routing rules would see it, which they don't in the
// kernel.
//
// With direct a packet socket sends what it can straight to the neighbour: no
// route, no rule in OUTPUT and POSTROUTING, and not an octet changed.
//
// What a raw socket can't do is done here or noted: datagrams longer than the
// MTU are cut into fragments; the kernel gives an identification to a datagram
// that may be fragmented and has none (one without DF and with an id of 0).
package inject
