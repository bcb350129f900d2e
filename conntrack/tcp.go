package conntrack

import "goipvs/packet"

// TCP states.
//
// Kernel: include/net/ip_vs.h, IP_VS_TCP_S_* (6.1).
const (
	tcpNone = iota
	tcpEstablished
	tcpSynSent
	tcpSynRecv
	tcpFinWait
	tcpTimeWait
	tcpClose
	tcpCloseWait
	tcpLastAck
	tcpListen
	tcpSynAck
	numTCPStates
)

var tcpNames = [numTCPStates]string{
	"NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
	"CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "SYNACK",
}

// TCP flags.
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagACK = 0x10
)

// Short names for the tables.
const (
	sNO = tcpNone
	sES = tcpEstablished
	sSS = tcpSynSent
	sSR = tcpSynRecv
	sFW = tcpFinWait
	sTW = tcpTimeWait
	sCL = tcpClose
	sCW = tcpCloseWait
	sLA = tcpLastAck
	sLI = tcpListen
	sSA = tcpSynAck
)

// The events of TCP, in the order in which a packet's flags are looked at after
// RST.
const (
	evSYN = iota
	evFIN
	evACK
	evRST
	numTCPEvents
)

var tcpEvents = [numTCPEvents]string{"syn", "fin", "ack", "rst"}

// A tcpTable gives the next state by direction, event and state.
type tcpTable [3][numTCPEvents][numTCPStates]uint8

// Kernel: ip_vs_proto_tcp.c, tcp_states (6.1).
var tcpStates = tcpTable{
	{ // Input
		//       NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA
		evSYN: {sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR},
		evFIN: {sCL, sCW, sSS, sTW, sTW, sTW, sCL, sCW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES},
		evRST: {sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sSR},
	},
	{ // Output
		evSYN: {sSS, sES, sSS, sSR, sSS, sSS, sSS, sSS, sSS, sLI, sSR},
		evFIN: {sTW, sFW, sSS, sTW, sFW, sTW, sCL, sTW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sLA, sES, sES},
		evRST: {sCL, sCL, sSS, sCL, sCL, sTW, sCL, sCL, sCL, sCL, sCL},
	},
	{ // InputOnly
		evSYN: {sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR},
		evFIN: {sCL, sFW, sSS, sTW, sFW, sTW, sCL, sCW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES},
		evRST: {sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL},
	},
}

// Kernel: ip_vs_proto_tcp.c, tcp_states_dos (6.1).
var tcpStatesDoS = tcpTable{
	{ // Input
		//       NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA
		evSYN: {sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSA},
		evFIN: {sCL, sCW, sSS, sTW, sTW, sTW, sCL, sCW, sLA, sLI, sSA},
		evACK: {sES, sES, sSS, sSR, sFW, sTW, sCL, sCW, sCL, sLI, sSA},
		evRST: {sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL},
	},
	{ // Output
		evSYN: {sSS, sES, sSS, sSA, sSS, sSS, sSS, sSS, sSS, sLI, sSA},
		evFIN: {sTW, sFW, sSS, sTW, sFW, sTW, sCL, sTW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sLA, sES, sES},
		evRST: {sCL, sCL, sSS, sCL, sCL, sTW, sCL, sCL, sCL, sCL, sCL},
	},
	{ // InputOnly
		evSYN: {sSA, sES, sES, sSR, sSA, sSA, sSA, sSA, sSA, sSA, sSA},
		evFIN: {sCL, sFW, sSS, sTW, sFW, sTW, sCL, sCW, sLA, sLI, sTW},
		evACK: {sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES},
		evRST: {sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL},
	},
}

// tcp returns the state of a connection after a segment's flags.
//
// Kernel: ip_vs_proto_tcp.c, set_tcp_state (6.1).
func (m *Machines) tcp(c *Conn, dir Direction, flags byte) (to uint8, event string) {
	to = tcpClose
	if ev, ok := tcpEvent(flags); ok {
		table := &tcpStates
		if m.SecureTCP {
			table = &tcpStatesDoS
		}
		to, event = table[dir][ev][c.State], tcpEvents[ev]
	}
	c.Timeout = m.Timeouts.TCP[to]
	return to, event
}

func tcpEvent(flags byte) (int, bool) {
	switch {
	case flags&flagRST != 0:
		return evRST, true
	case flags&flagSYN != 0:
		return evSYN, true
	case flags&flagFIN != 0:
		return evFIN, true
	case flags&flagACK != 0:
		return evACK, true
	}
	return 0, false
}

// Reusable reports whether a new SYN or INIT may make the connection a new one:
// it is as good as over. mode is the setting conn_reuse_mode.
//
// Kernel: ip_vs_core.c, is_new_conn_expected (6.1).
func (c *Conn) Reusable(mode int) bool {
	if c.Control != 0 {
		return false
	}
	switch c.Protocol {
	case packet.ProtoTCP:
		return c.State == tcpTimeWait || c.State == tcpClose ||
			mode&2 != 0 && c.State == tcpFinWait && c.Flags&NoOutput != 0
	case packet.ProtoSCTP:
		return c.State == sctpClosed
	}
	return false
}

// Listen puts a connection made for an expected one into LISTEN.
//
// Kernel: ip_vs_proto_tcp.c, ip_vs_tcp_conn_listen (6.1).
func (m *Machines) Listen(c *Conn) {
	c.State, c.Timeout = tcpListen, m.Timeouts.TCP[tcpListen]
}
