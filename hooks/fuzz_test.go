package hooks

import (
	"encoding/binary"
	"testing"
	"time"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// fuzzWorld is a director with services of all kinds and some connections.
func fuzzWorld(t testing.TB) *world {
	w := newWorld(t)
	svc{}.add(w, rs4, "10.1.0.12|80 -g", "10.1.0.13|80 -i", "10.1.0.1")
	svc{port: 21}.add(w, rs4+"|21", "10.1.0.12|2121")
	svc{proto: packet.ProtoUDP}.add(w, rs4, "10.1.0.13 -i gue", "10.1.0.14 -i gre csum")
	svc{proto: packet.ProtoUDP, port: 53, flags: sched.OnePacket}.add(w, rs4)
	svc{proto: packet.ProtoUDP, port: 500}.add(w, rs4+"|500")
	persistent(svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}).add(w, rs4+"|5060")
	svc{proto: packet.ProtoSCTP}.add(w, rs4)
	persistent(svc{port: portAny}).add(w, rs4+"|0", "10.1.0.13|0 -i")
	persistent(svc{mark: 7}).add(w, rs4+"|0 -g")
	svc{mark: 8}.add(w)
	svc{vip: vip6}.add(w, rs6, "2001:db8:1::c|80 -g", "10.1.0.13|80 -i")
	svc{vip: vip6, proto: packet.ProtoUDP}.add(w, rs6, "2001:db8:1::d -i gue csum")
	svc{vip: vip6, port: 81}.add(w)
	for i := range uint16(4) {
		w.syn(1, 1024+i)()
		w.udp(1, 1024+i)()
		w.in(from6(1).TCP(1024+i, 80, syn, nil))
		w.in(from6(1).UDP(1024+i, 80, nil))
	}
	w.in(from(1).UDP(500, 500, nil))
	w.in(from(1).TCP(1024, 21, syn, nil))
	w.in(from(1).TCP(1024, 21, ack, nil))
	return w
}

// received makes b what the host's receipt would let through: a header that is
// whole, of that length, and as long as it says.
func received(b []byte, f packet.Family) []byte {
	if f == packet.IPv6 {
		if len(b) < packet.SizeIPv6 {
			return nil
		}
		b[0] = b[0]&0xf | 0x60
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-packet.SizeIPv6))
		return b
	}
	if len(b) < packet.SizeIPv4 {
		return nil
	}
	head := min(max(int(b[0]&0xf), 5), len(b)/4)
	b[0] = 0x40 | byte(head)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// FuzzHook: whatever comes by at whichever hook, nothing breaks, counters agree
// with the table, what is sent has right lengths, and all connections end. how
// chooses, a bit or two each: the hook, the family, and what the host knows.
func FuzzHook(f *testing.F) {
	quoted := packettest.IP{Src: vip4, Dst: client4}.TCP(80, 1024, ack, nil)
	tunnelled := packettest.IP{Src: "10.1.0.1", Dst: "10.1.0.13"}.Wrap(packet.ProtoIPIP, from(1).TCP(1024, 80, ack, nil))
	extended := from6(1)
	extended.Ext = []packettest.Ext{{Type: 0}, packettest.FragmentHeader(0, true, 1), {Type: 60}}
	for _, b := range [][]byte{
		from(2).TCP(1024, 80, syn, nil),
		from(2).TCP(1024, 9999, syn, nil),
		from(2).UDP(1024, 80, packettest.Payload(9)),
		from(1).UDP(1024, 5060, []byte("OPTIONS x SIP/2.0\r\nCall-ID: a@b\r\n\r\n")),
		from(1).TCP(1024, 21, ack|packettest.PSH, []byte("PORT 198,51,100,1,4,5\r\n")),
		packettest.IP{Src: "10.1.0.12", Dst: client4}.TCP(2121, 1024, ack|packettest.PSH, []byte("227 Entering Passive Mode (10,1,0,12,4,5)\r\n")),
		from(2).SCTP(1024, 80, packettest.Chunk(1)),
		from(1).ICMP(3, 4, 1400, quoted[:28]),
		packettest.IP{Src: "10.1.0.254", Dst: "10.1.0.1"}.ICMP(3, 4, 1400, tunnelled),
		packettest.IP{Src: rs4, Dst: client4}.TCP(8080, 1024, syn|ack, nil),
		from(1).Wrap(packet.ProtoESP, packettest.Payload(16)),
		from6(2).TCP(1024, 80, syn, nil),
		from6(2).ICMP(2, 0, 1280, packettest.IP{Src: vip6, Dst: client6}.TCP(80, 1024, ack, nil)),
		extended.UDP(1024, 80, nil),
	} {
		how := uint32(0)
		if b[0]>>4 == 6 {
			how |= 4
		}
		f.Add(b, how)
		f.Add(b, how|2)
	}
	f.Fuzz(func(t *testing.T, b []byte, how uint32) {
		bits := func(n int) uint32 {
			v := how & (1<<n - 1)
			how >>= n
			return v
		}
		pt, fam := Point(bits(2)%3), packet.IPv4
		if bits(1) != 0 {
			fam = packet.IPv6
		}
		if b = received(append([]byte(nil), b...), fam); b == nil {
			return
		}
		w := fuzzWorld(t)
		for _, name := range []string{"schedule_icmp", "sloppy_tcp", "sloppy_sctp", "cache_bypass", "nat_icmp_send", "expire_nodest_conn", "conntrack"} {
			if bits(1) != 0 {
				w.set(name + "=1")
			}
		}
		local := bits(1) == 0
		p := packettest.Arrived(b, local)
		if bits(1) != 0 {
			p = packettest.Made(b, local)
		}
		p.Mark = []uint32{0, 0, 7, 8}[bits(2)]
		p.Tracked = bits(1) != 0
		w.stack.NoRoute = bits(2) == 3
		if bits(1) != 0 {
			w.stack.MTU = 1280
		}
		if bits(1) != 0 {
			w.delDest(svc{}.key(), rs4)
		}
		for range 2 {
			w.hook(pt, p)
			for _, q := range w.sent {
				checkSent(t, q)
			}
			p = packettest.Arrived(b, local)
		}
		checkCounts(t, w.Director)
		for range 4 {
			w.after(2 * time.Hour)
		}
		if n := w.Director.conns.Len(); n != 0 {
			t.Errorf("%d connections never end: %v", n, w.conns())
		}
		checkCounts(t, w.Director)
	})
}

func checkSent(t *testing.T, p *packet.Packet) {
	b := p.Data()
	switch {
	case p.Route == nil || p.Family != packet.Family(b[0]>>4):
		t.Errorf("sent without a route, or of another family: %+v", p)
	case p.Family == packet.IPv4 && (int(binary.BigEndian.Uint16(b[2:])) != len(b) || packet.Fold(packet.Sum(b[:int(b[0]&0xf)*4], 0)) != 0):
		t.Errorf("length or checksum wrong:\n%s", packettest.Text(b))
	case p.Family == packet.IPv6 && int(binary.BigEndian.Uint16(b[4:]))+packet.SizeIPv6 != len(b):
		t.Errorf("length wrong:\n%s", packettest.Text(b))
	}
}

// FuzzSIP: no message breaks the search for its Call-ID, and what is found is in
// the message.
func FuzzSIP(f *testing.F) {
	for _, s := range []string{
		"INVITE sip:b SIP/2.0\r\nCall-ID: a@b\r\n\r\n", "x\r\ni: a\r\n", "\nCall-ID:\r\n a\r\n", "\r\nCALL-id : a@\r\n", "\r\nCall-ID", "\r\n\r\nCall-ID:x\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if id := callID(b); id != nil && (len(id) == 0 || len(id) > maxPEData) {
			t.Errorf("Call-ID %q", id)
		}
	})
}
