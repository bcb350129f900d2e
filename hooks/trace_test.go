package hooks

import (
	"fmt"
	"strings"
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// TestTrace compares the events of some packets' ways with a golden: each
// decision with its reason and the kernel function that makes it.
func TestTrace(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4, "10.1.0.12|80 -g")
	k := persistent(svc{proto: packet.ProtoUDP}).add(w, rs4, "10.1.0.13 -i gue")
	svc{port: 81}.add(w)
	svc{vip: vip6}.add(w, rs6)
	var out strings.Builder
	send := func(name string, pt Point, b []byte, change ...func(*packet.Packet)) {
		p := packettest.Arrived(b, pt != Forward)
		for _, f := range change {
			f(p)
		}
		fmt.Fprintf(&out, "== %s: %s\n", name, brief(b))
		p.Listener = eventFunc(func(e packet.Event) { fmt.Fprintf(&out, "  %-20s %s\n", e.Reason(), e.Func()) })
		fmt.Fprintf(&out, "%v\n\n", w.Hook(pt, p))
	}
	send("a first SYN, to a DR server", LocalIn, from(1).TCP(1024, 80, syn, nil))
	send("its ACK", LocalIn, from(1).TCP(1024, 80, ack, nil))
	send("another client's SYN, to a NAT server", LocalIn, from(2).TCP(1024, 80, syn, nil))
	send("the server's answer", Forward, packettest.IP{Src: rs4, Dst: "198.51.100.2"}.TCP(8080, 1024, syn|ack, nil))
	send("and its RST", Forward, packettest.IP{Src: rs4, Dst: "198.51.100.2"}.TCP(8080, 1024, rst, nil))
	send("a SYN that reuses the connection", LocalIn, from(2).TCP(1024, 80, syn, nil))
	send("an ACK of no connection", LocalIn, from(3).TCP(1024, 80, ack, nil))
	send("a SYN for no service", LocalIn, from(3).TCP(1024, 8000, syn, nil))
	send("a SYN for a service without servers", LocalIn, from(3).TCP(1024, 81, syn, nil))
	send("a datagram for a persistent service", LocalIn, from(4).UDP(1024, 80, nil))
	send("another, of the same client", LocalIn, from(4).UDP(1025, 80, nil))
	w.delDest(k, "10.1.0.13")
	send("a third, when the server is gone", LocalIn, from(4).UDP(1026, 80, nil))
	send("one of the first, when the server is gone", LocalIn, from(4).UDP(1024, 80, nil))
	w.set("expire_nodest_conn=1")
	send("again, with expire_nodest_conn", LocalIn, from(4).UDP(1024, 80, nil))
	send("a packet with TTL 1", LocalIn, packettest.Change(from(2).TCP(1024, 80, ack, nil), 8, 1))
	send("one that is too big", LocalIn, packettest.IP{Src: "198.51.100.2", Dst: vip4, Frag: packet.FlagDF}.TCP(1024, 80, ack, packettest.Payload(1500)))
	send("an error about a reply", LocalIn, packettest.IP{Src: "198.51.100.254", Dst: vip4}.ICMP(3, 3, 0, packettest.IP{Src: vip4, Dst: "198.51.100.1"}.TCP(80, 1024, 0, nil)))
	send("an error about a request", Forward, packettest.IP{Src: "10.1.0.254", Dst: "198.51.100.4"}.ICMP(3, 3, 0, packettest.IP{Src: "198.51.100.4", Dst: rs4}.UDP(1026, 8080, nil)))
	send("an echo request", LocalIn, from(1).ICMP(8, 0, 0, nil))
	send("a packet that was handled before", LocalOut, from(1).TCP(1024, 80, ack, nil), func(p *packet.Packet) { p.Ours = true })
	send("IPv6", LocalIn, from6(1).TCP(1024, 80, syn, nil))
	w.Flush()
	send("without services", LocalIn, from(1).TCP(1024, 80, ack, nil))
	packettest.Golden(t, "trace", out.String())
}

// What events say besides their reason.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	svc{sched: "wlc"}.add(w, rs4, "10.1.0.12 -w 0")
	var got []string
	p := packettest.Arrived(from(1).TCP(1024, 80, syn, nil), true)
	p.Mark = 5
	p.Listener = eventFunc(func(e packet.Event) {
		switch e := e.(type) {
		case Looked:
			got = append(got, fmt.Sprintf("looked for %d>%d: %v", e.Key.CPort, e.Key.VPort, e.Conn != nil))
		case Matched:
			got = append(got, fmt.Sprintf("service %v, mark %d, port %d", e.Service.ServiceKey, e.Mark, e.Port))
		case sched.Chosen:
			got = append(got, fmt.Sprintf("%s chose %v of %d", e.Scheduler, e.Dest.DestKey, len(e.Candidates)))
		case Changed:
			got = append(got, fmt.Sprintf("%s, server %d", e.Why, e.Conn.DPort))
		case Moved:
			got = append(got, fmt.Sprintf("%s: %d to %d, active %+d", e.Event, e.From, e.To, e.Active))
		}
	})
	w.Hook(LocalIn, p)
	want := "looked for 1024>80: false\nlooked for 1024>80: false\nservice TCP 203.0.113.10:80, mark 5, port 80\n" +
		"wlc chose 10.1.0.11:8080 of 2\ncreated, server 8080\nsyn: 0 to 3, active +1"
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("%s\nwant\n%s", s, want)
	}
}
