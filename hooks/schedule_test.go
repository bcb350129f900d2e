package hooks

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

const to11 = "STOLEN request: 198.51.100.1:1024 > 10.1.0.11:8080"

// Only some packets may open a connection.
//
// Features: 6.1, 6.2, 6.3.
func TestOpening(t *testing.T) {
	sctp := func(kind byte) []byte { return from(1).SCTP(1024, 80, packettest.Chunk(kind)) }
	for _, c := range []struct {
		name    string
		packet  []byte
		setting string
		want    string
	}{
		{"SYN", from(1).TCP(1024, 80, packettest.SYN, nil), "", to11},
		{"SYN+ACK", from(1).TCP(1024, 80, packettest.SYN|packettest.ACK, nil), "", to11},
		{"SYN+FIN", from(1).TCP(1024, 80, packettest.SYN|packettest.FIN, nil), "", to11},
		{"SYN+RST", from(1).TCP(1024, 80, packettest.SYN|packettest.RST, nil), "", "ACCEPT not-opening"},
		{"ACK", from(1).TCP(1024, 80, packettest.ACK, nil), "", "ACCEPT not-opening"},
		{"FIN", from(1).TCP(1024, 80, packettest.FIN, nil), "", "ACCEPT not-opening"},
		{"RST", from(1).TCP(1024, 80, packettest.RST, nil), "", "ACCEPT not-opening"},
		{"no flags", from(1).TCP(1024, 80, 0, nil), "", "ACCEPT not-opening"},
		{"ACK, sloppy", from(1).TCP(1024, 80, packettest.ACK, nil), "sloppy_tcp=1", to11},
		{"no flags, sloppy", from(1).TCP(1024, 80, 0, nil), "sloppy_tcp=1", to11},
		{"RST, sloppy", from(1).TCP(1024, 80, packettest.RST, nil), "sloppy_tcp=1", "ACCEPT not-opening"},
		{"TCP of 19 octets", from(1).Wrap(packet.ProtoTCP, make([]byte, 19)), "", "DROP header-cut-off"},
		{"TCP without ports", from(1).Wrap(packet.ProtoTCP, make([]byte, 3)), "", "DROP header-cut-off"},
		{"UDP", from(1).UDP(1024, 80, nil), "", to11},
		{"UDP of 7 octets", from(1).Wrap(packet.ProtoUDP, make([]byte, 7)), "", "DROP header-cut-off"},
		{"INIT", sctp(1), "", to11},
		{"DATA", sctp(0), "", "ACCEPT not-opening"},
		{"INIT ACK", sctp(2), "", "ACCEPT not-opening"},
		{"ABORT", sctp(6), "", "ACCEPT not-opening"},
		{"DATA, sloppy", sctp(0), "sloppy_sctp=1", to11},
		{"ABORT, sloppy", sctp(6), "sloppy_sctp=1", "ACCEPT not-opening"},
		{"SCTP without a chunk", from(1).SCTP(1024, 80), "", "DROP header-cut-off"},
		{"SCTP of half a chunk", from(1).SCTP(1024, 80, []byte{1, 0, 0}), "", "DROP header-cut-off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			for _, proto := range []uint8{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP} {
				svc{proto: proto}.add(w, rs4)
			}
			if c.setting != "" {
				w.set(c.setting)
			}
			if got := w.in(c.packet); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// Which service a packet is for.
//
// Features: S2, S4, F1.
func TestServiceLookup(t *testing.T) {
	w := newWorld(t)
	svc{mark: 7}.add(w, "10.1.0.1")
	svc{}.add(w, "10.1.0.2")
	svc{port: 21}.add(w, "10.1.0.3|2121")
	svc{port: portAny, flags: sched.Persistent, timeout: 300}.add(w, "10.1.0.4|0")
	svc{proto: packet.ProtoUDP}.add(w, "10.1.0.5")
	delete(w.stack.Local, packettest.Addr("10.1.0.1"))
	for i, c := range []struct {
		name  string
		proto uint8
		port  uint16
		mark  uint32
		want  string
	}{
		{"address and port", packet.ProtoTCP, 80, 0, "10.1.0.2:8080"},
		{"a mark comes first", packet.ProtoTCP, 80, 7, "10.1.0.1:8080"},
		{"a mark has all ports", packet.ProtoTCP, 1234, 7, "10.1.0.1:8080"},
		{"a mark has all protocols", packet.ProtoUDP, 80, 7, "10.1.0.1:8080"},
		{"a mark without service", packet.ProtoTCP, 80, 8, "10.1.0.2:8080"},
		{"UDP", packet.ProtoUDP, 80, 0, "10.1.0.5:8080"},
		{"catch-all port keeps the client's", packet.ProtoTCP, 443, 0, "10.1.0.4:443"},
		{"no catch-all for UDP", packet.ProtoUDP, 443, 0, ""},
		{"FTP", packet.ProtoTCP, 21, 0, "10.1.0.3:2121"},
		{"FTP's data from the server's port 20", packet.ProtoTCP, 20, 0, ""},
		{"FTP has the unprivileged ports", packet.ProtoTCP, 2000, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := from(1).TCP(uint16(2000+i), c.port, packettest.SYN, nil)
			if c.proto == packet.ProtoUDP {
				b = from(1).UDP(uint16(2000+i), c.port, nil)
			}
			p := packettest.Arrived(b, true)
			p.Mark = c.mark
			want := fmt.Sprintf("STOLEN request: 198.51.100.1:%d > %s", 2000+i, c.want)
			switch {
			case c.port == 20 || c.port == 2000:
				// FTP's service takes them, but isn't persistent: there is no
				// server for another port, and the packet isn't for it either.
				want = "ACCEPT ftp-neighbour"
			case c.want == "":
				want = "ACCEPT no-service"
			}
			if got := w.hook(LocalIn, p); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

// From port 20 nothing is ever scheduled.
//
// Features: 9.
func TestFTPDataSource(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.steps(step{w.syn(1, 20), "ACCEPT ftp-data"})
}

// A packet of a process here that replies to a connection is never scheduled,
// even if its destination is a service's; one that arrives is.
//
// Features: 17.
func TestOwnReply(t *testing.T) {
	const own = "192.0.2.1"
	w := newWorld(t)
	svc{}.add(w, "10.1.0.1") // a server here
	svc{vip: own, port: 1024}.add(w, rs4)
	reply := packettest.IP{Src: vip4, Dst: own}.TCP(80, 1024, packettest.SYN|packettest.ACK, nil)
	w.steps(
		step{func() string { return w.out(packettest.IP{Src: own, Dst: vip4}.TCP(1024, 80, packettest.SYN, nil)) },
			"ACCEPT request: 192.0.2.1:1024 > 10.1.0.1:8080"},
		// The source has not been the server's, so it isn't taken for a reply.
		step{func() string { return w.out(reply) }, "ACCEPT own-reply"},
		step{func() string {
			p := packettest.Arrived(reply, true)
			p.InIf, p.Loopback = 3, true
			return w.hook(LocalIn, p)
		}, "ACCEPT own-reply"},
		step{func() string { return w.in(reply) }, "STOLEN request: 203.0.113.10:80 > 10.1.0.11:8080"},
	)
}

// Without a server the client is told, unless it is an FTP service's neighbour.
//
// Features: H4, S3, S5.
func TestNoDestination(t *testing.T) {
	unreachable := "DROP no-destination: 203.0.113.10 > 198.51.100.1 ICMP 3/3"
	w := newWorld(t)
	svc{}.add(w)
	svc{proto: packet.ProtoUDP}.add(w, rs4+" -w 0")
	svc{proto: packet.ProtoSCTP, sched: "none"}.add(w, rs4)
	svc{port: 21}.add(w)
	svc{port: portAny}.add(w, rs4) // not persistent: the kernel schedules nothing then
	svc{vip: vip6}.add(w)
	w.steps(
		step{w.syn(1, 1024), unreachable},
		step{w.udp(1, 1024), unreachable},
		step{func() string { return w.in(from(1).SCTP(1024, 80, packettest.Chunk(1))) }, unreachable},
		step{func() string { return w.in(from(1).TCP(1024, 21, packettest.SYN, nil)) }, unreachable},
		step{func() string { return w.in(from(1).TCP(1024, 2000, packettest.SYN, nil)) }, "ACCEPT ftp-neighbour"},
		step{func() string { return w.in(from(1).TCP(1024, 443, packettest.SYN, nil)) }, unreachable},
		step{func() string { return w.in(from6(1).TCP(1024, 80, packettest.SYN, nil)) }, "DROP no-destination: 2001:db8:f::10 > 2001:db8:c::1 ICMP 1/4"},
		step{func() string { return w.out(from(1).TCP(1024, 80, packettest.SYN, nil)) }, unreachable},
	)
	if c := w.conns(); len(c) != 0 {
		t.Errorf("connections: %v", c)
	}
}

// With cache_bypass what is for a mark without servers goes where it wanted to.
//
// Features: X7.
func TestCacheBypass(t *testing.T) {
	const far, far6 = "198.18.0.1", "2001:db8:99::1"
	packets := map[string][]byte{
		"elsewhere":    packettest.IP{Src: client4, Dst: far}.TCP(1024, 80, packettest.SYN, nil),
		"UDP":          packettest.IP{Src: client4, Dst: far}.UDP(1024, 80, nil),
		"elsewhere v6": packettest.IP{Src: client6, Dst: far6}.TCP(1024, 80, packettest.SYN, nil),
		"here":         from(1).TCP(1024, 80, packettest.SYN, nil),
		"here v6":      from6(1).TCP(1024, 80, packettest.SYN, nil),
		"multicast":    packettest.IP{Src: client4, Dst: "224.0.0.9"}.UDP(1024, 80, nil),
		"multicast v6": packettest.IP{Src: client6, Dst: "ff0e::9"}.UDP(1024, 80, nil),
		"mapped v6":    packettest.IP{Src: client6, Dst: "::ffff:192.0.2.9"}.UDP(1024, 80, nil),
	}
	for _, c := range []struct {
		setting, packet, want string
		conn                  string
	}{
		{"0", "elsewhere", "DROP no-destination", ""}, // the answer would be from an address that isn't this host's
		{"1", "elsewhere", "STOLEN request: 198.51.100.1:1024 > 198.18.0.1:80", "TCP SYN_RECV 198.51.100.1:1024 198.18.0.1:80 0.0.0.0:0"},
		{"1", "UDP", "STOLEN request: 198.51.100.1:1024 > 198.18.0.1:80", "UDP UDP 198.51.100.1:1024 198.18.0.1:80 0.0.0.0:0"},
		{"1", "elsewhere v6", "STOLEN request: [2001:db8:c::1]:1024 > [2001:db8:99::1]:80", "TCP SYN_RECV 2001:db8:c::1:1024 2001:db8:99::1:80 :::0"},
		{"1", "here", "DROP no-destination: 203.0.113.10 > 198.51.100.1 ICMP 3/3", ""},
		// For IPv6 the kernel doesn't ask whose address it is.
		{"1", "here v6", "STOLEN request", "TCP SYN_RECV 2001:db8:c::1:1024 2001:db8:f::10:80 :::0"},
		{"1", "multicast", "DROP no-destination", ""},
		{"1", "multicast v6", "DROP no-destination", ""},
		{"1", "mapped v6", "DROP no-destination: 2001:db8:a::1 > 2001:db8:c::1 ICMP 1/4", ""},
	} {
		t.Run(c.setting+" "+c.packet, func(t *testing.T) {
			w := newWorld(t)
			w.set("cache_bypass=" + c.setting)
			svc{mark: 7}.add(w)
			svc{mark: 7, vip: vip6}.add(w)
			p := packettest.Arrived(packets[c.packet], true)
			p.Mark = 7
			if got := w.hook(LocalIn, p); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			var want []string
			if c.conn != "" {
				want = []string{c.conn}
			}
			if d := cmp.Diff(want, w.conns()); d != "" {
				t.Errorf("connections: -want +got:\n%s", d)
			}
		})
	}
	// The connection has no server: its next packet goes the same way.
	w := newWorld(t)
	w.set("cache_bypass=1")
	svc{mark: 7}.add(w)
	for range 2 {
		p := packettest.Arrived(packets["elsewhere"], true)
		p.Mark = 7
		if got, want := w.hook(LocalIn, p), "STOLEN request: 198.51.100.1:1024 > 198.18.0.1:80"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	// A reply, should it come by, isn't changed.
	w.steps(step{func() string {
		return w.fwd(packettest.IP{Src: far, Dst: client4}.TCP(80, 1024, packettest.SYN|packettest.ACK, nil))
	}, "ACCEPT reply: 198.18.0.1:80 > 198.51.100.1:1024"})
}

// drop_packet takes one in am_droprate of the packets that would open a
// connection, TCP and UDP together; the first one of all.
//
// Features: 12.
func TestDropPacket(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	svc{proto: packet.ProtoUDP}.add(w, rs4)
	w.steps(step{w.syn(1, 1), "STOLEN request: 198.51.100.1:1 > 10.1.0.11:8080"})
	w.set("am_droprate=3", "drop_packet=3")
	var got []bool
	for i := range uint16(8) {
		send := w.syn(1, 100+i)
		if i%2 == 1 {
			send = w.udp(1, 100+i)
		}
		got = append(got, send() == "DROP drop-packet")
		// What belongs to a connection, or opens none, isn't counted.
		w.ack(1, 1)()
		w.ack(1, 999)()
	}
	if d := cmp.Diff([]bool{true, false, false, true, false, false, true, false}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	w.set("drop_packet=0")
	w.steps(step{w.syn(1, 200), "STOLEN request: 198.51.100.1:200 > 10.1.0.11:8080"},
		step{w.syn(1, 201), "STOLEN request: 198.51.100.1:201 > 10.1.0.11:8080"})
}

// Connections for one packet leave nothing behind but the counters.
//
// Features: C10, O1.
func TestOnePacket(t *testing.T) {
	w := newWorld(t)
	k := svc{proto: packet.ProtoUDP, flags: sched.OnePacket}.add(w, rs4, "10.1.0.12")
	kt := svc{flags: sched.OnePacket}.add(w, rs4)
	w.steps(
		step{w.udp(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{w.udp(1, 1024), to11},
		step{w.udp(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{w.fwdUDP("10.1.0.12", 1, 1024), "ACCEPT no-connection"},
		step{w.syn(1, 1024), to11}, // TCP keeps its connections
	)
	if d := cmp.Diff([]string{"TCP SYN_RECV 198.51.100.1:1024 203.0.113.10:80 10.1.0.11:8080"}, w.conns()); d != "" {
		t.Errorf("connections: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"10.1.0.12 0 0 0", "10.1.0.11 0 0 0"}, w.servers(k)); d != "" {
		t.Errorf("servers: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"10.1.0.11 1 0 0"}, w.servers(kt)); d != "" {
		t.Errorf("servers: -want +got:\n%s", d)
	}
	w.after(estimatePeriod)
	if total, _ := w.Totals(); total.Conns != 4 || total.InPkts != 4 {
		t.Errorf("counted %+v", total)
	}
}

// fwdUDP is a server's datagram on its way to a client.
func (w *world) fwdUDP(server string, n int, port uint16) func() string {
	return func() string {
		return w.fwd(packettest.IP{Src: server, Dst: fmt.Sprintf("198.51.100.%d", n)}.UDP(8080, port, []byte("answer")))
	}
}
