package conntrack

import "encoding/binary"

// SCTP states, as seen in the server.
//
// Kernel: include/net/ip_vs.h, enum ip_vs_sctp_states (6.1).
const (
	sctpNone = iota
	sctpInit1
	sctpInit
	sctpCookieSent
	sctpCookieReplied
	sctpCookieWait
	sctpCookie
	sctpCookieEchoed
	sctpEstablished
	sctpShutdownSent
	sctpShutdownReceived
	sctpShutdownAckSent
	sctpRejected
	sctpClosed
	numSCTPStates
)

var sctpNames = [numSCTPStates]string{
	"NONE", "INIT1", "INIT", "C-SENT", "C-REPLIED", "C-WAIT", "COOKIE", "C-ECHOED",
	"ESTABLISHED", "S-SENT", "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED",
}

// SCTP chunk types (RFC 9260 §3.2).
const (
	ChunkInit       = 1
	ChunkAbort      = 6
	chunkCookieEcho = 10
	chunkCookieAck  = 11
)

// The events of SCTP.
const (
	evData = iota
	evInit
	evInitAck
	evCookieEcho
	evCookieAck
	evShutdown
	evShutdownAck
	evShutdownComplete
	evError
	evAbort
	numSCTPEvents
)

var sctpEvents = [numSCTPEvents]string{
	"data", "init", "init-ack", "cookie-echo", "cookie-ack",
	"shutdown", "shutdown-ack", "shutdown-complete", "error", "abort",
}

// sctpChunks gives the event of a chunk type; all beyond are data.
//
// Kernel: ip_vs_proto_sctp.c, sctp_events (6.1).
var sctpChunks = [...]uint8{
	evData, evInit, evInitAck, evData, evData, evData, evAbort, evShutdown,
	evShutdownAck, evError, evCookieEcho, evCookieAck, evData, evData, evShutdownComplete,
}

// Short names for the tables.
const (
	cNO = sctpNone
	cI1 = sctpInit1
	cIN = sctpInit
	cCS = sctpCookieSent
	cCR = sctpCookieReplied
	cCW = sctpCookieWait
	cCO = sctpCookie
	cCE = sctpCookieEchoed
	cES = sctpEstablished
	cSS = sctpShutdownSent
	cSR = sctpShutdownReceived
	cSA = sctpShutdownAckSent
	cRJ = sctpRejected
	cCL = sctpClosed
)

// The next state by direction, event and state.
//
// Kernel: ip_vs_proto_sctp.c, sctp_states (6.1).
var sctpStates = [3][numSCTPEvents][numSCTPStates]uint8{
	{ // Input
		//                    NO   I1   IN   CS   CR   CW   CO   CE   ES   SS   SR   SA   RJ   CL
		evData:             {cES, cI1, cIN, cCS, cCR, cCW, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evInit:             {cI1, cIN, cIN, cCS, cCR, cCW, cCO, cCE, cES, cSS, cSR, cSA, cIN, cIN},
		evInitAck:          {cCW, cCW, cCW, cCS, cCR, cCO, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evCookieEcho:       {cCR, cIN, cIN, cCR, cCR, cCW, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evCookieAck:        {cES, cI1, cIN, cCS, cCR, cCW, cCO, cES, cES, cSS, cSR, cSA, cRJ, cCL},
		evShutdown:         {cSR, cI1, cIN, cCS, cCR, cCW, cCO, cCE, cSR, cSS, cSR, cSA, cRJ, cCL},
		evShutdownAck:      {cCL, cIN, cIN, cCS, cCR, cCW, cCO, cCE, cES, cCL, cSR, cCL, cRJ, cCL},
		evShutdownComplete: {cCL, cCL, cCL, cCS, cCR, cCW, cCO, cCE, cES, cSS, cSR, cCL, cRJ, cCL},
		evError:            {cCL, cI1, cIN, cCS, cCR, cCW, cCO, cCL, cES, cSS, cSR, cSA, cRJ, cCL},
		evAbort:            {cCL, cCL, cCL, cCL, cCL, cRJ, cCL, cCL, cCL, cCL, cCL, cCL, cCL, cCL},
	},
	{ // Output
		evData:             {cES, cI1, cIN, cCS, cCR, cCW, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evInit:             {cCW, cCW, cCW, cCW, cCW, cCW, cCW, cCW, cES, cCW, cCW, cCW, cCW, cCW},
		evInitAck:          {cCS, cCS, cCS, cCS, cCR, cCW, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evCookieEcho:       {cCE, cCE, cCE, cCE, cCE, cCE, cCE, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evCookieAck:        {cES, cES, cES, cES, cES, cES, cES, cES, cES, cSS, cSR, cSA, cRJ, cCL},
		evShutdown:         {cSS, cSS, cSS, cSS, cSS, cSS, cSS, cSS, cSS, cSS, cSR, cSA, cRJ, cCL},
		evShutdownAck:      {cSA, cSA, cSA, cSA, cSA, cCW, cCO, cCE, cES, cSA, cSA, cSA, cRJ, cCL},
		evShutdownComplete: {cCL, cI1, cIN, cCS, cCR, cCW, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evError:            {cCL, cCL, cCL, cCL, cCL, cCW, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evAbort:            {cCL, cRJ, cCL, cCL, cCL, cCL, cCL, cCL, cCL, cCL, cCL, cCL, cCL, cCL},
	},
	{ // InputOnly
		evData:             {cES, cI1, cIN, cCS, cCR, cES, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evInit:             {cI1, cIN, cIN, cIN, cIN, cIN, cCO, cCE, cES, cSS, cSR, cSA, cIN, cIN},
		evInitAck:          {cCE, cCE, cCE, cCE, cCE, cCE, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evCookieEcho:       {cES, cES, cES, cES, cES, cES, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evCookieAck:        {cES, cI1, cIN, cES, cES, cCW, cES, cES, cES, cSS, cSR, cSA, cRJ, cCL},
		evShutdown:         {cSR, cI1, cIN, cCS, cCR, cCW, cCO, cCE, cSR, cSS, cSR, cSA, cRJ, cCL},
		evShutdownAck:      {cCL, cIN, cIN, cCS, cCR, cCW, cCO, cCE, cCL, cCL, cSR, cCL, cRJ, cCL},
		evShutdownComplete: {cCL, cCL, cCL, cCL, cCL, cCW, cCO, cCE, cES, cSS, cCL, cCL, cRJ, cCL},
		evError:            {cCL, cI1, cIN, cCS, cCR, cCW, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
		evAbort:            {cCL, cCL, cCL, cCL, cCL, cRJ, cCL, cCL, cCL, cCL, cCL, cCL, cCL, cCL},
	},
}

// sctpEvent returns the event that a packet's first chunk is; an ABORT bundled
// behind a COOKIE ECHO or COOKIE ACK wins. It reports false if there is no
// chunk.
func sctpEvent(l4 []byte) (ev uint8, ok bool) {
	const header, chunkHeader = 12, 4
	if len(l4) < header+chunkHeader {
		return 0, false
	}
	chunks := l4[header:]
	kind := chunks[0]
	if kind == chunkCookieEcho || kind == chunkCookieAck {
		if n := int(binary.BigEndian.Uint16(chunks[2:])); n >= chunkHeader {
			if n = (n + 3) &^ 3; len(chunks) >= n+chunkHeader && chunks[n] == ChunkAbort {
				kind = ChunkAbort
			}
		}
	}
	if int(kind) < len(sctpChunks) {
		return sctpChunks[kind], true
	}
	return evData, true
}

// sctp returns the state of a connection after an event.
//
// Kernel: ip_vs_proto_sctp.c, set_sctp_state (6.1).
func (m *Machines) sctp(c *Conn, dir Direction, ev uint8) (to uint8, event string) {
	to = sctpStates[dir][ev][c.State]
	c.Timeout = m.Timeouts.SCTP[to]
	return to, sctpEvents[ev]
}
