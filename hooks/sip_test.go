package hooks

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// Features: P6.
func TestCallID(t *testing.T) {
	for _, c := range []struct{ name, msg, want string }{
		{"usual", "INVITE sip:b SIP/2.0\r\nCall-ID: a84b4c76e66710@pc33.example.net\r\n\r\n", "a84b4c76e66710@pc33.example.net"},
		{"with a letter of ISO 8859-1", "X\r\nCall-ID: a\xe7b@\xc0\r\n", "a\xe7b@\xc0"},
		{"with a sign of ISO 8859-1", "X\r\nCall-ID: a\xd7b\r\n", ""},
		{"without a host", "X\r\nCall-ID: abc\r\n", "abc"},
		{"without a blank", "X\r\nCall-ID:abc\r\n", "abc"},
		{"blanks around the colon", "X\r\nCall-ID  : \t abc\r\n", "abc"},
		{"in any letters", "X\r\ncALL-id: abc\r\n", "abc"},
		{"short form", "X\r\ni: abc\r\n", "abc"},
		{"short form in a capital", "X\r\nI:abc\r\n", "abc"},
		{"another header with i", "X\r\nin: x\r\ni: abc\r\n", "abc"},
		{"LF only", "X\nCall-ID: abc\n", "abc"},
		{"on the next line", "X\r\nCall-ID:\r\n abc\r\n", "abc"},
		{"special characters", "X\r\ni: -.!%*_+`'~()<>:\\\"/[]?{}@x\r\n", "-.!%*_+`'~()<>:\\\"/[]?{}@x"},
		{"after others", "X\r\nVia: y\r\nTo: z\r\nCall-ID: abc\r\n", "abc"},
		{"the first of two", "X\r\nCall-ID: a\r\nCall-ID: b\r\n", "a"},
		{"in a continued line it is no header", "X\r\nVia: y\r\n Call-ID: abc\r\n", ""},
		{"in the first line it is none", "Call-ID: abc\r\n", ""},
		{"none", "X\r\nVia: y\r\n\r\n", ""},
		{"without an end of line", "X\r\nCall-ID: abc", ""},
		{"more behind it", "X\r\nCall-ID: abc def\r\n", ""},
		{"empty", "X\r\nCall-ID: \r\n", ""},
		{"no colon", "X\r\nCall-ID abc\r\n", ""},
		{"255 long", "X\r\ni: " + strings.Repeat("a", 255) + "\r\n", strings.Repeat("a", 255)},
		{"256 long", "X\r\ni: " + strings.Repeat("a", 256) + "\r\n", ""},
		{"nothing", "", ""},
	} {
		if got := string(callID([]byte(c.msg))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A request that a server starts makes the connection by which the answer finds
// it, and its template, so that the call stays with the server.
//
// Features: P6.
func TestServerStartsCall(t *testing.T) {
	invite := []byte("INVITE sip:a SIP/2.0\r\nCall-ID: s@h\r\n\r\n")
	fromRS := packettest.IP{Src: rs4, Dst: client4}
	for _, c := range []struct {
		name    string
		svc     svc
		packet  []byte
		pt      Point
		want    string
		entries []string
	}{
		{"persistent", persistent(svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}), fromRS.UDP(5061, 3000, invite), Forward,
			"ACCEPT reply: 203.0.113.10:5060 > 198.51.100.1:3000",
			[]string{"template UDP ASSURED 198.51.100.1:0 203.0.113.10:5060 10.1.0.11:5061", "UDP UDP 198.51.100.1:3000 203.0.113.10:5060 10.1.0.11:5061"}},
		{"not persistent", svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}, fromRS.UDP(5061, 3000, invite), Forward,
			"ACCEPT reply: 203.0.113.10:5060 > 198.51.100.1:3000",
			[]string{"UDP UDP 198.51.100.1:3000 203.0.113.10:5060 10.1.0.11:5061"}},
		{"one packet", persistent(svc{proto: packet.ProtoUDP, port: 5060, pe: "sip", flags: sched.OnePacket}), fromRS.UDP(5061, 3000, invite), Forward,
			"ACCEPT reply: 203.0.113.10:5060 > 198.51.100.1:3000",
			[]string{"template UDP ASSURED 198.51.100.1:0 203.0.113.10:5060 10.1.0.11:5061"}},
		{"on this host", svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}, fromRS.UDP(5061, 3000, invite), LocalOut,
			"ACCEPT already-ours: 203.0.113.10:5060 > 198.51.100.1:3000",
			[]string{"UDP UDP 198.51.100.1:3000 203.0.113.10:5060 10.1.0.11:5061"}},
		{"arriving", svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}, fromRS.UDP(5061, 3000, invite), LocalIn, "ACCEPT no-service", nil},
		{"without a Call-ID", persistent(svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}), fromRS.UDP(5061, 3000, []byte("x")), Forward, "ACCEPT no-connection", nil},
		{"from another port", svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}, fromRS.UDP(5062, 3000, invite), Forward, "ACCEPT no-connection", nil},
		{"of a service without engine", svc{proto: packet.ProtoUDP, port: 5060}, fromRS.UDP(5061, 3000, invite), Forward, "ACCEPT no-connection", nil},
		{"of a service by mark", svc{mark: 7, pe: "sip"}, fromRS.UDP(5061, 3000, invite), Forward, "ACCEPT no-connection", nil},
		{"TCP", svc{port: 5060, pe: "sip"}, fromRS.TCP(5061, 3000, syn, nil), Forward, "ACCEPT no-connection", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.svc.add(w, rs4+"|5061")
			p := packettest.Arrived(c.packet, c.pt != Forward)
			if got := w.hook(c.pt, p); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			if d := cmp.Diff(c.entries, w.conns()); d != "" {
				t.Errorf("connections: -want +got:\n%s", d)
			}
		})
	}

	// The client's answer and what follows in the call go to the server; a template
	// to another server gives way.
	w := newWorld(t)
	persistent(svc{proto: packet.ProtoUDP, port: 5060, pe: "sip"}).add(w, rs4+"|5061", "10.1.0.12|5061")
	send := func(port uint16) func() string {
		return func() string { return w.in(from(1).UDP(port, 5060, invite)) }
	}
	start := func(server string) func() string {
		return func() string { return w.fwd(packettest.IP{Src: server, Dst: client4}.UDP(5061, 3000, invite)) }
	}
	w.steps(
		step{start(rs4), "ACCEPT reply: 203.0.113.10:5060 > 198.51.100.1:3000"},
		step{send(3000), "STOLEN request: 198.51.100.1:3000 > 10.1.0.11:5061"},
		step{send(3001), "STOLEN request: 198.51.100.1:3001 > 10.1.0.11:5061"},
		step{start("10.1.0.12"), "ACCEPT reply: 203.0.113.10:5060 > 198.51.100.1:3000"},
		step{send(3002), "STOLEN request: 198.51.100.1:3002 > 10.1.0.12:5061"},
	)
}
