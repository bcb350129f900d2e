// Package inject sends datagrams as they are into LOCAL_OUT, where the kernel's
// ip_vs sends what it has changed, or, where nobody could tell, straight to a
// neighbour.
//
//	Datagram → raw socket (IP_HDRINCL) → LOCAL_OUT → POSTROUTING → link
//	             too big? fragments; a super-packet? segments
//	         → packet socket → link
//	             a super-packet whole, in a tunnel in segments
//
// A raw socket does what the kernel's transmitters need: the address given to
// sendto(2), not the header's, chooses the route and the neighbour, so that
// direct routing needs no link-layer address; neighbours and policy are the
// kernel's own. What goipvs sends carries its bit of the mark, and the user's
// mark as the packet's priority until rules put it back (package rules): were
// it the socket's mark, routing rules would see it, which they don't in the
// kernel.
//
// A packet socket is faster, changes not an octet, and takes super-packets with
// a virtio_net_hdr, which says how to cut them: the network card does, or nobody
// where both ends are on this machine. It knows no rule and no route. It is
// used for families for which Config.Direct says so, for what IPVS is done with
// and needs no fragments, while the neighbour's address is known: Neighbours
// hears of it from the kernel. What finds none, or one that nobody confirmed
// lately, goes by raw socket, which makes the kernel ask.
//
// What a raw socket can't do is done here or noted: datagrams longer than the
// MTU are cut into fragments, super-packets into segments, as the kernel cuts
// them; the kernel gives an identification to a datagram that may be fragmented
// and has none (one without DF and with an id of 0).
package inject
