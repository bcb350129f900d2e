package inject_test

import (
	"bytes"
	"testing"
	"time"

	"goipvs/internal/live/inject"
	"goipvs/packet"
)

// By packet socket even an id of 0 without DF stays, which a raw socket's
// datagram doesn't keep. The first datagram finds no neighbour known and goes
// by raw socket, which makes the kernel ask for it.
func TestPacketSocketKeepsOctets(t *testing.T) {
	n := newNet(t)
	n.direct[0].Store(true)
	c := n.server.Capture(t, "eth0")
	send := func(port uint16) (sent, came []byte) {
		b := udp("192.0.2.1", "10.0.0.2", port, []byte("x"))
		b[6], b[7] = 0, 0 // neither DF nor a cut, and the id is 0
		packet.SetIPv4Checksum(b, 0)
		d := inject.Datagram{
			Family: packet.IPv4, Data: bytes.Clone(b), To: addr("10.0.0.2"), MTU: 1500, Ours: true,
			Link: n.outIf, Hop: addr("10.0.0.2"),
		}
		if err := n.send(&d); err != nil {
			t.Fatal(err)
		}
		got := c.Packet(t, func(b []byte) bool {
			return b[0]>>4 == 4 && b[9] == packet.ProtoUDP && b[22] == byte(port>>8) && b[23] == byte(port)
		})
		return b, got[:min(len(got), len(b))]
	}
	if sent, came := send(99); bytes.Equal(came[4:6], sent[4:6]) {
		t.Error("without a known neighbour: not by raw socket, which gives an id")
	}
	n.eventually(t, "a datagram by packet socket", func() bool {
		sent, came := send(100)
		return bytes.Equal(sent, came)
	})
}

// known waits until the server's link-layer address is known.
func (n *net2) known(t *testing.T, to string, f packet.Family) {
	t.Helper()
	n.direct[f/packet.IPv6].Store(true)
	defer n.direct[f/packet.IPv6].Store(false)
	n.eventually(t, "the neighbour", func() bool {
		if n.neighbours.Knows(f, n.outIf, addr(to)) {
			return true
		}
		src := map[packet.Family]string{packet.IPv4: "192.0.2.1", packet.IPv6: "2001:db8:1::1"}[f]
		d := inject.Datagram{
			Family: f, Data: udp(src, to, 9, nil), To: addr(to), MTU: 1500, Ours: true, Link: n.outIf, Hop: addr(to),
		}
		return n.send(&d) == nil && n.neighbours.Knows(f, n.outIf, addr(to))
	})
}

func (n *net2) eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
