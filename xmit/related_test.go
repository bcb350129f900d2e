package xmit_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

var (
	fromVIP4 = packettest.IP{Src: vip4, Dst: client4, ID: 0x0506}
	fromVIP6 = packettest.IP{Src: vip6, Dst: client6}
	router4  = packettest.IP{Src: "198.51.100.254", Dst: vip4, ID: 0x0708}
	router6  = packettest.IP{Src: "2001:db8:c::fe", Dst: vip6}
)

// quoting returns a router's error about a packet, of which it quotes so many
// octets.
func quoting(b []byte, n int) []byte {
	if b[0]>>4 == 6 {
		return router6.ICMP(1, 4, 0, b[:n])
	}
	return router4.ICMP(3, 3, 0, b[:n])
}

// A relatedScene is an ICMP error from the client's side.
type relatedScene struct {
	scene
	hookForward bool // at FORWARD
}

// play sends the error on; its connection is the one that it quotes a reply of.
func (sc *relatedScene) play(t *testing.T) string {
	p, h := sc.arrive(t)
	q, ok := quoted(p, &h)
	if !ok {
		t.Fatalf("%s: quotes nothing", sc.name)
	}
	request := q
	request.Src, request.Dst = q.Dst, q.Src
	r := newRig(t, &sc.scene, &request)
	var l listener
	p.Listener = &l
	v := r.x.ICMP(&xmit.Call{Packet: p, Header: q, Conn: r.conn, Shard: r.shard, Dest: r.dest}, h.Len, sc.hookForward)
	return r.tell(sc.name, p, v, &l)
}

func quoted(p *packet.Packet, h *packet.Header) (q packet.Header, ok bool) {
	ok = packet.ParseHeader(p.Family, p.Data(), h.Len+packet.SizeICMP, &q)
	q.ICMP, q.Inverse = true, true
	return q, ok
}

// Features: I2.
func TestRelatedRequests(t *testing.T) {
	tcp4, udp6 := fromVIP4.TCP(80, 1024, packettest.ACK, packettest.Payload(20)), fromVIP6.UDP(80, 1024, packettest.Payload(20))
	options := fromVIP4
	options.Options = []byte{1, 1, 1, 0}
	ext := fromVIP6
	ext.Ext = []packettest.Ext{{Type: 60}}
	one := func(b []byte) []byte { return packettest.Change(b, 8, 1) }
	big := fragments(router4, packet.FlagDF).ICMP(3, 3, 0, fromVIP4.UDP(80, 1024, packettest.Payload(1300)))
	own := sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv4, Addr: packettest.Addr("10.1.0.1")}}
	loop := sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv4, Addr: packettest.Addr("127.0.0.1")}}
	loop6 := sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv6, Addr: packettest.Addr("::1")}}
	var out strings.Builder
	for _, sc := range []relatedScene{
		{scene: scene{name: "NAT, TCP", packet: quoting(tcp4, len(tcp4))}},
		{scene: scene{name: "NAT, TCP, 8 octets quoted", packet: quoting(tcp4, 28)}},
		{scene: scene{name: "NAT, TCP, 4 octets quoted", packet: quoting(tcp4, 24)}},
		{scene: scene{name: "NAT, TCP, 3 octets quoted", packet: quoting(tcp4, 23)}},
		{scene: scene{name: "NAT, quoted header with options and a wrong checksum", packet: quoting(packettest.Change(options.UDP(80, 1024, nil), 10, 1, 2), 32)}},
		{scene: scene{name: "NAT, UDP v6", packet: quoting(udp6, len(udp6))}},
		{scene: scene{name: "NAT, UDP v6, extension header quoted", packet: quoting(ext.UDP(80, 1024, nil), 56)}},
		{scene: scene{name: "NAT, SCTP", packet: quoting(fromVIP4.SCTP(80, 1024, packettest.Chunk(0)), 28)}},
		{scene: scene{name: "NAT, ESP: addresses only", packet: quoting(fromVIP4.Wrap(packet.ProtoESP, packettest.Payload(8)), 28)}},
		{scene: scene{name: "NAT, TTL 1: no error about an error", packet: one(quoting(tcp4, 28))}},
		{scene: scene{name: "NAT, too big for the way, goes all the same", packet: big, stack: mtu(1300)}},
		{scene: scene{name: "NAT, server here", packet: quoting(tcp4, 28), dest: own}},
		{scene: scene{name: "NAT, server here, at FORWARD", packet: quoting(tcp4, 28), dest: own, forward: true}, hookForward: true},
		{scene: scene{name: "NAT, at FORWARD", packet: quoting(tcp4, 28), forward: true}, hookForward: true},
		{scene: scene{name: "NAT to 127.0.0.1 from elsewhere", packet: quoting(tcp4, 28), dest: loop}},
		{scene: scene{name: "NAT to ::1 from elsewhere", packet: quoting(udp6, 48), dest: loop6}},
		{scene: scene{name: "NAT to ::1 from here", packet: quoting(udp6, 48), dest: loop6, made: true}},
		{scene: scene{name: "DR", packet: quoting(tcp4, 28), dest: direct}},
		{scene: scene{name: "DR v6", packet: quoting(udp6, 48), dest: direct}},
		{scene: scene{name: "tunnel", packet: quoting(tcp4, 28), dest: tun(sched.TunIPIP, 0, server4)}},
		{scene: scene{name: "local node", packet: quoting(tcp4, 28), dest: sched.DestConfig{Forward: sched.LocalNode}}},
	} {
		out.WriteString(sc.play(t) + "\n")
	}
	packettest.Golden(t, "related-requests", out.String())
}

// Only what isn't translated counts as a packet of the connection here.
func TestRelatedCounts(t *testing.T) {
	for _, c := range []struct {
		name string
		dest sched.DestConfig
		want uint32
	}{{"NAT", sched.DestConfig{}, 0}, {"DR", direct, 1}} {
		sc := scene{packet: quoting(fromVIP4.TCP(80, 1024, 0, nil), 28), dest: c.dest}
		p, h := sc.arrive(t)
		q, _ := quoted(p, &h)
		r := newRig(t, &sc, &q)
		r.x.ICMP(&xmit.Call{Packet: p, Header: q, Conn: r.conn, Shard: r.shard, Dest: r.dest}, h.Len, false)
		if r.conn.InPkts != c.want {
			t.Errorf("%s: %d packets, want %d", c.name, r.conn.InPkts, c.want)
		}
	}
}

// An ICMP error from the server's side about a request gets the virtual
// service's address, whoever sent it.
//
// Features: I3.
func TestRelatedReplies(t *testing.T) {
	request4, request6 := packettest.IP{Src: client4, Dst: server4}, packettest.IP{Src: client6, Dst: server6}
	from4, from6 := packettest.IP{Src: "10.1.0.254", Dst: client4}, packettest.IP{Src: "2001:db8:1::fe", Dst: client6}
	tcp4, udp6 := request4.TCP(1024, 8080, packettest.SYN, packettest.Payload(9)), request6.UDP(1024, 8080, packettest.Payload(9))
	var out strings.Builder
	for _, c := range []struct {
		name   string
		packet []byte
	}{
		{"TCP", from4.ICMP(3, 3, 0, tcp4)},
		{"TCP, 8 octets quoted", from4.ICMP(3, 4, 1300, tcp4[:28])},
		{"TCP, 4 octets quoted", from4.ICMP(11, 0, 0, tcp4[:24])},
		{"TCP, 3 octets quoted", from4.ICMP(3, 3, 0, tcp4[:23])},
		{"TCP, header only quoted", from4.ICMP(3, 3, 0, tcp4[:20])},
		{"UDP v6", from6.ICMP(1, 4, 0, udp6)},
		{"UDP v6, 4 octets quoted", from6.ICMP(2, 0, 1280, udp6[:44])},
		{"UDP v6, 3 octets quoted", from6.ICMP(1, 4, 0, udp6[:43])},
		{"ESP, header only quoted", from4.ICMP(3, 2, 0, request4.Wrap(packet.ProtoESP, nil))},
	} {
		p := packettest.Arrived(c.packet, false)
		var l listener
		p.Listener = &l
		var h packet.Header
		p.ParseHeader(&h)
		q, _ := quoted(p, &h)
		original := q
		original.Dst = packettest.Addr(vip4)
		if q.Family == packet.IPv6 {
			original.Dst = packettest.Addr(vip6)
		}
		r := newRig(t, &scene{packet: c.packet}, &original)
		ok := xmit.SNATICMP(p, &q, r.conn, h.Len)
		p.CompleteChecksum()
		out.WriteString("== " + c.name + "\n" + l.String())
		if ok {
			out.WriteString(packettest.Text(p.Data()))
		}
		out.WriteString("\n")
	}
	packettest.Golden(t, "related-replies", out.String())
}

// Until it leaves the host an ICMPv6 error has the sum of its pseudo header only.
func TestRelatedPartialChecksum(t *testing.T) {
	udp6 := fromVIP6.UDP(80, 1024, nil)
	own := sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv6, Addr: packettest.Addr("2001:db8:1::1")}}
	sc := scene{packet: quoting(udp6, len(udp6)), dest: own}
	p, h := sc.arrive(t)
	q, _ := quoted(p, &h)
	request := q
	request.Src, request.Dst = q.Dst, q.Src
	r := newRig(t, &sc, &request)
	if v := r.x.ICMP(&xmit.Call{Packet: p, Header: q, Conn: r.conn, Shard: r.shard, Dest: r.dest}, h.Len, false); v != xmit.Accept {
		t.Fatal(v)
	}
	want := ^packet.Fold(packet.PseudoSum(packet.IPv6, h.Src, own.Addr, packet.ProtoICMPv6, p.Len()-h.Len))
	if got := binary.BigEndian.Uint16(p.Data()[h.Len+2:]); got != want || p.Partial != h.Len {
		t.Errorf("checksum %#04x, want %#04x; partial at %d", got, want, p.Partial)
	}
}

func TestICMPChecksumOK(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"v4", router4.ICMP(3, 3, 0, packettest.Payload(9)), true},
		{"v4 wrong", packettest.Change(router4.ICMP(3, 3, 0, packettest.Payload(9)), 22, 1, 2), false},
		{"v4 octet changed", packettest.Change(router4.ICMP(3, 3, 0, packettest.Payload(9)), 36, 1), false},
		{"v6", router6.ICMP(1, 4, 0, packettest.Payload(9)), true},
		{"v6 wrong", packettest.Change(router6.ICMP(1, 4, 0, packettest.Payload(9)), 42, 1, 2), false},
		{"v6 address changed", packettest.Change(router6.ICMP(1, 4, 0, packettest.Payload(9)), 39, 9), false},
	} {
		p := packettest.Arrived(c.packet, true)
		var h packet.Header
		p.ParseHeader(&h)
		if got := xmit.ICMPChecksumOK(p, &h); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
