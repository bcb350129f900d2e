package host

import "goipvs/packet"

// Why the host drops a packet.
const (
	ReasonTruncated          packet.Reason = "truncated"           // shorter than its headers say
	ReasonHeader             packet.Reason = "bad-header"          // version, header length or total length is nonsense
	ReasonChecksum           packet.Reason = "bad-header-checksum" // of the IPv4 header
	ReasonDown               packet.Reason = "link-down"           // the interface is down
	ReasonTooLong            packet.Reason = "frame-too-long"      // longer than the interface's MTU allows
	ReasonARP                packet.Reason = "arp"                 // the host's own business
	ReasonARPClaim           packet.Reason = "arp-claim"           // another station has an address of this host
	ReasonNotIP              packet.Reason = "not-ip"              // neither IPv4 nor IPv6
	ReasonNoIPv6             packet.Reason = "no-ipv6"             // the interface's MTU is too small for IPv6
	ReasonOtherHost          packet.Reason = "other-host"          // the frame was for somebody else, or for everybody
	ReasonMartianSource      packet.Reason = "martian-source"      // no source that this can come from
	ReasonMartianDestination packet.Reason = "martian-destination" // no destination that this can go to
	ReasonScope              packet.Reason = "bad-scope"           // a multicast beyond its scope
	ReasonNotJoined          packet.Reason = "not-joined"          // a multicast to a group that nobody here listens to
	ReasonOptions            packet.Reason = "bad-options"         // an option is malformed or asks for it
	ReasonSourceRoute        packet.Reason = "source-route"        // source routes aren't followed
	ReasonNoRoute            packet.Reason = "unroutable"          // unreachable, blackhole, prohibit, or no route
	ReasonNoForwarding       packet.Reason = "not-forwarding"      // this host is no router
	ReasonTTL                packet.Reason = "ttl-expired"         // the time to live is over
	ReasonTooBig             packet.Reason = "too-big"             // larger than the MTU and not to be fragmented
	ReasonNoNeighbour        packet.Reason = "no-neighbour"        // nobody answers for the next hop
	ReasonDummy              packet.Reason = "dummy"               // sent by a dummy interface
	ReasonTracking           packet.Reason = "tracking"            // connection tracking has no place for its connection
	ReasonHook               packet.Reason = "hook-verdict"        // a hook function says so
	ReasonNeighbourBusiness  packet.Reason = "neighbour-discovery" // IPv6's own business of the link, in which this host has no part
	ReasonCut                packet.Reason = "capture-cut"         // a capture has only its beginning: passed over
	ReasonOutgoing           packet.Reason = "outgoing"            // the captured host itself sent it: passed over
	ReasonNotSent            packet.Reason = "not-sent"            // the process that sends it gets an error
	ReasonQueueFull          packet.Reason = "neighbour-queue"     // too many packets wait for a neighbour
	ReasonFragMemory         packet.Reason = "fragment-memory"     // too many fragments wait
	ReasonFragEnd            packet.Reason = "fragment-end"        // fragments disagree about the datagram's end
	ReasonFragEmpty          packet.Reason = "fragment-empty"      // a fragment without octets
	ReasonFragDuplicate      packet.Reason = "fragment-duplicate"  // it is there already
	ReasonFragOverlap        packet.Reason = "fragment-overlap"    // it overlaps others
	ReasonFragUnaligned      packet.Reason = "fragment-unaligned"  // not the last, and not of full eight octets
	ReasonFragTooLong        packet.Reason = "fragment-too-long"   // the datagram would be too long
	ReasonFragECN            packet.Reason = "fragment-ecn"        // congestion marks contradict each other
	ReasonReassemblyTimeout  packet.Reason = "reassembly-timeout"  // fragments are missing
)

// What else the host does.
const (
	ReasonReceived    packet.Reason = "received"
	ReasonToHost      packet.Reason = "routed-local"
	ReasonForward     packet.Reason = "routed-forward"
	ReasonSending     packet.Reason = "local-out"
	ReasonMark        packet.Reason = "marked"
	ReasonQueued      packet.Reason = "fragment-queued"
	ReasonReassembled packet.Reason = "reassembled"
	ReasonFragmented  packet.Reason = "fragmented"
	ReasonUnresolved  packet.Reason = "resolving"
	ReasonTransmitted packet.Reason = "transmitted"
	ReasonLooped      packet.Reason = "looped"
	ReasonDelivered   packet.Reason = "delivered"
)

// Received reports a frame as it came.
type Received struct {
	If   string
	Type int // Ethernet type
}

// Reason implements packet.Event.
func (Received) Reason() packet.Reason { return ReasonReceived }

// Func implements packet.Event.
func (Received) Func() string { return "__netif_receive_skb_core" }

// Routed reports where a packet that arrived goes.
type Routed struct {
	Why   packet.Reason // ReasonToHost or ReasonForward
	Route *packet.Route
}

// Reason implements packet.Event.
func (e Routed) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (e Routed) Func() string {
	if e.Route.Family == packet.IPv6 {
		return "ip6_route_input"
	}
	return "ip_route_input_slow"
}

// Sending reports a packet that a process of this host sends.
type Sending struct{ Route *packet.Route }

// Reason implements packet.Event.
func (Sending) Reason() packet.Reason { return ReasonSending }

// Func implements packet.Event.
func (e Sending) Func() string {
	if e.Route.Family == packet.IPv6 {
		return "rawv6_send_hdrinc"
	}
	return "raw_send_hdrinc"
}

// Marked reports a mark that a rule set.
type Marked struct{ Mark uint32 }

// Reason implements packet.Event.
func (Marked) Reason() packet.Reason { return ReasonMark }

// Func implements packet.Event.
func (Marked) Func() string { return "mark_tg" }

// Dropped reports that a packet ends here. An ICMP error to its sender may
// follow.
type Dropped struct {
	Why packet.Reason
	In  string // the kernel function
}

// Reason implements packet.Event.
func (e Dropped) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (e Dropped) Func() string { return e.In }

// Queued reports a fragment that waits for others.
type Queued struct {
	Have int    // octets of the datagram's payload that are here
	User string // where fragments are put together
}

// Reason implements packet.Event.
func (Queued) Reason() packet.Reason { return ReasonQueued }

// Func implements packet.Event.
func (Queued) Func() string { return "inet_frag_queue_insert" }

// Reassembled reports a datagram put together from fragments.
type Reassembled struct {
	Fragments int
	Largest   int // octets of the largest, with its headers
}

// Reason implements packet.Event.
func (Reassembled) Reason() packet.Reason { return ReasonReassembled }

// Func implements packet.Event.
func (Reassembled) Func() string { return "inet_frag_reasm_finish" }

// Fragmented reports that a packet left in fragments.
type Fragmented struct{ Count int }

// Reason implements packet.Event.
func (Fragmented) Reason() packet.Reason { return ReasonFragmented }

// Func implements packet.Event.
func (Fragmented) Func() string { return "ip_do_fragment" }

// Unresolved reports a packet that waits for a neighbour nobody knows.
type Unresolved struct {
	If      string
	Family  packet.Family
	NextHop packet.Addr
}

// Reason implements packet.Event.
func (Unresolved) Reason() packet.Reason { return ReasonUnresolved }

// Func implements packet.Event.
func (Unresolved) Func() string { return "neigh_resolve_output" }

// Transmitted reports a packet that leaves.
type Transmitted struct {
	If  string
	MAC [6]byte
}

// Reason implements packet.Event.
func (Transmitted) Reason() packet.Reason { return ReasonTransmitted }

// Func implements packet.Event.
func (Transmitted) Func() string { return "dev_queue_xmit" }

// Looped reports a packet of this host that is to arrive at it.
type Looped struct{ If string }

// Reason implements packet.Event.
func (Looped) Reason() packet.Reason { return ReasonLooped }

// Func implements packet.Event.
func (Looped) Func() string { return "loopback_xmit" }

// Delivered reports a packet that a process of this host gets.
type Delivered struct{}

// Reason implements packet.Event.
func (Delivered) Reason() packet.Reason { return ReasonDelivered }

// Func implements packet.Event.
func (Delivered) Func() string { return "ip_local_deliver_finish" }
