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

// persistent is a service with rr, so that a second connection would go
// elsewhere.
func persistent(s svc) svc {
	s.flags |= sched.Persistent
	if s.timeout == 0 {
		s.timeout = 300
	}
	return s
}

// templates lists the templates of a table.
func (w *world) templates() (all []string) {
	for _, c := range w.conns() {
		if t, ok := strings.CutPrefix(c, "template "); ok {
			all = append(all, t)
		}
	}
	return all
}

// A client's connections go where its first one went, as far as the template
// reaches.
//
// Features: C4, P1, P2, P5, F1.
func TestPersistence(t *testing.T) {
	type packets struct {
		n     int    // client
		port  uint16 // of the service
		mark  uint32
		proto uint8
		want  string // server and port
	}
	const tcp, udp = packet.ProtoTCP, packet.ProtoUDP
	for _, c := range []struct {
		name      string
		svc       svc
		servers   []string
		packets   []packets
		templates []string
	}{
		{
			"a service", svc{}, []string{rs4, "10.1.0.12"},
			[]packets{{1, 80, 0, tcp, "10.1.0.12:8080"}, {1, 80, 0, tcp, "10.1.0.12:8080"}, {2, 80, 0, tcp, "10.1.0.11:8080"}, {1, 80, 0, tcp, "10.1.0.12:8080"}},
			[]string{"TCP NONE 198.51.100.1:0 203.0.113.10:80 10.1.0.12:8080", "TCP NONE 198.51.100.2:0 203.0.113.10:80 10.1.0.11:8080"},
		},
		{
			"clients of a network together", svc{netmask: 0xfffffffc}, []string{rs4, "10.1.0.12"},
			[]packets{{1, 80, 0, tcp, "10.1.0.12:8080"}, {3, 80, 0, tcp, "10.1.0.12:8080"}, {4, 80, 0, tcp, "10.1.0.11:8080"}},
			[]string{"TCP NONE 198.51.100.0:0 203.0.113.10:80 10.1.0.12:8080", "TCP NONE 198.51.100.4:0 203.0.113.10:80 10.1.0.11:8080"},
		},
		{
			"all ports", svc{port: portAny}, []string{rs4 + "|0", "10.1.0.12|0"},
			[]packets{{1, 80, 0, tcp, "10.1.0.12:80"}, {1, 443, 0, tcp, "10.1.0.12:443"}, {2, 443, 0, tcp, "10.1.0.11:443"}},
			[]string{"TCP NONE 198.51.100.1:0 203.0.113.10:0 10.1.0.12:0", "TCP NONE 198.51.100.2:0 203.0.113.10:0 10.1.0.11:0"},
		},
		{
			"a mark", svc{mark: 7}, []string{rs4 + "|0", "10.1.0.12|8080"},
			[]packets{{1, 80, 7, tcp, "10.1.0.12:80"}, {1, 443, 7, tcp, "10.1.0.12:443"}, {1, 53, 7, udp, "10.1.0.12:53"}, {2, 80, 7, tcp, "10.1.0.11:80"}},
			[]string{"IP NONE 198.51.100.1:0 0.0.0.7:0 10.1.0.12:0", "IP NONE 198.51.100.2:0 0.0.0.7:0 10.1.0.11:0"},
		},
		{
			// FTP's template has all ports: active and passive data go the same way.
			"FTP", svc{port: 21}, []string{rs4 + "|2121", "10.1.0.12|2121"},
			[]packets{{1, 21, 0, tcp, "10.1.0.12:2121"}, {1, 20000, 0, tcp, "10.1.0.12:20000"}, {2, 20000, 0, tcp, "10.1.0.11:20000"}, {2, 21, 0, tcp, "10.1.0.11:2121"}},
			[]string{"TCP NONE 198.51.100.1:0 203.0.113.10:0 10.1.0.12:0", "TCP NONE 198.51.100.2:0 203.0.113.10:0 10.1.0.11:0"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			persistent(c.svc).add(w, c.servers...)
			for i, q := range c.packets {
				b := from(q.n).TCP(uint16(1000+i), q.port, syn, nil)
				if q.proto == udp {
					b = from(q.n).UDP(uint16(1000+i), q.port, nil)
				}
				p := packettest.Arrived(b, true)
				p.Mark = q.mark
				if got, want := w.hook(LocalIn, p), fmt.Sprintf("STOLEN request: 198.51.100.%d:%d > %s", q.n, 1000+i, q.want); got != want {
					t.Errorf("packet %d: %s\nwant %s", i, got, want)
				}
			}
			if d := cmp.Diff(c.templates, w.templates()); d != "" {
				t.Errorf("templates: -want +got:\n%s", d)
			}
		})
	}
}

// Features: P1.
func TestPersistence6(t *testing.T) {
	w := newWorld(t)
	persistent(svc{vip: vip6, netmask: 126}).add(w, rs6, "2001:db8:1::c")
	open := func(n int, port uint16) func() string {
		return func() string { return w.in(from6(n).TCP(port, 80, syn, nil)) }
	}
	w.steps(
		step{open(1, 1), "STOLEN request: [2001:db8:c::1]:1 > [2001:db8:1::c]:8080"},
		step{open(3, 2), "STOLEN request: [2001:db8:c::3]:2 > [2001:db8:1::c]:8080"},
		step{open(4, 3), "STOLEN request: [2001:db8:c::4]:3 > [2001:db8:1::b]:8080"},
	)
	if d := cmp.Diff([]string{"TCP NONE 2001:db8:c:::0 2001:db8:f::10:80 2001:db8:1::c:8080", "TCP NONE 2001:db8:c::4:0 2001:db8:f::10:80 2001:db8:1::b:8080"}, w.templates()); d != "" {
		t.Errorf("templates: -want +got:\n%s", d)
	}
}

// A template lasts as long after the client's last new connection as the service
// says, and at least while it has connections.
//
// Features: P3.
func TestPersistenceTimeout(t *testing.T) {
	w := newWorld(t)
	persistent(svc{proto: packet.ProtoUDP, timeout: 30}).add(w, rs4, "10.1.0.12")
	if err := w.SetTimeouts(0, 0, 100*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		after     time.Duration
		port      uint16 // a packet with this port
		server    string
		templates int
	}{
		{0, 1, "10.1.0.12", 1},
		{20 * time.Second, 2, "10.1.0.12", 1}, // at 20 s
		{29 * time.Second, 3, "10.1.0.12", 1}, // at 49: renewed
		{90 * time.Second, 0, "", 1},          // at 139: it has connections
		{15 * time.Second, 0, "", 1},          // at 154: they are gone, it is looked at each minute
		{60 * time.Second, 0, "", 0},
		{time.Second, 4, "10.1.0.11", 1},
	} {
		w.after(s.after)
		if s.port != 0 {
			want := fmt.Sprintf("STOLEN request: 198.51.100.1:%d > %s:8080", s.port, s.server)
			if got := w.udp(1, s.port)(); got != want {
				t.Errorf("at %v: %s\nwant %s", w.Now(), got, want)
			}
		}
		if got := len(w.templates()); got != s.templates {
			t.Errorf("at %v: %d templates, want %d", w.Now(), got, s.templates)
		}
	}
}

// A template whose server can't be used any more gives way to a new one.
//
// Features: P4.
func TestPersistenceServerGone(t *testing.T) {
	w := newWorld(t)
	k := persistent(svc{}).add(w, rs4, "10.1.0.12")
	w.steps(
		step{w.syn(1, 1), "STOLEN request: 198.51.100.1:1 > 10.1.0.12:8080"},
		quietly(func() { w.delDest(k, "10.1.0.12") }),
		step{w.syn(1, 2), "STOLEN request: 198.51.100.1:2 > 10.1.0.11:8080"},
		quietly(func() { w.addDest(k, "10.1.0.12") }),
		step{w.syn(1, 3), "STOLEN request: 198.51.100.1:3 > 10.1.0.11:8080"},
	)
	if d := cmp.Diff([]string{
		"TCP NONE 198.51.100.1:0 203.0.113.10:65535 10.1.0.12:65535",
		"TCP NONE 198.51.100.1:0 203.0.113.10:80 10.1.0.11:8080",
	}, w.templates()); d != "" {
		t.Errorf("templates: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"10.1.0.12 1 0 1", "10.1.0.11 2 0 1"}, w.servers(k)); d != "" {
		t.Errorf("servers: -want +got:\n%s", d)
	}
	// And if there is none: no destination.
	w.delDest(k, "10.1.0.12")
	w.delDest(k, rs4)
	w.steps(step{w.syn(1, 4), "DROP no-destination: 203.0.113.10 > 198.51.100.1 ICMP 3/3"})
}

// A quiesced server keeps its persistent clients, unless
// expire_quiescent_template says otherwise.
//
// Features: P4.
func TestPersistenceQuiescent(t *testing.T) {
	for setting, want := range map[string]string{"0": "10.1.0.12", "1": "10.1.0.11"} {
		w := newWorld(t)
		k := persistent(svc{}).add(w, rs4, "10.1.0.12")
		w.set("expire_quiescent_template=" + setting)
		w.steps(
			step{w.syn(1, 1), "STOLEN request: 198.51.100.1:1 > 10.1.0.12:8080"},
			quietly(func() { w.editDest(k, "10.1.0.12 -w 0") }),
			step{w.syn(1, 2), "STOLEN request: 198.51.100.1:2 > " + want + ":8080"},
			step{w.ack(1, 1), "STOLEN request: 198.51.100.1:1 > 10.1.0.12:8080"},
		)
	}
}

// A persistent service for single packets counts them with the template.
//
// Features: O1.
func TestPersistenceOnePacket(t *testing.T) {
	w := newWorld(t)
	k := persistent(svc{proto: packet.ProtoUDP, flags: sched.OnePacket}).add(w, rs4, "10.1.0.12")
	for range 3 {
		w.steps(step{w.udp(1, 1), "STOLEN request: 198.51.100.1:1 > 10.1.0.12:8080"})
	}
	if d := cmp.Diff([]string{"template UDP NONE 198.51.100.1:0 203.0.113.10:80 10.1.0.12:8080"}, w.conns()); d != "" {
		t.Errorf("connections: -want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"10.1.0.12 0 0 1", "10.1.0.11 0 0 0"}, w.servers(k)); d != "" {
		t.Errorf("servers: -want +got:\n%s", d)
	}
	w.after(400 * time.Second)
	if c := w.conns(); len(c) != 0 {
		t.Errorf("left: %v", c)
	}
}

// An established connection assures the template.
//
// Features: P5.
func TestPersistenceAssured(t *testing.T) {
	w := newWorld(t)
	persistent(svc{}).add(w, rs4)
	w.syn(1, 1)()
	if d := cmp.Diff([]string{"TCP NONE 198.51.100.1:0 203.0.113.10:80 10.1.0.11:8080"}, w.templates()); d != "" {
		t.Error(d)
	}
	w.ack(1, 1)()
	if d := cmp.Diff([]string{"TCP ASSURED 198.51.100.1:0 203.0.113.10:80 10.1.0.11:8080"}, w.templates()); d != "" {
		t.Error(d)
	}
}

// The engine sip keeps a call together, whatever the client's port; what is no
// request with a Call-ID is dropped.
//
// Features: P6.
func TestPersistenceSIP(t *testing.T) {
	w := newWorld(t)
	persistent(svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}).add(w, rs4+"|5060", "10.1.0.12|5060")
	call := func(n int, port uint16, id string) func() string {
		return func() string {
			return w.in(from(n).UDP(port, 5060, []byte("INVITE sip:b@example.net SIP/2.0\r\nCall-ID: "+id+"\r\n\r\n")))
		}
	}
	w.steps(
		step{call(1, 1, "a@x"), "STOLEN request: 198.51.100.1:1 > 10.1.0.12:5060"},
		step{call(1, 2, "b@x"), "STOLEN request: 198.51.100.1:2 > 10.1.0.11:5060"},
		step{call(1, 3, "a@x"), "STOLEN request: 198.51.100.1:3 > 10.1.0.12:5060"},
		step{call(2, 4, "a@x"), "STOLEN request: 198.51.100.2:4 > 10.1.0.12:5060"}, // another call
		step{func() string { return w.in(from(1).UDP(9, 5060, []byte("hello"))) }, "DROP persistence-engine"},
	)
	if got := len(w.templates()); got != 3 {
		t.Errorf("%d templates", got)
	}
}
