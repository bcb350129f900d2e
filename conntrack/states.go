package conntrack

import (
	"time"

	"goipvs/packet"
)

// Direction is a packet's way as a state machine sees it.
//
// Kernel: include/net/ip_vs.h, IP_VS_DIR_INPUT and others (6.1).
type Direction uint8

// The directions.
const (
	Input     Direction = iota // from the client
	Output                     // from the server
	InputOnly                  // from the client, where replies don't pass here
)

// String names a direction.
func (d Direction) String() string { return [...]string{"input", "output", "input only"}[d] }

// Change is what a packet did to a connection's state.
type Change struct {
	From, To  uint8
	Direction Direction
	Event     string // what in the packet decided: "syn", "fin", …; "" if nothing
}

// Timeouts are how long a connection stays in each state without a packet, in
// ticks.
type Timeouts struct {
	TCP  [numTCPStates]uint32
	UDP  uint32
	SCTP [numSCTPStates]uint32
}

// DefaultTimeouts are the kernel's.
//
// Kernel: ip_vs_proto_tcp.c, tcp_timeouts; ip_vs_proto_udp.c, udp_timeouts;
// ip_vs_proto_sctp.c, sctp_timeouts (6.1).
func DefaultTimeouts() Timeouts {
	s := func(seconds ...uint32) []uint32 {
		for i := range seconds {
			seconds[i] *= HZ
		}
		return seconds
	}
	return Timeouts{
		TCP:  [numTCPStates]uint32(s(2, 15*60, 2*60, 60, 2*60, 2*60, 10, 60, 30, 2*60, 120)),
		UDP:  5 * 60 * HZ,
		SCTP: [numSCTPStates]uint32(s(2, 4, 61, 61, 61, 61, 61, 61, 15*60, 61, 61, 61, 4, 61)),
	}
}

// Ticks converts a duration to ticks.
func Ticks(d time.Duration) uint32 { return uint32(d / Tick) }

// Machines are the protocols' state machines with their settings, which change
// only while no packet is handled.
type Machines struct {
	Timeouts  Timeouts
	SecureTCP bool // the kernel's table against denial of service is in force
}

// Transition moves c, of the locked shard s, by a packet of its protocol: l4 is
// the packet from its transport header on. active is 1 if the connection is now
// active, -1 if it no longer is, 0 if all is as before. Protocols without
// states, and headers too short to tell, change nothing.
//
// Kernel: ip_vs_core.c, ip_vs_set_state (6.1).
func (m *Machines) Transition(s *Shard, c *Conn, proto uint8, dir Direction, l4 []byte) (ch Change, active int, ok bool) {
	var to uint8
	var event string
	from := c.State
	switch proto {
	case packet.ProtoTCP:
		if len(l4) < packet.SizeTCP {
			return Change{From: from, To: from, Direction: dir}, 0, false
		}
		dir = c.observe(dir)
		to, event = m.tcp(c, dir, l4[13])
	case packet.ProtoSCTP:
		kind, ok := sctpEvent(l4)
		if !ok {
			return Change{From: from, To: from, Direction: dir}, 0, false
		}
		dir = c.observe(dir)
		to, event = m.sctp(c, dir, kind)
	case packet.ProtoUDP:
		c.Timeout = m.Timeouts.UDP
		// A connection that is never "established" assures its template at once.
		if dir == Output {
			s.Assure(c)
		}
		return Change{From: from, To: from, Direction: dir}, 0, true
	default:
		return Change{From: from, To: from, Direction: dir}, 0, false
	}
	if to != from {
		active = s.moved(c, proto, to)
	}
	return Change{From: from, To: to, Direction: dir, Event: event}, active, true
}

// moved notes a new state; the result is that of Transition.
func (s *Shard) moved(c *Conn, proto, to uint8) (counted int) {
	if active := isActive(proto, to); active == (c.Flags&Inactive != 0) && c.DestID != 0 {
		counted = 1
		if !active {
			counted = -1
		}
		c.Flags ^= Inactive
	}
	if to == established(proto) {
		s.Assure(c)
	}
	c.State = to
	return counted
}

// observe notes that a reply passed, or says that none ever did.
func (c *Conn) observe(dir Direction) Direction {
	if c.Flags&NoOutput == 0 {
		return dir
	}
	if dir == Output {
		c.Flags &^= NoOutput
		return dir
	}
	return InputOnly
}

func isActive(proto, state uint8) bool {
	if proto == packet.ProtoSCTP {
		return state == sctpEstablished
	}
	switch state {
	case tcpEstablished, tcpSynSent, tcpSynRecv, tcpSynAck:
		return true
	}
	return false
}

func established(proto uint8) uint8 {
	if proto == packet.ProtoSCTP {
		return sctpEstablished
	}
	return tcpEstablished
}

// StateName returns the kernel's word for a state of a protocol.
//
// Kernel: ip_vs_proto.c, ip_vs_state_name (6.1).
func StateName(proto, state uint8) string {
	names := []string{}
	switch proto {
	case packet.ProtoTCP:
		names = tcpNames[:]
	case packet.ProtoUDP:
		names = udpNames[:]
	case packet.ProtoSCTP:
		names = sctpNames[:]
	case packet.ProtoIP:
		return "NONE"
	}
	if int(state) < len(names) {
		return names[state]
	}
	return "ERR!"
}

var udpNames = [...]string{"UDP"}
