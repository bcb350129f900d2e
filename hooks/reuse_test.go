package hooks

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

const (
	fin = packettest.FIN | packettest.ACK
	rst = packettest.RST
	ack = packettest.ACK
	syn = packettest.SYN
)

// A SYN to a connection that is as good as over gets a new one, from the
// scheduler, unless the connection is persistent's or FTP's.
//
// Features: 1.1.
func TestConnReuse(t *testing.T) {
	// The ways into a state, after the SYN went to the first server.
	states := map[string]func(w *world){
		"SYN_RECV":    func(*world) {},
		"ESTABLISHED": func(w *world) { w.ack(1, 1024)() },
		"FIN_WAIT": func(w *world) {
			w.ack(1, 1024)()
			w.reply("10.1.0.12", 1, 1024, fin)()
		},
		"CLOSE_WAIT": func(w *world) {
			w.ack(1, 1024)()
			w.tcp(1, 1024, fin)()
		},
		"TIME_WAIT": func(w *world) {
			w.ack(1, 1024)()
			w.tcp(1, 1024, fin)()
			w.reply("10.1.0.12", 1, 1024, fin)()
		},
		"CLOSE": func(w *world) {
			w.ack(1, 1024)()
			w.tcp(1, 1024, rst)()
		},
	}
	for _, c := range []struct {
		mode, state string
		reused      bool
	}{
		{"0", "TIME_WAIT", false},
		{"0", "CLOSE", false},
		{"1", "SYN_RECV", false},
		{"1", "ESTABLISHED", false},
		{"1", "FIN_WAIT", false},
		{"1", "CLOSE_WAIT", false},
		{"1", "TIME_WAIT", true},
		{"1", "CLOSE", true},
		{"2", "TIME_WAIT", true},
		{"2", "FIN_WAIT", false}, // a reply was seen
		{"3", "CLOSE", true},
	} {
		t.Run(c.mode+" "+c.state, func(t *testing.T) {
			w := newWorld(t)
			svc{}.add(w, rs4, "10.1.0.12")
			w.set("conn_reuse_mode=" + c.mode)
			w.syn(1, 1024)()
			states[c.state](w)
			if got := w.conn(1, 1024, packet.ProtoTCP).StateName(); got != c.state {
				t.Fatalf("state %s", got)
			}
			want := "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"
			if c.reused {
				want = to11
			}
			w.steps(step{w.syn(1, 1024), want})
			w.after(time.Second)
			if n := len(w.conns()); n != 1 {
				t.Errorf("then there are %v", w.conns())
			}
		})
	}
}

// Mode 2 also takes FIN_WAIT for over where replies don't pass here.
//
// Features: 1.1.
func TestConnReuseDR(t *testing.T) {
	for mode, want := range map[string]string{
		"1": "STOLEN request: 198.51.100.1:1024 > 203.0.113.10:80 via 10.1.0.12",
		"2": "STOLEN request: 198.51.100.1:1024 > 203.0.113.10:80 via 10.1.0.11",
	} {
		w := newWorld(t)
		svc{}.add(w, rs4+"|80 -g", "10.1.0.12|80 -g")
		w.set("conn_reuse_mode=" + mode)
		w.syn(1, 1024)()
		w.ack(1, 1024)()
		w.tcp(1, 1024, fin)()
		w.steps(step{w.syn(1, 1024), want})
	}
}

// Features: 1.1.
func TestConnReuseNot(t *testing.T) {
	// A connection of a persistent service stays with its server.
	w := newWorld(t)
	svc{flags: sched.Persistent, timeout: 300}.add(w, rs4, "10.1.0.12")
	w.syn(1, 1024)()
	w.ack(1, 1024)()
	w.tcp(1, 1024, rst)()
	w.steps(step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"})
	if got := w.conn(1, 1024, packet.ProtoTCP).StateName(); got != "SYN_RECV" {
		t.Errorf("state %s", got)
	}

	// Where the kernel's tracking still has the old connection the SYN is dropped:
	// the client's next one finds neither.
	w = newWorld(t)
	svc{}.add(w, rs4, "10.1.0.12")
	w.syn(1, 1024)()
	w.ack(1, 1024)()
	w.tcp(1, 1024, rst)()
	tracked := packettest.Arrived(from(1).TCP(1024, 80, syn, nil), true)
	tracked.Tracked = true
	w.steps(
		step{func() string { return w.hook(LocalIn, tracked) }, "DROP old-conntrack"},
		quietly(func() { w.after(time.Second) }),
		step{w.syn(1, 1024), to11},
	)
}

// SCTP: an INIT to a closed association.
//
// Features: 1.1.
func TestConnReuseSCTP(t *testing.T) {
	w := newWorld(t)
	svc{proto: packet.ProtoSCTP}.add(w, rs4, "10.1.0.12")
	send := func(kind byte) func() string {
		return func() string { return w.in(from(1).SCTP(1024, 80, packettest.Chunk(kind))) }
	}
	w.steps(
		step{send(1), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{send(0), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{send(1), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{send(6), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{send(1), to11},
	)
}

// After its server was deleted a connection's packets are dropped, until the
// server is back; replies are still translated.
//
// Features: 1.1, C11.
func TestServerGone(t *testing.T) {
	w := newWorld(t)
	k := svc{}.add(w, rs4, "10.1.0.12")
	w.steps(
		step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		quietly(func() { w.delDest(k, "10.1.0.12") }),
		step{w.ack(1, 1024), "DROP server-gone"},
		step{w.syn(1, 1024), "DROP server-gone"},
		step{w.reply("10.1.0.12", 1, 1024, ack), "ACCEPT reply: 203.0.113.10:80 > 198.51.100.1:1024"},
		quietly(func() { w.addDest(k, "10.1.0.12") }),
		step{w.ack(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
	)
	if d := cmp.Diff([]string{"10.1.0.12 1 0 0", "10.1.0.11 0 0 0"}, w.servers(k)); d != "" {
		t.Errorf("servers: -want +got:\n%s", d)
	}
}

// With expire_nodest_conn the connections of a deleted server end with the next
// tick, and already their next packet is like one of no connection.
//
// Features: 1.1, C12.
func TestExpireNoDestConn(t *testing.T) {
	w := newWorld(t)
	w.set("expire_nodest_conn=1")
	k := svc{}.add(w, rs4, "10.1.0.12")
	ku := svc{proto: packet.ProtoUDP}.add(w, rs4, "10.1.0.12")
	w.steps(
		step{w.syn(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		step{w.syn(2, 1024), "STOLEN request: 198.51.100.2:1024 > 10.1.0.11:8080"},
		step{w.syn(3, 1024), "STOLEN request: 198.51.100.3:1024 > 10.1.0.12:8080"},
		step{w.udp(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
		quietly(func() { w.delDest(k, "10.1.0.12"); w.delDest(ku, "10.1.0.12") }),
		step{w.ack(1, 1024), "ACCEPT not-opening"},
		step{w.ack(2, 1024), "STOLEN request: 198.51.100.2:1024 > 10.1.0.11:8080"},
		step{w.udp(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.11:8080"},
		quietly(func() { w.after(8 * time.Millisecond) }),
	)
	want := []string{
		"TCP ESTABLISHED 198.51.100.2:1024 203.0.113.10:80 10.1.0.11:8080",
		"UDP UDP 198.51.100.1:1024 203.0.113.10:80 10.1.0.11:8080",
	}
	if d := cmp.Diff(want, w.conns()); d != "" {
		t.Errorf("connections: -want +got:\n%s", d)
	}
	// Whoever the kernel's tracking still knows has to try again.
	w.delDest(ku, rs4)
	p := packettest.Arrived(from(1).UDP(1024, 80, nil), true)
	p.Tracked = true
	if got := w.hook(LocalIn, p); got != "DROP old-conntrack" {
		t.Error(got)
	}
}

// With expire_nodest_conn a SYN leaves a server of weight 0, too.
//
// Features: Q1.
func TestExpireNoDestConnWeight0(t *testing.T) {
	for setting, want := range map[string]string{
		"0": "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080",
		"1": to11,
	} {
		w := newWorld(t)
		w.set("expire_nodest_conn=" + setting)
		k := svc{}.add(w, rs4, "10.1.0.12")
		w.syn(1, 1024)()
		w.editDest(k, "10.1.0.12 -w 0")
		w.steps(
			step{w.ack(1, 1024), "STOLEN request: 198.51.100.1:1024 > 10.1.0.12:8080"},
			step{w.syn(1, 1024), want},
		)
	}
}

// Persistent connections and their templates go, too, assured or not.
//
// Features: C12.
func TestExpireNoDestConnPersistent(t *testing.T) {
	for _, established := range []bool{false, true} {
		w := newWorld(t)
		w.set("expire_nodest_conn=1")
		k := svc{flags: sched.Persistent, timeout: 300}.add(w, rs4)
		w.syn(1, 1024)()
		if established {
			w.ack(1, 1024)()
		}
		w.delDest(k, rs4)
		w.after(8 * time.Millisecond)
		if c := w.conns(); len(c) != 0 {
			t.Errorf("established %v: left are %v", established, c)
		}
	}
}

// Upper and lower thresholds.
//
// Features: T1.
func TestThresholds(t *testing.T) {
	for _, c := range []struct {
		limits string
		opens  int // connections until the server takes no more
		again  int // connections left when it does again
	}{
		{"-x 4", 4, 2},      // three quarters
		{"-x 4 -y 2", 4, 1}, // below the lower one
		{"-x 1", 1, 0},
		{"-x 0", 10, 10},
	} {
		t.Run(c.limits, func(t *testing.T) {
			w := newWorld(t)
			svc{}.add(w, rs4+" "+c.limits)
			opened := 0
			for opened < 10 && w.syn(1, uint16(1000+opened))() == fmt.Sprintf("STOLEN request: 198.51.100.1:%d > 10.1.0.11:8080", 1000+opened) {
				opened++
			}
			if opened != c.opens {
				t.Fatalf("%d connections", opened)
			}
			if opened == 10 {
				return
			}
			refused := "DROP no-destination: 203.0.113.10 > 198.51.100.1 ICMP 3/3"
			w.steps(step{w.syn(1, 2000), refused}, step{w.ack(1, 1000), "STOLEN request: 198.51.100.1:1000 > 10.1.0.11:8080"})
			// Each connection ends a while after the one before.
			for left := opened; left > c.again; left-- {
				w.steps(step{w.syn(1, 2000), refused})
				w.ack(1, uint16(1000+left-1))()
				w.tcp(1, uint16(1000+left-1), rst)()
				w.after(11 * time.Second)
			}
			w.steps(step{w.syn(1, 2000), "STOLEN request: 198.51.100.1:2000 > 10.1.0.11:8080"})
		})
	}
}

// A control connection that is over but still has data connections isn't ended
// by a SYN; the SYN gets a new one beside it, unless the kernel's tracking has
// the old.
func TestConnReuseControlling(t *testing.T) {
	w := newWorld(t)
	c := newControl(w, false)
	c.say("PORT 198,51,100,1,40,1\r\n", "200 ok\r\n")
	c.fromClient(rst, "")
	again := from(1).TCP(3000, 21, syn, nil)
	tracked := packettest.Arrived(again, true)
	tracked.Tracked = true
	old := []string{
		"TCP CLOSE 198.51.100.1:3000 203.0.113.10:21 10.1.0.11:21",
		"TCP LISTEN 198.51.100.1:10241 203.0.113.10:20 10.1.0.11:20",
	}
	w.steps(step{func() string { return w.hook(LocalIn, tracked) }, "STOLEN request: 198.51.100.1:3000 > 10.1.0.11:21"})
	if d := cmp.Diff([]string{"TCP SYN_RECV 198.51.100.1:3000 203.0.113.10:21 10.1.0.11:21", old[1]}, w.conns()); d != "" {
		t.Errorf("tracked: -want +got:\n%s", d)
	}
	c.fromClient(ack, "")
	c.fromClient(rst, "")
	w.steps(step{func() string { return w.in(again) }, "STOLEN request: 198.51.100.1:3000 > 10.1.0.11:21"})
	if d := cmp.Diff(append(old, "TCP SYN_RECV 198.51.100.1:3000 203.0.113.10:21 10.1.0.11:21"), w.conns()); d != "" {
		t.Errorf("not tracked: -want +got:\n%s", d)
	}
}
