package sched

import "goipvs/packet"

// Reasons says what this package's reasons mean.
var Reasons = []packet.ReasonDoc{
	packet.Document(ReasonScheduled, packet.Step, "the scheduler chose a server for a new connection",
		"The servers follow with the figures that the scheduler compared."),
	packet.Document(ReasonNoDestination, packet.Lost, "no server takes new connections: all have weight 0, are at their upper threshold, or there is none",
		"`ipvsadm -Ln --thresholds` shows weights and thresholds. Of sh, dh and mh only the server of the client's slot counts, unless the service has the flag sh-fallback or mh-fallback."),
	packet.Document(ReasonChosen, packet.Step, "this is the server that was chosen", ""),
	packet.Document(ReasonQuiesced, packet.Step, "the server has weight 0: it keeps its connections but gets no new ones",
		"Give it a weight: `ipvsadm -e … -w 1`. With persistence known clients still come, unless expire_quiescent_template is 1."),
	packet.Document(ReasonOverloaded, packet.Step, "the server is at its upper threshold and takes no connections until it is below the lower one",
		"Raise the threshold (`ipvsadm -e … -x`), or wait: without a lower threshold that is at three quarters of the upper one."),
	packet.Document(ReasonBusier, packet.Step, "the server has more load for its weight than the chosen one",
		"The load is active connections times 256 plus all connections, divided by the weight (lc: not divided; sed and nq: active connections plus one)."),
	packet.Document(ReasonBehindEqual, packet.Step, "the server is as good as the chosen one, but later in the list",
		"Lists begin with the server that was added last."),
	packet.Document(ReasonNotItsTurn, packet.Step, "the server's turn comes later", ""),
	packet.Document(ReasonBelowMark, packet.Step, "wrr asks for more weight in this round (cw) than the server has",
		"The round after asks for di less. A server of great weight is chosen several times before a light one comes."),
	packet.Document(ReasonLighter, packet.Step, "a server with more weight takes connections", ""),
	packet.Document(ReasonFull, packet.Step, "ovf: the server has more active connections than its weight", "Raise its weight to let it take more."),
	packet.Document(ReasonBehindIdle, packet.Step, "nq: the first server without active connections is taken, whatever its weight", ""),
	packet.Document(ReasonOtherSlot, packet.Step, "the slot of the table that the address is hashed to is another server's",
		"That is what keeps a client with one server. sh and mh hash the client's address alone, unless the service has the flag sh-port or mh-port."),
	packet.Document(ReasonNotDrawn, packet.Step, "twos: the lot fell on other servers", ""),
	packet.Document(ReasonOtherCached, packet.Step, "the destination address is remembered for another server", "lblc and lblcr forget after lblc_expiration or lblcr_expiration seconds without use."),
	packet.Document(ReasonNoScheduling, packet.Step, "the service has no scheduler and takes no new connections", "Give it one: `ipvsadm -E … -s wlc`."),
}
