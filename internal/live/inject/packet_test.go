package inject_test

import (
	"bytes"
	"testing"

	"goipvs/internal/live/inject"
	"goipvs/packet"
)

// By packet socket even an id of 0 without DF stays, which a raw socket's
// datagram doesn't keep. The first datagram finds no neighbour known and goes
// by raw socket, which makes the kernel ask for it.
func TestPacketSocketKeepsOctets(t *testing.T) {
	n := newNetBy(t, true)
	c := n.server.Capture(t, "eth0")
	send := func(port uint16) []byte {
		b := udp("192.0.2.1", "10.0.0.2", port, []byte("x"))
		b[6], b[7] = 0, 0 // neither DF nor a cut, and the id is 0
		packet.SetIPv4Checksum(b, 0)
		d := inject.Datagram{
			Family: packet.IPv4, Data: bytes.Clone(b), To: addr("10.0.0.2"), MTU: 1500, Ours: true,
			Link: n.outIf, Hop: addr("10.0.0.2"),
		}
		if err := n.sender.Send(&d); err != nil {
			t.Fatal(err)
		}
		return b
	}
	came := func(port uint16) []byte {
		return c.Packet(t, func(b []byte) bool {
			return b[0]>>4 == 4 && b[9] == packet.ProtoUDP && b[22] == byte(port>>8) && b[23] == byte(port)
		})
	}
	first := send(99)
	if got := came(99); bytes.Equal(got[4:6], first[4:6]) {
		t.Error("without a known neighbour: not by raw socket, which gives an id")
	}
	want := send(100)
	if got := came(100); !bytes.Equal(got[:min(len(got), len(want))], want) {
		t.Errorf("got  % x\nwant % x", got, want)
	}
}
