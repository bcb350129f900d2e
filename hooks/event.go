package hooks

import (
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// Reasons of the hooks. First those for which a packet is none of IPVS's
// business and passes.
const (
	ReasonNoHooks      packet.Reason = "no-hooks"          // no service of the family, so no hook functions
	ReasonOurs         packet.Reason = "already-ours"      // IPVS has handled it before
	ReasonNotHost      packet.Reason = "not-for-host"      // the frame was broadcast, multicast or for somebody else
	ReasonNotRouted    packet.Reason = "not-routed"        // without a route
	ReasonProtocol     packet.Reason = "other-protocol"    // none that IPVS balances
	ReasonNotError     packet.Reason = "icmp-no-error"     // ICMP, but no error that concerns connections
	ReasonBadICMP      packet.Reason = "icmp-looks-wrong"  // an error whose quoted packet can't be read
	ReasonQuotedFrag   packet.Reason = "icmp-later-quoted" // an error that quotes a later fragment
	ReasonOtherTunnel  packet.Reason = "icmp-other-tunnel" // an error about a tunnel that isn't ours
	ReasonNoConn       packet.Reason = "no-connection"     // of no connection
	ReasonLaterFrag    packet.Reason = "later-fragment"    // of no connection, and a later fragment makes none
	ReasonNotNew       packet.Reason = "not-opening"       // of no connection, and such a segment makes none
	ReasonNoService    packet.Reason = "no-service"        // for no virtual service
	ReasonRelatedOnly  packet.Reason = "related-only"      // AH and ESP go with an IKE connection or pass
	ReasonFTPData      packet.Reason = "ftp-data"          // from port 20: made by the control connection or not at all
	ReasonOwnReply     packet.Reason = "own-reply"         // a reply of a server on this host
	ReasonFTPNeighbour packet.Reason = "ftp-neighbour"     // for another port beside an FTP service without servers
	ReasonReply        packet.Reason = "reply"             // handled as a reply
	ReasonRequest      packet.Reason = "request"           // handled as a request
)

// Then those for which it is lost.
const (
	ReasonCutOff       packet.Reason = "header-cut-off"       // no room for ports
	ReasonICMPFragment packet.Reason = "icmpv6-fragment"      // an ICMPv6 error in fragments
	ReasonChecksum     packet.Reason = "icmp-checksum"        // an ICMP error with a wrong checksum
	ReasonOldTracking  packet.Reason = "old-conntrack"        // the kernel's tracking still has the old connection
	ReasonNoServer     packet.Reason = "server-gone"          // the connection's server was deleted
	ReasonNoDest       packet.Reason = "no-destination"       // no server for a new connection: ICMP port unreachable
	ReasonLoad         packet.Reason = "drop-packet"          // drop_packet sheds load
	ReasonMemory       packet.Reason = "table-full"           // the connection table can take no more
	ReasonPersistence  packet.Reason = "persistence-engine"   // the persistence engine can't read the packet
	ReasonServerAsks   packet.Reason = "nat-icmp-send"        // a server talks without a connection: told so
	ReasonTunnelError  packet.Reason = "tunnel-error-relayed" // an error about our tunnel: the client gets one of its own
	ReasonWaiting      packet.Reason = "fragment-kept"        // kept until the other fragments are there
	ReasonHelper       packet.Reason = "helper-refused"       // a helper can't read the segment: checksum wrong or cut off
	ReasonReroute      packet.Reason = "no-reroute"           // a reply without a way after its source changed
)

// And what is found and done on the way.
const (
	ReasonHook          packet.Reason = "hook"                     // a hook function begins
	ReasonFound         packet.Reason = "connection"               // of a connection
	ReasonMissed        packet.Reason = "miss"                     // looked up in vain
	ReasonService       packet.Reason = "service"                  // for a virtual service
	ReasonTemplateFound packet.Reason = "template-found"           // the client has a persistence template
	ReasonTemplateNone  packet.Reason = "template-none"            // it has none
	ReasonTemplate      packet.Reason = "template"                 // a persistence template decides
	ReasonStaleGone     packet.Reason = "template-server-gone"     // a template can't be used: its server was deleted
	ReasonStaleQuiesced packet.Reason = "template-server-quiesced" // its server has weight 0, with expire_quiescent_template
	ReasonStaleOther    packet.Reason = "template-other-server"    // it is another server's
	ReasonCreated       packet.Reason = "created"                  // a connection was made
	ReasonReused        packet.Reason = "reuse"                    // the old connection gives way to a new one
	ReasonKept          packet.Reason = "no-reuse"                 // the old connection stays, though a new one is asked for
	ReasonState         packet.Reason = "state"                    // the state machine's answer
	ReasonReplaced      packet.Reason = "expired-early"            // a connection ends since its server is gone
	ReasonFTPPassive    packet.Reason = "ftp-passive"              // the client asks for a passive data connection
	ReasonFTPExpected   packet.Reason = "ftp-expected"             // a data connection is expected
	ReasonFTPAnswer     packet.Reason = "ftp-answer"               // the server's answer gets the service's address
)

// What happens to connections without a packet.
const (
	ReasonTimedOut  packet.Reason = "timed-out"       // a connection's time is over
	ReasonDeleted   packet.Reason = "deleted"         // a connection is ended before its time
	ReasonPacketOut packet.Reason = "one-packet-over" // a connection for one packet has had it
	ReasonPutOff    packet.Reason = "put-off"         // its time is over, but it controls others
)

// Entered reports that a hook function begins.
type Entered struct {
	Point Point
	Place *Place
}

// Reason implements packet.Event.
func (Entered) Reason() packet.Reason { return ReasonHook }

// Func implements packet.Event.
func (e Entered) Func() string { return e.Place.Kernel }

// Decided reports the end of a packet's way through a function.
type Decided struct {
	Verdict xmit.Verdict
	Why     packet.Reason
	In      string // the kernel function
}

// Reason implements packet.Event.
func (e Decided) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (e Decided) Func() string { return e.In }

// Looked reports a look-up of a connection.
type Looked struct {
	Key  conntrack.Key
	Conn *conntrack.Conn // nil: none
	In   string
}

// Reason implements packet.Event.
func (e Looked) Reason() packet.Reason {
	if e.Conn == nil {
		return ReasonMissed
	}
	return ReasonFound
}

// Func implements packet.Event.
func (e Looked) Func() string { return e.In }

// Matched reports the virtual service found for a packet of no connection.
type Matched struct {
	Service *sched.Service // nil: none
	Mark    uint32
	Addr    packet.Addr
	Port    uint16
}

// Reason implements packet.Event.
func (e Matched) Reason() packet.Reason {
	if e.Service == nil {
		return ReasonNoService
	}
	return ReasonService
}

// Func implements packet.Event.
func (Matched) Func() string { return "ip_vs_service_find" }

// Changed reports what happened to a connection or template.
type Changed struct {
	Why  packet.Reason // ReasonCreated, ReasonTemplate, ReasonStaleGone, ReasonReused, …
	Conn *conntrack.Conn
	In   string
}

// Reason implements packet.Event.
func (e Changed) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (e Changed) Func() string { return e.In }

// LookedTemplate reports a look-up of a persistence template.
type LookedTemplate struct {
	Key  conntrack.Key
	Conn *conntrack.Conn // nil: none
}

// Reason implements packet.Event.
func (e LookedTemplate) Reason() packet.Reason {
	if e.Conn == nil {
		return ReasonTemplateNone
	}
	return ReasonTemplateFound
}

// Func implements packet.Event.
func (LookedTemplate) Func() string { return "ip_vs_ct_in_get" }

// Ended reports, without a packet, that a connection goes or was put off.
type Ended struct {
	Why  packet.Reason // ReasonTimedOut, ReasonDeleted, ReasonPacketOut, ReasonPutOff
	Conn *conntrack.Conn
	At   time.Duration // on the director's clock
}

// Reason implements packet.Event.
func (e Ended) Reason() packet.Reason { return e.Why }

// Func implements packet.Event.
func (Ended) Func() string { return "ip_vs_conn_expire" }

// Moved reports the state machine's answer to a packet.
type Moved struct {
	Conn    *conntrack.Conn
	Timeout time.Duration // what the connection has now, until its next packet
	Secure  bool          // by the table of secure_tcp
	conntrack.Change
	Active int // +1: the connection is now active, -1: no longer, 0: as before
}

// Reason implements packet.Event.
func (Moved) Reason() packet.Reason { return ReasonState }

// Func implements packet.Event.
func (e Moved) Func() string {
	switch e.Conn.Protocol {
	case packet.ProtoTCP:
		return "set_tcp_state"
	case packet.ProtoSCTP:
		return "set_sctp_state"
	}
	return "udp_state_transition"
}
