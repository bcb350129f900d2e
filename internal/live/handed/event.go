package handed

import (
	"goipvs/internal/host"
	"goipvs/packet"
)

// Reasons of the daemon.
const (
	ReasonSent    packet.Reason = "sent-again"   // by a socket of the daemon
	ReasonGoesOn  packet.Reason = "goes-on"      // the kernel goes on with it, behind the hook
	ReasonTooLong packet.Reason = "too-long"     // longer than the kernel hands out, so it can't be changed
	ReasonLimited packet.Reason = "icmp-limited" // an ICMP error not sent, for there were too many
)

// Reasons says what they mean.
var Reasons = []packet.ReasonDoc{
	packet.Document(ReasonSent, packet.Done, "the daemon sends the packet anew, as IPVS sends it on from LOCAL_OUT", ""),
	packet.Document(ReasonGoesOn, packet.Done, "the kernel goes on with the packet behind the hook", "What becomes of it there, rules of the firewall say."),
	packet.Document(ReasonTooLong, packet.Lost, "the packet would have to be changed, but is longer than netfilter's queue hands out (65531 octets)", "Packets of that length are super-packets: `ethtool -K … gro off` on the interface that they come by."),
	packet.Document(ReasonLimited, packet.Lost, "the ICMP error is not sent: there were too many in a second", "`net.ipv4.icmp_ratelimit` and its like say how many the kernel sends."),
}

// Leaving reports a packet that a process of this host sends.
type Leaving struct{ Route *packet.Route }

// Reason implements packet.Event.
func (Leaving) Reason() packet.Reason { return host.ReasonSending }

// Func implements packet.Event.
func (e Leaving) Func() string {
	if e.Route.Family == packet.IPv6 {
		return "__ip6_local_out"
	}
	return "__ip_local_out"
}

// Sent reports a packet that the daemon sends itself.
type Sent struct{ OutIf int }

// Reason implements packet.Event.
func (Sent) Reason() packet.Reason { return ReasonSent }

// Func implements packet.Event.
func (Sent) Func() string { return "sock_sendmsg" }

// GoesOn reports a packet that is handed back to the kernel.
type GoesOn struct {
	Local bool // a process of this host gets it
	OutIf int  // else it leaves by this interface
}

// Reason implements packet.Event.
func (GoesOn) Reason() packet.Reason { return ReasonGoesOn }

// Func implements packet.Event.
func (GoesOn) Func() string { return "nf_reinject" }

// Dropped reports that the daemon gives a packet up that IPVS would not.
type Dropped struct{ Why packet.Reason }

// Reason implements packet.Event.
func (e Dropped) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (e Dropped) Func() string {
	if e.Why == ReasonLimited {
		return "icmpv4_xrlim_allow"
	}
	return "nfqnl_build_packet_message"
}
