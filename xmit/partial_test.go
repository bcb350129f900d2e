package xmit_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/xmit"
)

// partial leaves a packet's checksum to be completed, as a socket does that
// leaves it to the network card.
func partial(t *testing.T, b []byte) func(*packet.Packet) {
	return func(p *packet.Packet) {
		var h packet.Header
		if !p.ParseHeader(&h) {
			t.Fatal("no header")
		}
		p.Partial, p.Check = h.Len, 16
		if h.Protocol == packet.ProtoUDP {
			p.Check = 6
		}
		sum := packet.PseudoSum(h.Family, h.Src, h.Dst, h.Protocol, p.Len()-h.Len)
		binary.BigEndian.PutUint16(p.Data()[h.Len+p.Check:], ^packet.Fold(sum))
	}
}

// A checksum that is still that of the pseudo header follows the addresses, so
// that once completed the packet is the same as if it had been complete before.
//
// Features: X1.
func TestPartialChecksum(t *testing.T) {
	data := packettest.Payload(1001)
	for _, c := range []struct {
		name    string
		packet  []byte
		segment int
	}{
		{"TCP v4", to4.TCP(1024, 80, packettest.ACK, data), 0},
		{"TCP v6", to6.TCP(1024, 80, packettest.ACK, data), 0},
		{"UDP v4", to4.UDP(1024, 80, data), 0},
		{"UDP v6", to6.UDP(1024, 80, data), 0},
		{"super-packet", to4.TCP(1024, 80, packettest.ACK, data), 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			var done [2][]byte
			for i, change := range []func(*packet.Packet){func(*packet.Packet) {}, partial(t, c.packet)} {
				sc := scene{packet: bytes.Clone(c.packet), change: func(p *packet.Packet) { change(p); p.GSOSize = c.segment }}
				p, h := sc.arrive(t)
				r := newRig(t, &sc, &h)
				if v := r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest}); v != xmit.Stolen {
					t.Fatal(v)
				}
				p.CompleteChecksum()
				done[i] = bytes.Clone(p.Data())
				if !xmit.SNAT(p, &h, r.conn) {
					t.Fatal("not translated")
				}
			}
			if !bytes.Equal(done[0], done[1]) {
				t.Errorf("complete before, and after:\n%s", packettest.Diff(done[0], done[1]))
			}
		})
	}
}

// A tunnelled packet is complete inside, but for a super-packet, which is cut
// into segments yet: it stays known where its checksum is.
func TestPartialChecksumInTunnel(t *testing.T) {
	for _, c := range []struct {
		name    string
		segment int
		want    int
	}{{"packet", 0, 0}, {"super-packet", 500, packet.SizeIPv4 + packet.SizeIPv4}} {
		t.Run(c.name, func(t *testing.T) {
			b := to4.TCP(1024, 80, packettest.ACK, packettest.Payload(1001))
			change := partial(t, b)
			sc := scene{packet: bytes.Clone(b), change: func(p *packet.Packet) { change(p); p.GSOSize = c.segment }}
			p, h := sc.arrive(t)
			r := newRig(t, &sc, &h)
			if v := r.x.Tunnel(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest}); v != xmit.Stolen {
				t.Fatal(v)
			}
			if p.Partial != c.want {
				t.Errorf("partial at %d, want %d", p.Partial, c.want)
			}
			p.CompleteChecksum()
			inner := p.Data()[packet.SizeIPv4:]
			if s := packet.TransportChecksum(packet.IPv4, h.Src, h.Dst, packet.ProtoTCP, inner[packet.SizeIPv4:]); s != 0 {
				t.Errorf("checksum wrong by %#04x", s)
			}
		})
	}
}
