package hooks

import (
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/xmit"
)

// Replies of NAT servers get the virtual address, at each hook where they pass.
//
// Features: 1.2, H1, H3, H6.
func TestReplies(t *testing.T) {
	request := map[bool][]byte{
		false: from(1).TCP(1024, 80, syn, nil),
		true:  from6(1).TCP(1024, 80, syn, nil),
	}
	answer := map[bool][]byte{
		false: packettest.IP{Src: rs4, Dst: client4}.TCP(8080, 1024, syn|ack, nil),
		true:  packettest.IP{Src: rs6, Dst: client6}.TCP(8080, 1024, syn|ack, nil),
	}
	translated := map[bool]string{
		false: "203.0.113.10:80 > 198.51.100.1:1024",
		true:  "[2001:db8:f::10]:80 > [2001:db8:c::1]:1024",
	}
	for _, six := range []bool{false, true} {
		for _, pt := range []Point{Forward, LocalIn, LocalOut} {
			w := newWorld(t)
			svc{}.add(w, rs4)
			svc{vip: vip6}.add(w, rs6)
			w.in(request[six])
			p := packettest.Arrived(answer[six], pt != Forward)
			want := "ACCEPT reply: " + translated[six]
			if pt != Forward {
				want = "ACCEPT already-ours: " + translated[six] // says the second function
			}
			if got := w.hook(pt, p); got != want {
				t.Errorf("%v: %s\nwant %s", pt, got, want)
			}
		}
	}
}

// What is no reply passes untouched.
//
// Features: 1.2, C3.
func TestNoReply(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.syn(1, 1024)()
	for _, c := range []struct {
		name   string
		packet []byte
	}{
		{"another port of the server", packettest.IP{Src: rs4, Dst: client4}.TCP(8081, 1024, ack, nil)},
		{"another server", packettest.IP{Src: "10.1.0.12", Dst: client4}.TCP(8080, 1024, ack, nil)},
		{"another client", packettest.IP{Src: rs4, Dst: "198.51.100.2"}.TCP(8080, 1024, ack, nil)},
		{"another port of the client", packettest.IP{Src: rs4, Dst: client4}.TCP(8080, 1025, ack, nil)},
		{"another protocol", packettest.IP{Src: rs4, Dst: client4}.UDP(8080, 1024, nil)},
		{"ports cut off", packettest.IP{Src: rs4, Dst: client4}.Wrap(packet.ProtoTCP, []byte{1, 2, 3})},
	} {
		if got := w.fwd(c.packet); got != "ACCEPT no-connection" {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	// A reply whose header is cut off behind the ports can't be translated.
	cut := packettest.IP{Src: rs4, Dst: client4}.TCP(8080, 1024, ack, nil)[:36]
	if got := w.fwd(cut); got != "STOLEN header-cut-off" {
		t.Error(got)
	}
}

// With DR and tunnels replies have the virtual address already; seeing one shows
// that they pass here.
//
// Features: 1.2, C6.
func TestRepliesOfOthers(t *testing.T) {
	for _, method := range []string{"-g", "-i"} {
		w := newWorld(t)
		svc{}.add(w, rs4+"|80 "+method)
		w.syn(1, 1024)()
		w.tcp(1, 1024, ack)()
		reply := packettest.IP{Src: vip4, Dst: client4}
		w.steps(step{func() string { return w.fwd(reply.TCP(80, 1024, fin, nil)) }, "ACCEPT reply: 203.0.113.10:80 > 198.51.100.1:1024"})
		// The client's FIN without that reply would have led to FIN_WAIT.
		w.tcp(1, 1024, fin)()
		if got := w.conn(1, 1024, packet.ProtoTCP).StateName(); got != "TIME_WAIT" {
			t.Errorf("%s: state %s", method, got)
		}
	}
}

// A translated reply finds its way anew, but at LOCAL_IN and if snat_reroute is
// off; without a way it is lost.
//
// Features: 1.2.
func TestReroute(t *testing.T) {
	answer := packettest.IP{Src: rs4, Dst: client4}.TCP(8080, 1024, syn|ack, nil)
	for _, c := range []struct {
		name, setting string
		pt            Point
		local         bool
		want          xmit.Verdict
	}{
		{"forwarded", "1", Forward, false, xmit.Stolen},
		{"forwarded, off", "0", Forward, false, xmit.Accept},
		{"made here", "1", LocalOut, false, xmit.Stolen},
		{"made here for here", "1", LocalOut, true, xmit.Accept},
		{"arrived", "1", LocalIn, true, xmit.Accept},
	} {
		w := newWorld(t)
		svc{}.add(w, rs4)
		w.syn(1, 1024)()
		w.set("snat_reroute=" + c.setting)
		w.stack.NoReroute = true
		p := packettest.Arrived(answer, c.local)
		if got := w.Hook(c.pt, p); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// With nat_icmp_send a server that sends without a connection is told so.
//
// Features: 1.2.
func TestNATICMPSend(t *testing.T) {
	fromRS := packettest.IP{Src: rs4, Dst: client4}
	fromRS6 := packettest.IP{Src: rs6, Dst: client6}
	for _, c := range []struct {
		name    string
		packet  []byte
		setting string
		want    string
	}{
		{"off", fromRS.TCP(8080, 1024, ack, nil), "0", "ACCEPT no-connection"},
		{"TCP", fromRS.TCP(8080, 1024, ack, nil), "1", "DROP nat-icmp-send: 10.1.0.1 > 10.1.0.11 ICMP 3/3"},
		{"TCP, RST", fromRS.TCP(8080, 1024, rst, nil), "1", "ACCEPT no-connection"},
		{"TCP cut off", fromRS.TCP(8080, 1024, ack, nil)[:24], "1", "DROP nat-icmp-send: 10.1.0.1 > 10.1.0.11 ICMP 3/3"},
		{"another port", fromRS.TCP(8081, 1024, ack, nil), "1", "ACCEPT no-connection"},
		{"another server", packettest.IP{Src: "10.1.0.12", Dst: client4}.TCP(8080, 1024, ack, nil), "1", "ACCEPT no-connection"},
		{"a DR server", packettest.IP{Src: "10.1.0.13", Dst: client4}.TCP(80, 1024, ack, nil), "1", "ACCEPT no-connection"},
		{"UDP, no such service", fromRS.UDP(8080, 1024, nil), "1", "ACCEPT no-connection"},
		{"SCTP", fromRS.SCTP(8080, 1024, packettest.Chunk(0)), "1", "DROP nat-icmp-send: 10.1.0.1 > 10.1.0.11 ICMP 3/3"},
		{"SCTP, ABORT", fromRS.SCTP(8080, 1024, packettest.Chunk(6)), "1", "ACCEPT no-connection"},
		{"ports cut off", fromRS.Wrap(packet.ProtoTCP, []byte{1, 2}), "1", "ACCEPT no-connection"},
		{"ESP", fromRS.Wrap(packet.ProtoESP, packettest.Payload(16)), "1", "ACCEPT no-connection"},
		{"v6", fromRS6.TCP(8080, 1024, ack, nil), "1", "DROP nat-icmp-send: 2001:db8:1::1 > 2001:db8:1::b ICMP 1/4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			svc{}.add(w, rs4, "10.1.0.13|80 -g")
			svc{proto: packet.ProtoSCTP}.add(w, rs4)
			svc{vip: vip6}.add(w, rs6)
			w.set("nat_icmp_send=" + c.setting)
			// The destination isn't this host's, so the answer comes from the
			// interface that leads to the server.
			if got := w.fwd(c.packet); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
	// A server of a firewall-mark service has every protocol.
	w := newWorld(t)
	svc{mark: 7}.add(w, rs4)
	w.set("nat_icmp_send=1")
	w.steps(step{func() string { return w.fwd(fromRS.UDP(8080, 1024, nil)) }, "DROP nat-icmp-send: 10.1.0.1 > 10.1.0.11 ICMP 3/3"})
}

// IPv4 fragments are put together first: kept until all are there, then handled
// as one, and never for AH and ESP.
//
// Features: G1.
func TestFragments(t *testing.T) {
	whole := from(1).UDP(1024, 80, packettest.Payload(32))
	first, last := from(1), from(1)
	first.Frag, last.Frag = packet.FlagMF, 2
	a, b := first.Wrap(packet.ProtoUDP, whole[20:36]), last.Wrap(packet.ProtoUDP, whole[36:])
	w := newWorld(t)
	svc{proto: packet.ProtoUDP}.add(w, rs4)
	var users []xmit.DefragUser
	have := 0
	w.stack.Whole = func(p *packet.Packet, at xmit.DefragUser) bool {
		users = append(users, at)
		if have++; have < 2 {
			return false
		}
		p.Replace(append([]byte(nil), whole...))
		return true
	}
	w.steps(
		step{func() string { return w.in(a) }, "STOLEN fragment-kept"},
		step{func() string { return w.in(b) }, to11},
	)
	have = 0
	w.fwd(a)
	have = 0
	w.out(a)
	if len(users) != 4 || users[0] != xmit.DefragIn || users[2] != xmit.DefragForward || users[3] != xmit.DefragOut {
		t.Errorf("reassembled for %v", users)
	}
	have = 0
	esp := first.Wrap(packet.ProtoESP, packettest.Payload(16))
	w.steps(step{func() string { return w.in(esp) }, "ACCEPT related-only"})
	// An ICMP error in fragments is put together, too.
	icmp := first.Wrap(packet.ProtoICMP, []byte{3, 3, 0, 0, 0, 0, 0, 0})
	w.steps(step{func() string { return w.in(icmp) }, "STOLEN fragment-kept"})
}

// AH and ESP follow an IKE connection of the same two.
//
// Features: 6.4.
func TestIPsec(t *testing.T) {
	w := newWorld(t)
	svc{proto: packet.ProtoUDP, port: 500}.add(w, rs4+"|500")
	esp := from(1).Wrap(packet.ProtoESP, packettest.Payload(16))
	ah := from(1).Wrap(packet.ProtoAH, packettest.Payload(16))
	back := packettest.IP{Src: rs4, Dst: client4}.Wrap(packet.ProtoESP, packettest.Payload(16))
	w.steps(
		step{func() string { return w.in(esp) }, "ACCEPT related-only"},
		step{func() string { return w.in(from(1).UDP(500, 500, nil)) }, "STOLEN request: 198.51.100.1:500 > 10.1.0.11:500"},
		step{func() string { return w.in(esp) }, "STOLEN request: 198.51.100.1 > 10.1.0.11 IP_50"},
		step{func() string { return w.in(ah) }, "STOLEN request: 198.51.100.1 > 10.1.0.11 IP_51"},
		step{func() string { return w.fwd(back) }, "ACCEPT reply: 203.0.113.10 > 198.51.100.1 IP_50"},
		step{func() string { return w.in(from(2).Wrap(packet.ProtoESP, nil)) }, "ACCEPT related-only"},
	)
}

// An IPv6 later fragment finds no ports, so no connection, and makes none.
//
// Features: G2.
func TestLaterFragment6(t *testing.T) {
	w := newWorld(t)
	svc{vip: vip6, proto: packet.ProtoUDP}.add(w, rs6)
	h := from6(1)
	h.Ext = []packettest.Ext{packettest.FragmentHeader(1280, false, 1)}
	w.steps(step{func() string { return w.in(h.Wrap(packet.ProtoUDP, packettest.Payload(8))) }, "ACCEPT later-fragment"})
	h.Ext = []packettest.Ext{packettest.FragmentHeader(0, true, 1)}
	w.steps(step{func() string { return w.in(h.UDP(1024, 80, nil)) }, "STOLEN request: [2001:db8:c::1]:1024 > [2001:db8:1::b]:8080"})
}
