package conntrack

import (
	"testing"
	"time"

	"goipvs/packet"
)

// Features: 12.
func TestRandomDropTakesHalfOpenAndLittleUsed(t *testing.T) {
	tests := []struct {
		name  string
		flags Flags
		proto uint8
		state uint8
		pkts  uint32
		idle  time.Duration
		want  bool
	}{
		{"half-open", 0, packet.ProtoTCP, tcpSynRecv, 1, 0, true},
		{"closing", 0, packet.ProtoTCP, tcpFinWait, 1, 2 * time.Minute, false},
		{"established, fresh", 0, packet.ProtoTCP, tcpEstablished, 1, 0, false},
		{"established, idle, one packet", 0, packet.ProtoTCP, tcpEstablished, 1, time.Minute, true},
		{"established, idle, two packets: the first is spared", 0, packet.ProtoTCP, tcpEstablished, 2, time.Minute, false},
		{"established, idle, busy before", 0, packet.ProtoTCP, tcpEstablished, 9, time.Minute, false},
		{"datagrams, idle", 0, packet.ProtoUDP, 0, 1, time.Minute, true},
		{"association begun", 0, packet.ProtoSCTP, sctpInit, 1, 0, true},
		{"template", Template, packet.ProtoTCP, 0, 0, 0, true},
		{"assured template", Template, packet.ProtoTCP, Assured, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tab := NewTable(Config{Owner: noOwner{}})
			s := &tab.shards[0]
			s.Lock()
			c := s.New(&New{Key: Key{Family: packet.IPv4, Protocol: tt.proto, CPort: 1, VPort: 2}, Flags: tt.flags})
			c.State, c.InPkts, c.Timeout = tt.state, tt.pkts, 15*60*HZ
			s.Put(c)
			s.Unlock()
			tab.Advance(tt.idle)
			// Every hash: so that the connection's bucket is among those looked at.
			for h := range uint32(1 << lineBits) {
				s.Lock()
				s.dropBucket(h, func(*Conn) bool { return false })
				s.Unlock()
			}
			if got := tab.Len() == 0; got != tt.want {
				t.Errorf("dropped %v, want %v", got, tt.want)
			}
		})
	}
}

// Features: 12.
func TestRandomDropTakesOneOf32(t *testing.T) {
	tab := NewTable(Config{Owner: noOwner{}})
	s := &tab.shards[0]
	const n = 1 << 14
	s.Lock()
	for i := range uint32(n) {
		c := s.New(&New{Key: Key{Family: packet.IPv4, Protocol: packet.ProtoTCP, Client: packet.Addr4(i), CPort: 1, VPort: 2}})
		c.State, c.Timeout = tcpSynRecv, 60*HZ
		s.Put(c)
	}
	s.Unlock()
	x := uint32(1)
	tab.RandomDrop(func() uint32 { x = x*1664525 + 1013904223; return x ^ x>>13 }, func(*Conn) bool { return false })
	if gone := n - tab.Len(); gone < n/64 || gone > n/16 {
		t.Errorf("%d of %d dropped, want about %d", gone, n, n/32)
	}
}

type noOwner struct{}

func (noOwner) Unbind(*Shard, *Conn, End) {}

func (noOwner) PutOff(*Shard, *Conn) {}
