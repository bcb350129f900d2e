package fuzzer

import (
	"encoding/binary"

	"goipvs/packet"
)

// zeroSum returns data whose last word makes a UDP or TCP checksum come out as
// zero, or just beside it, once NAT has put a server in the destination's place:
// ones' complement has two zeroes, and a UDP checksum of zero means none.
func (t *traffic) zeroSum(h *ip, proto uint8, sport, dport uint16, seq, ack uint32, flags uint8, data []byte) []byte {
	data = data[:len(data)&^1]
	s := pick(t.dice, t.services)
	if len(data) < 2 || len(s.servers) == 0 {
		return data
	}
	r := pick(t.dice, s.servers)
	if familyOf(r.addr) != familyOf(h.dst) {
		return data
	}
	last := data[len(data)-2:]
	last[0], last[1] = 0, 0
	x := *h
	x.dst = r.addr
	var b []byte
	if proto == packet.ProtoUDP {
		b = udpDatagram(&x, sport, r.port, data)
	} else {
		b = (&segment{sport: sport, dport: r.port, seq: seq, ack: ack, flags: flags, data: data}).datagram(&x)
	}
	n := len(b) - len(data) - packet.SizeUDP
	at := 6
	if proto == packet.ProtoTCP {
		n, at = len(b)-len(data)-packet.SizeTCP, 16
	}
	sum := binary.BigEndian.Uint16(b[n+at:])
	binary.BigEndian.PutUint16(last, sum+uint16(t.IntN(3)-1))
	return data
}
