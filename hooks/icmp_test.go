package hooks

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

// Errors about a connection: from a router near the client about a reply, and
// from the server's side about a request.
func aboutReply(typ, code uint8, info uint32) []byte {
	reply := packettest.IP{Src: vip4, Dst: client4}.TCP(80, 1024, ack, packettest.Payload(100))
	return packettest.IP{Src: "198.51.100.254", Dst: vip4}.ICMP(typ, code, info, reply[:28])
}

func aboutRequest(typ, code uint8, info uint32) []byte {
	request := packettest.IP{Src: client4, Dst: rs4}.TCP(1024, 8080, ack, packettest.Payload(100))
	return packettest.IP{Src: "10.1.0.254", Dst: client4}.ICMP(typ, code, info, request[:28])
}

func aboutReply6(typ uint8) []byte {
	reply := packettest.IP{Src: vip6, Dst: client6}.TCP(80, 1024, ack, packettest.Payload(100))
	return packettest.IP{Src: "2001:db8:c::fe", Dst: vip6}.ICMP(typ, 0, 1300, reply)
}

func aboutRequest6(typ uint8) []byte {
	request := packettest.IP{Src: client6, Dst: rs6}.TCP(1024, 8080, ack, packettest.Payload(100))
	return packettest.IP{Src: "2001:db8:1::fe", Dst: client6}.ICMP(typ, 0, 1300, request)
}

// Which ICMP messages concern connections.
//
// Features: I1.
func TestICMPTypes(t *testing.T) {
	related := map[bool]string{
		true:  "STOLEN request: 198.51.100.254 > 10.1.0.11 ICMP",
		false: "ACCEPT other-protocol",
	}
	w := newWorld(t)
	svc{}.add(w, rs4)
	svc{vip: vip6}.add(w, rs6)
	w.syn(1, 1024)()
	w.in(from6(1).TCP(1024, 80, syn, nil))
	for typ := range 256 {
		want := slices.Contains([]int{3, 4, 11}, typ)
		if got := w.in(aboutReply(uint8(typ), 0, 0)); got[:min(len(got), len(related[want]))] != related[want] {
			t.Errorf("type %d: %s", typ, got)
		}
		// Of ICMPv6 every error does, also those that nobody has defined.
		want = typ < 128
		related[true] = "STOLEN request: 2001:db8:c::fe > 2001:db8:1::b ICMP"
		if got := w.in(aboutReply6(uint8(typ))); got[:min(len(got), len(related[want]))] != related[want] {
			t.Errorf("v6 type %d: %s", typ, got)
		}
		related[true] = "STOLEN request: 198.51.100.254 > 10.1.0.11 ICMP"
	}
}

// Errors of the client's side go to the server, those of the server's side to
// the client; with other methods than NAT untouched.
//
// Features: H5, I2, I3, I4, I7.
func TestICMPRelated(t *testing.T) {
	for _, c := range []struct {
		name, servers string
		packet        []byte
		pt            Point
		want          string
	}{
		{"to the server", rs4, aboutReply(3, 3, 0), LocalIn, "STOLEN request: 198.51.100.254 > 10.1.0.11 ICMP 3/3"},
		{"to the server, made here", rs4, aboutReply(3, 3, 0), LocalOut, "STOLEN request: 198.51.100.254 > 10.1.0.11 ICMP 3/3"},
		{"to the server, forwarded", rs4, aboutReply(3, 3, 0), Forward, "STOLEN request: 198.51.100.254 > 10.1.0.11 ICMP 3/3"},
		{"to a DR server", rs4 + "|80 -g", aboutReply(3, 3, 0), LocalIn, "STOLEN request: 198.51.100.254 > 203.0.113.10 ICMP 3/3 via 10.1.0.11"},
		{"to a tunnelled server", rs4 + "|80 -i", aboutReply(3, 3, 0), LocalIn, "STOLEN request: 10.1.0.1 > 10.1.0.11 IP_4"},
		{"to the client, forwarded", rs4, aboutRequest(3, 4, 1300), Forward, "ACCEPT reply: 203.0.113.10 > 198.51.100.1 ICMP 3/4"},
		{"to the client, arrived", rs4, aboutRequest(11, 0, 0), LocalIn, "ACCEPT already-ours: 203.0.113.10 > 198.51.100.1 ICMP 11/0"},
		{"to the client, made here", rs4, aboutRequest(3, 3, 0), LocalOut, "ACCEPT already-ours: 203.0.113.10 > 198.51.100.1 ICMP 3/3"},
		{"wrong checksum, to the server", rs4, packettest.Change(aboutReply(3, 3, 0), 22, 1, 2), LocalIn, "DROP icmp-checksum"},
		{"wrong checksum, to a DR server", rs4 + "|80 -g", packettest.Change(aboutReply(3, 3, 0), 22, 1, 2), LocalIn, "STOLEN request: 198.51.100.254 > 203.0.113.10 ICMP 3/3 via 10.1.0.11"},
		{"wrong checksum, to the client", rs4, packettest.Change(aboutRequest(3, 3, 0), 22, 1, 2), Forward, "DROP icmp-checksum"},
		{"of no connection", rs4, packettest.IP{Src: "198.51.100.254", Dst: vip4}.ICMP(3, 3, 0, packettest.IP{Src: vip4, Dst: client4}.TCP(80, 9, 0, nil)), LocalIn, "ACCEPT no-connection"},
		{"about another protocol", rs4, from(1).ICMP(3, 3, 0, packettest.IP{Src: vip4, Dst: client4}.ICMP(8, 0, 0, nil)), LocalIn, "ACCEPT other-protocol"},
		{"about a later fragment", rs4, from(1).ICMP(3, 3, 0, packettest.IP{Src: vip4, Dst: client4, Frag: 2}.UDP(1, 2, nil)), LocalIn, "ACCEPT icmp-later-quoted"},
		{"header cut off", rs4, from(1).Wrap(packet.ProtoICMP, []byte{3, 3, 0, 0, 0, 0, 0}), LocalIn, "DROP header-cut-off"},
		{"quotes nothing", rs4, from(1).ICMP(3, 3, 0, nil), LocalIn, "ACCEPT icmp-looks-wrong"},
		{"quotes half a header", rs4, from(1).ICMP(3, 3, 0, from(1).UDP(1, 2, nil)[:19]), LocalIn, "ACCEPT icmp-looks-wrong"},
		{"quotes another version", rs4, from(1).ICMP(3, 3, 0, packettest.Change(from(1).UDP(1, 2, nil), 0, 0x65)), LocalIn, "ACCEPT icmp-looks-wrong"},
		{"quotes a header of no length", rs4, from(1).ICMP(3, 3, 0, packettest.Change(from(1).UDP(1, 2, nil), 0, 0x44)), LocalIn, "ACCEPT icmp-looks-wrong"},
		{"quotes three octets of ports", rs4, aboutReply(3, 3, 0)[:51], LocalIn, "ACCEPT no-connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			svc{}.add(w, c.servers)
			w.syn(1, 1024)()
			p := packettest.Arrived(c.packet, c.pt != Forward)
			if got := w.hook(c.pt, p); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// Features: I2, I3.
func TestICMPRelated6(t *testing.T) {
	fragmented := packettest.IP{Src: "2001:db8:c::fe", Dst: vip6, Ext: []packettest.Ext{packettest.FragmentHeader(0, false, 1)}}
	later := packettest.IP{Src: vip6, Dst: client6, Ext: []packettest.Ext{packettest.FragmentHeader(8, false, 1)}}
	for _, c := range []struct {
		name, server string
		packet       []byte
		pt           Point
		want         string
	}{
		{"to the server", rs6, aboutReply6(2), LocalIn, "STOLEN request: 2001:db8:c::fe > 2001:db8:1::b ICMP 2/0"},
		{"to the server, forwarded", rs6, aboutReply6(1), Forward, "STOLEN request: 2001:db8:c::fe > 2001:db8:1::b ICMP 1/0"},
		{"to a DR server", rs6 + "|80 -g", aboutReply6(1), LocalIn, "STOLEN request: 2001:db8:c::fe > 2001:db8:f::10 ICMP 1/0 via 2001:db8:1::b"},
		{"to the client", rs6, aboutRequest6(2), Forward, "ACCEPT reply: 2001:db8:f::10 > 2001:db8:c::1 ICMP 2/0"},
		{"wrong checksum", rs6, packettest.Change(aboutReply6(1), 42, 1, 2), LocalIn, "DROP icmp-checksum"},
		{"wrong checksum, to the client", rs6, packettest.Change(aboutRequest6(1), 42, 1, 2), Forward, "DROP icmp-checksum"},
		{"an error in a fragment", rs6, fragmented.ICMP(1, 0, 0, nil), LocalIn, "DROP icmpv6-fragment"},
		{"about a later fragment", rs6, packettest.IP{Src: client6, Dst: vip6}.ICMP(1, 0, 0, later.UDP(1, 2, nil)), LocalIn, "ACCEPT icmp-later-quoted"},
		{"about another protocol", rs6, from6(1).ICMP(1, 0, 0, from6(1).Wrap(99, nil)), LocalIn, "ACCEPT other-protocol"},
		{"cut off", rs6, from6(1).Wrap(packet.ProtoICMPv6, []byte{1, 0, 0}), LocalIn, "DROP header-cut-off"},
		{"quotes nothing", rs6, from6(1).ICMP(1, 0, 0, nil), LocalIn, "ACCEPT icmp-looks-wrong"},
		{"neighbour discovery", rs6, from6(1).ICMP(135, 0, 0, nil), LocalIn, "ACCEPT other-protocol"},
		{"of no connection", rs6, from6(1).ICMP(1, 0, 0, from6(1).UDP(1, 2, nil)), LocalIn, "ACCEPT no-connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			svc{vip: vip6}.add(w, c.server)
			w.in(from6(1).TCP(1024, 80, syn, nil))
			if got := w.hook(c.pt, packettest.Arrived(c.packet, c.pt != Forward)); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// An error for the client needs a way, as every translated reply does.
func TestICMPReroute(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.syn(1, 1024)()
	w.stack.NoReroute = true
	w.steps(
		step{func() string { return w.fwd(aboutRequest(3, 3, 0)) }, "DROP no-reroute"},
		quietly(func() { w.set("snat_reroute=0") }),
		step{func() string { return w.fwd(aboutRequest(3, 3, 0)) }, "ACCEPT reply: 203.0.113.10 > 198.51.100.1 ICMP 3/3"},
	)
}

// With schedule_icmp an error makes the connection that it is about.
//
// Features: I5.
func TestScheduleICMP(t *testing.T) {
	noDest := func(w *world, k string) { w.delDest(svc{}.key(), k) }
	for _, c := range []struct {
		name, setting string
		packet        []byte
		prepare       func(w *world)
		want          string
		conn          string
	}{
		{"off", "0", aboutReply(3, 4, 1300), nil, "ACCEPT no-connection", ""},
		{"on", "1", aboutReply(3, 4, 1300), nil, "STOLEN request: 198.51.100.254 > 10.1.0.11 ICMP 3/4", "TCP NONE 198.51.100.1:1024 203.0.113.10:80 10.1.0.11:8080"},
		{"for no service", "1", from(1).ICMP(3, 3, 0, packettest.IP{Src: vip4, Dst: client4}.UDP(80, 1024, nil)), nil, "ACCEPT no-service", ""},
		{"without a server: dropped in silence", "1", aboutReply(3, 3, 0), func(w *world) { noDest(w, rs4) }, "DROP no-destination", ""},
		{"wrong checksum, and yet", "1", packettest.Change(aboutReply(3, 3, 0), 22, 1, 2), nil, "DROP icmp-checksum", "TCP NONE 198.51.100.1:1024 203.0.113.10:80 10.1.0.11:8080"},
		{"three octets of ports", "1", aboutReply(3, 3, 0)[:51], nil, "DROP header-cut-off", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			svc{}.add(w, rs4)
			w.set("schedule_icmp=" + c.setting)
			if c.prepare != nil {
				c.prepare(w)
			}
			if got := w.in(c.packet); got != c.want {
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
	// Such a connection lasts three seconds, if nothing comes.
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.set("schedule_icmp=1")
	w.in(aboutReply(3, 3, 0))
	w.after(2900e6)
	if len(w.conns()) != 1 {
		t.Error("gone already")
	}
	w.after(500e6)
	if len(w.conns()) != 0 {
		t.Error("still there")
	}
}

// Counters and timers: an error counts as a packet but renews nothing.
func TestICMPCounts(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.syn(1, 1024)()
	c := w.conn(1, 1024, packet.ProtoTCP)
	w.after(30e9)
	before := w.Director.conns.Shard(&c.Client).Expires(c)
	w.in(aboutReply(3, 3, 0))
	w.fwd(aboutRequest(3, 3, 0))
	if got := w.Director.conns.Shard(&c.Client).Expires(c); got != before || c.InPkts != 1 || c.StateName() != "SYN_RECV" {
		t.Errorf("expires in %v, before %v; %d packets, %s", got, before, c.InPkts, c.StateName())
	}
	w.after(estimatePeriod)
	if total, _ := w.Totals(); total.InPkts != 2 || total.OutPkts != 1 || total.InBytes != 40+56 || total.OutBytes != 56 {
		t.Errorf("counted %+v", total)
	}
}

// About a packet that was tunnelled the client gets an error of this host, about
// its own packet and with what the tunnel leaves of the path's MTU.
//
// Features: I4, I6.
func TestTunnelErrors(t *testing.T) {
	inner := packettest.IP{Src: client4, Dst: vip4, Frag: packet.FlagDF, TTL: 63}
	request := inner.TCP(1024, 80, ack, packettest.Payload(8))
	outer := packettest.IP{Src: "10.1.0.1", Dst: rs4, Frag: packet.FlagDF, TTL: 63}
	router := packettest.IP{Src: "10.1.0.254", Dst: "10.1.0.1"}
	ipip := outer.Wrap(packet.ProtoIPIP, request)
	gue := outer.UDP(40000, packettest.PortGUE, append([]byte{0, packet.ProtoIPIP, 0, 0}, request...))
	gre := outer.Wrap(packet.ProtoGRE, append([]byte{0, 0, 8, 0}, request...))
	greSum := outer.Wrap(packet.ProtoGRE, append([]byte{0x80, 0, 8, 0, 0, 0, 0, 0}, request...))
	noDF := inner
	noDF.Frag = 0
	const tellsClient = "STOLEN tunnel-error-relayed: 203.0.113.10 > 198.51.100.1 ICMP "
	for _, c := range []struct {
		name, server string
		packet       []byte
		pt           Point
		want         string
		mtu          uint32 // told to the client
	}{
		{"IPIP unreachable", "|80 -i", router.ICMP(3, 1, 0, ipip), LocalIn, tellsClient + "3/1", 0},
		{"IPIP time exceeded", "|80 -i", router.ICMP(11, 0, 0, ipip), LocalIn, tellsClient + "11/0", 0},
		{"IPIP fragmentation needed", "|80 -i", router.ICMP(3, 4, 1400, ipip), LocalIn, tellsClient + "3/4", 1480},
		{"IPIP fragmentation needed, of what may be fragmented", "|80 -i", router.ICMP(3, 4, 1400, outer.Wrap(packet.ProtoIPIP, noDF.TCP(1024, 80, 0, nil))), LocalIn, "STOLEN tunnel-error-relayed", 0},
		{"GUE", "|80 -i gue", router.ICMP(3, 4, 1400, gue), LocalIn, tellsClient + "3/4", 1468},
		{"GUE with options", "|80 -i gue", router.ICMP(3, 4, 1400, outer.UDP(40000, packettest.PortGUE, append([]byte{1, packet.ProtoIPIP, 0, 0, 0, 0, 0, 0}, request...))), LocalIn, tellsClient + "3/4", 1464},
		{"GRE", "|80 -i gre", router.ICMP(3, 4, 1400, gre), LocalIn, tellsClient + "3/4", 1476},
		{"GRE with checksum", "|80 -i gre csum", router.ICMP(3, 4, 1400, greSum), LocalIn, tellsClient + "3/4", 1472},
		{"wrong checksum", "|80 -i", packettest.Change(router.ICMP(3, 1, 0, ipip), 22, 1, 2), LocalIn, "DROP icmp-checksum", 0},
		{"forwarded", "|80 -i", router.ICMP(3, 1, 0, ipip), Forward, "ACCEPT other-protocol", 0},
		{"another tunnel", "|80 -i", router.ICMP(3, 1, 0, packettest.IP{Src: "10.1.0.1", Dst: "10.1.0.99"}.Wrap(packet.ProtoIPIP, request)), LocalIn, "ACCEPT icmp-other-tunnel", 0},
		{"IPIP to a GRE server", "|80 -i gre", router.ICMP(3, 1, 0, ipip), LocalIn, "ACCEPT icmp-other-tunnel", 0},
		{"GRE to an IPIP server", "|80 -i", router.ICMP(3, 1, 0, gre), LocalIn, "ACCEPT other-protocol", 0},
		{"GRE with a key", "|80 -i gre", router.ICMP(3, 1, 0, outer.Wrap(packet.ProtoGRE, append([]byte{0x20, 0, 8, 0, 0, 0, 0, 1}, request...))), LocalIn, "ACCEPT other-protocol", 0},
		{"GRE of IPv6", "|80 -i gre", router.ICMP(3, 1, 0, outer.Wrap(packet.ProtoGRE, append([]byte{0, 0, 0x86, 0xdd}, request...))), LocalIn, "ACCEPT other-protocol", 0},
		{"GUE control message", "|80 -i gue", router.ICMP(3, 1, 0, outer.UDP(40000, packettest.PortGUE, append([]byte{0x20, packet.ProtoIPIP, 0, 0}, request...))), LocalIn, "ACCEPT no-connection", 0},
		{"GUE to another port", "|80 -i gue", router.ICMP(3, 1, 0, outer.UDP(40000, 6081, append([]byte{0, packet.ProtoIPIP, 0, 0}, request...))), LocalIn, "ACCEPT no-connection", 0},
		{"GUE cut off", "|80 -i gue", router.ICMP(3, 1, 0, gue[:30]), LocalIn, "ACCEPT no-connection", 0},
		{"IPIP, outer header only", "|80 -i", router.ICMP(3, 1, 0, ipip[:28]), LocalIn, "ACCEPT icmp-looks-wrong", 0},
		{"IPIP, later fragment", "|80 -i", router.ICMP(3, 1, 0, packettest.IP{Src: "10.1.0.1", Dst: rs4, Frag: 4}.Wrap(packet.ProtoIPIP, request)), LocalIn, "ACCEPT icmp-later-quoted", 0},
		{"GRE, later fragment", "|80 -i gre", router.ICMP(3, 1, 0, packettest.IP{Src: "10.1.0.1", Dst: rs4, Frag: 4}.Wrap(packet.ProtoGRE, request)), LocalIn, "ACCEPT icmp-later-quoted", 0},
		{"IPIP of no connection", "|80 -i", router.ICMP(3, 1, 0, outer.Wrap(packet.ProtoIPIP, inner.TCP(1, 80, 0, nil))), LocalIn, "ACCEPT no-connection", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			svc{}.add(w, rs4+c.server)
			w.syn(1, 1024)()
			got := w.hook(c.pt, packettest.Arrived(c.packet, c.pt != Forward))
			if got != c.want {
				t.Fatalf("%s\nwant %s", got, c.want)
			}
			if c.mtu == 0 {
				return
			}
			if told := binary.BigEndian.Uint32(w.sent[0].Data()[24:]); told != c.mtu {
				t.Errorf("told an MTU of %d, want %d\n%s", told, c.mtu, packettest.Text(w.sent[0].Data()))
			}
			if len(w.stack.PMTU) != 1 || w.stack.PMTU[0].MTU != 1400 || w.stack.PMTU[0].Dst != packettest.Addr(rs4) {
				t.Errorf("path MTU learnt: %+v", w.stack.PMTU)
			}
		})
	}
}

// The MTU told is that of the way that the server remembers; without one, the
// error's own, and too small a one isn't made smaller.
//
// Features: I6.
func TestTunnelErrorMTU(t *testing.T) {
	inner := packettest.IP{Src: client4, Dst: vip4, Frag: packet.FlagDF}.TCP(1024, 80, ack, nil)
	ipip := packettest.IP{Src: "10.1.0.1", Dst: rs4}.Wrap(packet.ProtoIPIP, inner)
	for _, c := range []struct {
		remembered int
		said, want uint32
	}{{1500, 1400, 1480}, {0, 1400, 1380}, {0, 89, 69}, {0, 88, 88}, {0, 0, 0}} {
		w := newWorld(t)
		svc{}.add(w, rs4+"|80 -i")
		w.syn(1, 1024)()
		if c.remembered == 0 {
			w.Director.table.Dest(w.conn(1, 1024, packet.ProtoTCP).DestID).Route.Store(nil)
		}
		if w.in(packettest.IP{Src: "10.1.0.254", Dst: "10.1.0.1"}.ICMP(3, 4, c.said, ipip)); len(w.sent) != 1 {
			t.Fatal("nothing sent")
		}
		if got := binary.BigEndian.Uint32(w.sent[0].Data()[24:]); got != c.want {
			t.Errorf("%+v: told %d", c, got)
		}
	}
}
