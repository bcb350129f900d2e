package conntrack

import (
	"testing"

	"goipvs/packet"
)

// A chunk of SCTP with what its length field says and its octets.
func chunk(kind byte, says uint16, octets int) []byte {
	b := make([]byte, octets)
	b[0], b[2], b[3] = kind, byte(says>>8), byte(says)
	return b
}

// Features: 6.3.
func TestSCTPChunks(t *testing.T) {
	echo := chunk(chunkCookieEcho, 8, 8)
	for _, c := range []struct {
		name   string
		chunks [][]byte
		want   string // event
	}{
		{"unknown", [][]byte{chunk(15, 4, 4)}, "data"},
		{"far beyond", [][]byte{chunk(255, 4, 4)}, "data"},
		{"SACK", [][]byte{chunk(3, 4, 4)}, "data"},
		{"HEARTBEAT", [][]byte{chunk(4, 4, 4)}, "data"},
		{"only the first counts", [][]byte{chunk(0, 4, 4), chunk(ChunkAbort, 4, 4)}, "data"},
		{"COOKIE ECHO", [][]byte{echo}, "cookie-echo"},
		{"COOKIE ECHO with DATA", [][]byte{echo, chunk(0, 4, 4)}, "cookie-echo"},
		{"COOKIE ECHO with ABORT", [][]byte{echo, chunk(ChunkAbort, 4, 4)}, "abort"},
		{"COOKIE ACK with ABORT", [][]byte{chunk(chunkCookieAck, 4, 4), chunk(ChunkAbort, 4, 4)}, "abort"},
		{"ABORT after padding", [][]byte{chunk(chunkCookieEcho, 5, 8), chunk(ChunkAbort, 4, 4)}, "abort"},
		{"ABORT as third", [][]byte{echo, chunk(0, 4, 4), chunk(ChunkAbort, 4, 4)}, "cookie-echo"},
		{"ABORT cut off", [][]byte{echo, {ChunkAbort, 0, 0}}, "cookie-echo"},
		{"length too small", [][]byte{chunk(chunkCookieEcho, 3, 4), chunk(ChunkAbort, 4, 4)}, "cookie-echo"},
		{"length beyond the packet", [][]byte{chunk(chunkCookieEcho, 0xffff, 4), chunk(ChunkAbort, 4, 4)}, "cookie-echo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := make([]byte, packet.SizeSCTP)
			for _, x := range c.chunks {
				b = append(b, x...)
			}
			table, _ := newTestTable(1)
			m := Machines{Timeouts: DefaultTimeouts()}
			conn := table.shards[0].New(&New{Key: Key{Protocol: packet.ProtoSCTP}})
			ch, _, ok := m.Transition(&table.shards[0], conn, packet.ProtoSCTP, Input, b)
			if !ok || ch.Event != c.want {
				t.Errorf("event %q, %v; want %q", ch.Event, ok, c.want)
			}
		})
	}
}

// FuzzTransition: no transport header breaks a state machine, and states stay
// within their tables.
func FuzzTransition(f *testing.F) {
	f.Add(uint8(packet.ProtoTCP), uint8(1), segment(packet.ProtoTCP, "fin"))
	f.Add(uint8(packet.ProtoSCTP), uint8(3), append(make([]byte, packet.SizeSCTP), chunk(chunkCookieEcho, 5, 8)...))
	f.Add(uint8(packet.ProtoUDP), uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, proto, state uint8, b []byte) {
		states := map[uint8]uint8{packet.ProtoTCP: numTCPStates, packet.ProtoSCTP: numSCTPStates, packet.ProtoUDP: 1}[proto]
		if states == 0 {
			states = 1
		}
		m := Machines{Timeouts: DefaultTimeouts()}
		table, _ := newTestTable(1)
		for _, dir := range []Direction{Input, Output} {
			c := table.shards[0].New(&New{Key: Key{Protocol: proto}, DestID: 1, Flags: NoOutput})
			c.State = state % states
			m.Transition(&table.shards[0], c, proto, dir, b)
			if c.State >= states || c.Timeout == 0 {
				t.Fatalf("state %d of %d, timeout %d", c.State, states, c.Timeout)
			}
		}
	})
}
