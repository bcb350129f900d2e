package hooks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// A client on the director itself: its requests are taken at LOCAL_OUT, the
// replies at LOCAL_IN.
//
// Features: H1, H4, 17.
func TestLocalClient(t *testing.T) {
	const own = "192.0.2.1"
	for method, want := range map[string]string{
		"|8080 -m": "STOLEN request: 192.0.2.1:1024 > 10.1.0.11:8080",
		"|80 -g":   "STOLEN request: 192.0.2.1:1024 > 203.0.113.10:80 via 10.1.0.11",
		"|80 -i":   "STOLEN request: 10.1.0.1 > 10.1.0.11 IP_4",
	} {
		w := newWorld(t)
		svc{}.add(w, rs4+method)
		w.steps(step{func() string { return w.out(packettest.IP{Src: own, Dst: vip4}.TCP(1024, 80, syn, nil)) }, want})
	}
	w := newWorld(t)
	svc{}.add(w, rs4)
	w.steps(
		step{func() string { return w.out(packettest.IP{Src: own, Dst: vip4}.TCP(1024, 80, syn, nil)) },
			"STOLEN request: 192.0.2.1:1024 > 10.1.0.11:8080"},
		step{func() string { return w.in(packettest.IP{Src: rs4, Dst: own}.TCP(8080, 1024, syn|ack, nil)) },
			"ACCEPT already-ours: 203.0.113.10:80 > 192.0.2.1:1024"},
	)
}

// A local client's source address chooses the server as another client's does.
//
// Features: 17.
func TestLocalClientHash(t *testing.T) {
	chosen := map[string]bool{}
	for n := 1; n < 9; n++ {
		src := fmt.Sprintf("192.0.2.%d", n)
		b := packettest.IP{Src: src, Dst: vip4}.TCP(1024, 80, syn, nil)
		var w [2]*world
		for i := range w {
			w[i] = newWorld(t)
			svc{sched: "sh"}.add(w[i], rs4, "10.1.0.12", "10.1.0.13")
		}
		arrived, made := w[0].in(b), w[1].out(b)
		if arrived != made {
			t.Errorf("arrived: %s\nmade here: %s", arrived, made)
		}
		_, server, _ := strings.Cut(arrived, " > ")
		chosen[server] = true
	}
	if len(chosen) < 2 {
		t.Errorf("chosen: %v", chosen)
	}
}

// A server on the director itself: the request goes on to it, and its reply is
// taken at LOCAL_OUT. With a local client both pass LOCAL_OUT.
//
// Features: H3, S7, X6, 17.
func TestLocalServer(t *testing.T) {
	const own = "192.0.2.1"
	for _, method := range []string{"-m", "-g", "-i"} {
		w := newWorld(t)
		server := "10.1.0.1|80 " + method
		svc{}.add(w, server)
		request, source := "203.0.113.10:80", vip4 // for DR and tunnels: as it came
		if method == "-m" {
			request, source = "10.1.0.1:80", "10.1.0.1"
		}
		w.steps(
			step{w.syn(1, 1024), "ACCEPT request: 198.51.100.1:1024 > " + request},
			step{func() string { return w.out(packettest.IP{Src: own, Dst: vip4}.TCP(1024, 80, syn, nil)) },
				"ACCEPT request: 192.0.2.1:1024 > " + request},
			step{func() string {
				return w.hook(LocalOut, packettest.Made(packettest.IP{Src: source, Dst: client4}.TCP(80, 1024, syn|ack, nil), false))
			}, "ACCEPT already-ours: 203.0.113.10:80 > 198.51.100.1:1024"},
			step{func() string { return w.out(packettest.IP{Src: source, Dst: own}.TCP(80, 1024, syn|ack, nil)) },
				"ACCEPT already-ours: 203.0.113.10:80 > 192.0.2.1:1024"},
		)
	}
}

// A server that is a client of its own service may get itself: its packet comes
// back to it with its own address, so that only source NAT behind IPVS makes the
// reply pass here.
//
// Features: 17.
func TestServerAsClient(t *testing.T) {
	w := newWorld(t)
	w.set("conntrack=1")
	svc{}.add(w, rs4)
	w.steps(step{func() string { return w.in(packettest.IP{Src: rs4, Dst: vip4}.TCP(1024, 80, syn, nil)) },
		"STOLEN request: 10.1.0.11:1024 > 10.1.0.11:8080"})
}

// Servers of the other family are reached through tunnels.
//
// Features: S6.
func TestOtherFamily(t *testing.T) {
	for server, want := range map[string]string{
		"|80 -i":          "STOLEN request: 10.1.0.1 > 10.1.0.11 IP_41",
		"|80 -i gue":      "STOLEN request: 10.1.0.1:PORT > 10.1.0.11:6080",
		"|80 -i gre csum": "STOLEN request: 10.1.0.1 > 10.1.0.11 IP_47",
	} {
		w := newWorld(t)
		svc{vip: vip6}.add(w, rs4+server)
		got := w.in(from6(1).TCP(1024, 80, syn, nil))
		if len(w.sent) == 1 && w.sent[0].Data()[9] == packet.ProtoUDP {
			var sport, dport int
			if _, err := fmt.Sscanf(got, "STOLEN request: 10.1.0.1:%d > 10.1.0.11:%d", &sport, &dport); err == nil {
				got = fmt.Sprintf("STOLEN request: 10.1.0.1:PORT > 10.1.0.11:%d", dport)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", server, got, want)
		}
	}
	w := newWorld(t)
	svc{}.add(w, rs6+"|80 -i")
	w.steps(step{w.syn(1, 1024), "STOLEN request: 2001:db8:1::1 > 2001:db8:1::b IP_4"})
}

// An edited service keeps its servers, connections and counters.
//
// Features: S8.
func TestEditService(t *testing.T) {
	w := newWorld(t)
	k := svc{}.add(w, rs4, "10.1.0.12")
	w.steps(step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"})
	w.after(2 * time.Second)
	before := w.figures(k)
	if err := w.EditService(sched.ServiceConfig{ServiceKey: k, Scheduler: "fo", Netmask: 0xffffff00, Flags: sched.Persistent, Timeout: 60}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, w.figures(k)); d != "" || len(before) != 4 {
		t.Errorf("figures: -before +after:\n%s", d)
	}
	w.steps(
		step{w.ack(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{w.syn(9, 1), "STOLEN request: 198.51.100.9:1 > 10.1.0.12:8080"}, // the first of equals
	)
	if d := cmp.Diff([]string{"TCP NONE 198.51.100.0:0 203.0.113.10:80 10.1.0.12:8080"}, w.templates()); d != "" {
		t.Errorf("templates: -want +got:\n%s", d)
	}
}

// Weight 0 quiesces a server: its connections go on, new ones go elsewhere.
//
// Features: Q1.
func TestQuiesced(t *testing.T) {
	w := newWorld(t)
	k := svc{}.add(w, rs4, "10.1.0.12")
	w.steps(
		step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		quietly(func() { w.editDest(k, "10.1.0.12 -w 0") }),
		step{w.ack(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{w.syn(2, 1), "STOLEN request: 198.51.100.2:1 > 10.1.0.11:8080"},
		step{w.syn(2, 2), "STOLEN request: 198.51.100.2:2 > 10.1.0.11:8080"},
		step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"}, // the same connection's
		step{w.reply("10.1.0.12", 1, 1024, ack), "ACCEPT reply: 203.0.113.10:80 > 198.51.100.1:1024"},
	)
}

// UDP: any datagram opens a connection, which lasts five minutes from its last
// packet.
//
// Features: 6.2.
func TestUDP(t *testing.T) {
	w := newWorld(t)
	svc{proto: packet.ProtoUDP}.add(w, rs4)
	w.steps(step{w.udp(1, 1024), to11})
	w.after(200 * time.Second)
	w.steps(step{w.fwdUDP(rs4, 1, 1024), "ACCEPT reply: 203.0.113.10:80 > 198.51.100.1:1024"})
	w.after(299 * time.Second)
	if d := cmp.Diff([]string{"UDP UDP 198.51.100.1:1024 203.0.113.10:80 10.1.0.11:8080"}, w.conns()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	w.after(20 * time.Second) // timers that long are some seconds late
	if c := w.conns(); len(c) != 0 {
		t.Errorf("left: %v", c)
	}
}
