package xmit_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"goipvs/conntrack"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// zeroSum returns a UDP datagram whose checksum comes out as zero once it is
// translated to server4 and port 8080.
func zeroSum(t *testing.T, h packettest.IP) []byte {
	for n := range 1 << 16 {
		b := h.UDP(1024, 80, binary.BigEndian.AppendUint16(nil, uint16(n)))
		var q packet.Header
		packet.ParseHeader(packet.Family(b[0]>>4), b, 0, &q)
		server := packettest.Addr(server4)
		if q.Family == packet.IPv6 {
			server = packettest.Addr(server6)
		}
		if packet.UpdateAddr(q.Family, binary.BigEndian.Uint16(b[q.Len+6:]), &q.Dst, &server, 80, 8080) == 0 {
			return b
		}
	}
	t.Fatal("no such datagram")
	return nil
}

// Features: X1, X12.
func TestNAT(t *testing.T) {
	v6ext := to6
	v6ext.Ext = []packettest.Ext{{Type: 60}}
	v6first, v6later := to6, to6
	v6first.Ext = []packettest.Ext{packettest.FragmentHeader(0, true, 9)}
	v6later.Ext = []packettest.Ext{packettest.FragmentHeader(1280, false, 9)}
	options := to4
	options.Options = []byte{1, 1, 1, 0}
	same := sched.DestConfig{DestKey: sched.DestKey{Port: 80}}
	data := packettest.Payload(5)
	plays(t, "nat", []scene{
		{name: "TCP v4", packet: to4.TCP(1024, 80, packettest.SYN, nil)},
		{name: "TCP v6", packet: to6.TCP(1024, 80, packettest.SYN, nil)},
		{name: "TCP, odd payload", packet: to4.TCP(1024, 80, packettest.ACK|packettest.PSH, data)},
		{name: "TCP, checksum wrong before stays wrong", packet: packettest.Change(to4.TCP(1024, 80, packettest.ACK, nil), 36, 0xde, 0xad)},
		{name: "IP header's checksum wrong before is right after", packet: packettest.Change(to4.TCP(1024, 80, packettest.ACK, nil), 10, 0xde, 0xad)},
		{name: "TCP, IP options", packet: options.TCP(1024, 80, packettest.ACK, nil)},
		{name: "TCP v6, extension header", packet: v6ext.TCP(1024, 80, packettest.ACK, nil)},
		{name: "TCP, same port", packet: to4.TCP(1024, 80, packettest.ACK, nil), dest: same},
		{name: "TCP cut off", packet: to4.Wrap(packet.ProtoTCP, make([]byte, 19))},
		{name: "UDP v4", packet: to4.UDP(1024, 80, data)},
		{name: "UDP v6", packet: to6.UDP(1024, 80, data)},
		{name: "UDP without checksum v4", packet: to4.UDPNoSum(1024, 80, data)},
		{name: "UDP without checksum v6", packet: to6.UDPNoSum(1024, 80, data)},
		{name: "UDP, checksum wrong", packet: packettest.Change(to4.UDP(1024, 80, data), 26, 0xbe, 0xef)},
		{name: "UDP cut off", packet: to4.Wrap(packet.ProtoUDP, make([]byte, 7))},
		{name: "SCTP v4", packet: to4.SCTP(1024, 80, packettest.Chunk(1, data...))},
		{name: "SCTP v6", packet: to6.SCTP(1024, 80, packettest.Chunk(1, data...))},
		{name: "SCTP, checksum wrong, is right after", packet: packettest.Change(to4.SCTP(1024, 80, packettest.Chunk(1)), 28, 1, 2, 3, 4)},
		{name: "SCTP, checksum wrong, same port: left as it is", packet: packettest.Change(to4.SCTP(1024, 80, packettest.Chunk(1)), 28, 1, 2, 3, 4), dest: same},
		{name: "SCTP cut off", packet: to4.Wrap(packet.ProtoSCTP, make([]byte, 11))},
		{name: "ESP: address only", packet: to4.Wrap(packet.ProtoESP, packettest.Payload(16))},
		{name: "ESP v6", packet: to6.Wrap(packet.ProtoESP, packettest.Payload(16))},
		{name: "first fragment v6", packet: v6first.UDP(1024, 80, packettest.Payload(16))},
		{name: "later fragment v6: address only", packet: v6later.Wrap(packet.ProtoUDP, packettest.Payload(16))},
		{name: "from a process here", packet: to4.TCP(1024, 80, packettest.SYN, nil), made: true},
	})
}

// A sum that comes out as zero is sent as 0xffff: zero would mean none.
//
// Features: X1.
func TestNATUDPZero(t *testing.T) {
	for _, c := range []struct {
		name string
		ip   packettest.IP
	}{{"v4", to4}, {"v6", to6}} {
		t.Run(c.name, func(t *testing.T) {
			sc := scene{name: c.name, packet: zeroSum(t, c.ip)}
			p, h := sc.arrive(t)
			r := newRig(t, &sc, &h)
			r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
			if got := binary.BigEndian.Uint16(p.Data()[h.Len+6:]); got != 0xffff {
				t.Errorf("checksum %#04x", got)
			}
			h.Dst = r.conn.Dest
			if s := packet.TransportChecksum(h.Family, h.Src, h.Dst, h.Protocol, p.Data()[h.Len:]); s != 0 {
				t.Errorf("wrong by %#04x", s)
			}
		})
	}
}

// A connection without its client's port gets it from the first packet.
//
// Features: X1.
func TestNATFillsClientPort(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet []byte
		want   uint16
		flag   bool // still set
	}{
		{"TCP", to4.TCP(1025, 80, packettest.SYN, nil), 1025, false},
		{"v6", to6.TCP(1026, 80, packettest.SYN, nil), 1026, false},
		{"cut off", to4.Wrap(packet.ProtoTCP, []byte{4, 0, 0}), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			sc := scene{packet: c.packet, flags: conntrack.NoCPort}
			p, h := sc.arrive(t)
			r := newRig(t, &sc, &h)
			v := r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
			if v != xmit.Stolen || c.want != 0 && r.conn.CPort != c.want || (r.conn.Flags&conntrack.NoCPort != 0) != c.flag {
				t.Errorf("%v; client's port %d, flags %#x", v, r.conn.CPort, r.conn.Flags)
			}
			if c.flag && len(r.stack.Sent()) != 0 {
				t.Error("sent")
			}
		})
	}
}

// reply is a packet from the server of a family.
func reply(six bool) packettest.IP {
	if six {
		return packettest.IP{Src: server6, Dst: client6}
	}
	return packettest.IP{Src: server4, Dst: client4, ID: 0x0304}
}

// Features: X1.
func TestSNAT(t *testing.T) {
	later := reply(true)
	later.Ext = []packettest.Ext{packettest.FragmentHeader(1280, false, 9)}
	data := packettest.Payload(5)
	var out strings.Builder
	for _, c := range []struct {
		name   string
		packet []byte
	}{
		{"TCP v4", reply(false).TCP(8080, 1024, packettest.SYN|packettest.ACK, nil)},
		{"TCP v6", reply(true).TCP(8080, 1024, packettest.SYN|packettest.ACK, nil)},
		{"TCP, checksum wrong", packettest.Change(reply(false).TCP(8080, 1024, packettest.ACK, nil), 36, 0xde, 0xad)},
		{"TCP cut off", reply(false).Wrap(packet.ProtoTCP, make([]byte, 19))},
		{"UDP v4", reply(false).UDP(8080, 1024, data)},
		{"UDP v6", reply(true).UDP(8080, 1024, data)},
		{"UDP without checksum v4", reply(false).UDPNoSum(8080, 1024, data)},
		{"UDP without checksum v6", reply(true).UDPNoSum(8080, 1024, data)},
		{"SCTP v4", reply(false).SCTP(8080, 1024, packettest.Chunk(2))},
		{"SCTP v6", reply(true).SCTP(8080, 1024, packettest.Chunk(2))},
		{"ESP", reply(false).Wrap(packet.ProtoESP, packettest.Payload(16))},
		{"later fragment v6", later.Wrap(packet.ProtoUDP, packettest.Payload(16))},
	} {
		request := to4
		if c.packet[0]>>4 == 6 {
			request = to6
		}
		sc := scene{name: c.name, packet: request.TCP(1024, 80, packettest.SYN, nil)}
		_, h := sc.arrive(t)
		r := newRig(t, &sc, &h)
		p := packettest.Arrived(c.packet, false)
		var l listener
		p.Listener = &l
		p.ParseHeader(&h)
		ok := xmit.SNAT(p, &h, r.conn)
		out.WriteString("== " + c.name + "\n" + l.String())
		if ok {
			out.WriteString(packettest.Text(p.Data()))
		}
		out.WriteString("\n")
	}
	packettest.Golden(t, "snat", out.String())
}
