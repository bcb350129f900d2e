package xmit

import (
	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// Tracker is netfilter's connection tracking as IPVS uses it. A Stack may be one
// as well; where it isn't, the kernel's own tracking is left to itself. Its
// methods do nothing for packets that are not tracked.
type Tracker interface {
	// Track turns tracking of a family's packets on, or takes that back.
	// Kernel: nf_ct_netns_get, nf_ct_netns_put.
	Track(f packet.Family, on bool)

	// Untrack lets p go on without its connection.
	// Kernel: ip_vs_notrack.
	Untrack(p *packet.Packet)

	// Redirect says that p's connection goes to the server, so that replies come
	// from there; helped, that what is said may change in length.
	// Kernel: ip_vs_update_conntrack, outin set.
	Redirect(p *packet.Packet, server packet.Addr, port uint16, helped bool)

	// RedirectReply says that p, whose connection a server began, comes from the
	// virtual service.
	// Kernel: ip_vs_update_conntrack, outin not set.
	RedirectReply(p *packet.Packet, virtual packet.Addr, port uint16, helped bool)

	// Detach takes p, which is about to be wrapped in another packet, from its
	// connection; with commit it is put into the table before, and Detach
	// reports false if p must be dropped.
	// Kernel: ip_vs_tunnel_xmit_prepare.
	Detach(p *packet.Packet, commit bool) bool

	// Resize notes that the TCP segment p, whose sequence number is seq, was made
	// longer by octets. It reports false where p has no connection.
	// Kernel: nf_nat_mangle_tcp_packet.
	Resize(p *packet.Packet, seq uint32, by int) bool

	// Forget ends what is tracked from the client to the virtual service.
	// Kernel: ip_vs_conn_drop_conntrack.
	Forget(c *conntrack.Conn)
}

// track tells connection tracking, if there is one, where a request goes.
//
// Kernel: ip_vs_xmit.c, ip_vs_nat_send_or_cont, ip_vs_send_or_cont (6.1).
func track(t Tracker, p *packet.Packet, cp *conntrack.Conn, helped bool) {
	switch {
	case t == nil:
	case cp.Flags&conntrack.NFCT == 0:
		t.Untrack(p)
	case redirects(cp):
		t.Redirect(p, cp.Dest, cp.DPort, helped)
	}
}

// TrackReply tells connection tracking, if there is one, where a reply comes from.
//
// Kernel: ip_vs_core.c, handle_response, handle_response_icmp (6.1).
func TrackReply(t Tracker, p *packet.Packet, cp *conntrack.Conn, helped bool) {
	switch {
	case t == nil:
	case cp.Flags&conntrack.NFCT == 0:
		t.Untrack(p)
	case redirects(cp):
		t.RedirectReply(p, cp.Virtual, cp.VPort, helped)
	}
}

// redirects reports whether the two ends of a connection see different packets.
//
// Kernel: ip_vs_nfct.c, ip_vs_update_conntrack (6.1).
func redirects(cp *conntrack.Conn) bool {
	return sched.Forward(cp.Forward()) == sched.Masq && cp.Flags&conntrack.OnePacket == 0
}
