package hooks

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

// control is an FTP control connection through the director: its ends count
// what they send and see.
type control struct {
	w                        *world
	client, vip, server      string
	cseq, sseq, csees, ssees uint32
	toServer, toClient       []byte // as they came out last
}

func newControl(w *world, six bool) *control {
	c := &control{w: w, client: client4, vip: vip4, server: rs4, cseq: 1000, sseq: 5000}
	if six {
		c.client, c.vip, c.server = client6, vip6, rs6
	}
	svc{vip: c.vip, port: 21}.add(w, c.server+"|21")
	c.fromClient(syn, "")
	c.fromServer(syn|ack, "")
	c.cseq++
	c.sseq++
	c.csees++
	c.ssees++
	c.fromClient(ack, "")
	return c
}

// segment makes a segment with numbers and a right checksum.
func segment(h packettest.IP, sport, dport uint16, flags byte, seq, acked uint32, text string) []byte {
	b := h.TCP(sport, dport, flags, []byte(text))
	n := len(b) - packet.SizeTCP - len(text)
	binary.BigEndian.PutUint32(b[n+4:], seq)
	binary.BigEndian.PutUint32(b[n+8:], acked)
	b[n+16], b[n+17] = 0, 0
	f := packettest.Family(h.Src)
	binary.BigEndian.PutUint16(b[n+16:], packet.TransportChecksum(f, packettest.Addr(h.Src), packettest.Addr(h.Dst), packet.ProtoTCP, b[n:]))
	return b
}

// numbers returns a segment's sequence and acknowledgement numbers and its text.
func numbers(b []byte) (seq, acked uint32, text string) {
	n := packet.SizeIPv4
	if b[0]>>4 == 6 {
		n = packet.SizeIPv6
	}
	return binary.BigEndian.Uint32(b[n+4:]), binary.BigEndian.Uint32(b[n+8:]), string(b[n+packet.SizeTCP:])
}

func (c *control) fromClient(flags byte, text string) {
	c.w.in(segment(packettest.IP{Src: c.client, Dst: c.vip}, 3000, 21, flags, c.cseq, c.csees, text))
	if len(c.w.sent) == 1 {
		c.toServer = c.w.sent[0].Data()
		seq, _, got := numbers(c.toServer)
		c.ssees = seq + uint32(len(got))
	}
	c.cseq += uint32(len(text))
}

func (c *control) fromServer(flags byte, text string) {
	p := packettest.Arrived(segment(packettest.IP{Src: c.server, Dst: c.client}, 21, 3000, flags, c.sseq, c.ssees, text), false)
	c.w.hook(Forward, p)
	c.toClient = p.Data()
	seq, _, got := numbers(c.toClient)
	c.csees = seq + uint32(len(got))
	c.sseq += uint32(len(text))
}

// say is a command and its answer, which is returned as the client gets it.
func (c *control) say(command, answer string) string {
	c.fromClient(ack, command)
	c.fromServer(ack, answer)
	c.fromClient(ack, "")
	_, _, text := numbers(c.toClient)
	if s := packettest.Text(c.toClient); strings.Contains(s, "wrong") {
		c.w.t.Error(s)
	}
	return text
}

// data lists the data connections.
func (c *control) data() []string { return append([]string(nil), c.w.conns()[1:]...) }

// What the helper makes of commands and answers.
//
// Features: 9.
func TestFTP(t *testing.T) {
	type exchange struct{ command, answer, want string } // want: the answer as the client gets it, if another
	for _, c := range []struct {
		name string
		six  bool
		said []exchange
		data []string
	}{
		{"PASV", false, []exchange{{"PASV\r\n", "227 Entering (10,1,0,11,100,5).\r\n", "227 Entering (203,0,113,10,100,5).\r\n"}},
			[]string{"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.11:25605"}},
		{"in small letters, no parentheses", false, []exchange{{"pasv\r\n", "227 at 10,1,0,11,100,5\r\n", "227 at 203,0,113,10,100,5\r\n"}},
			[]string{"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.11:25605"}},
		{"within a segment", false, []exchange{{"NOOP\r\nPASV\r\n", "227 (10,1,0,11,100,5)\r\n", "227 (203,0,113,10,100,5)\r\n"}},
			[]string{"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.11:25605"}},
		{"not to the line's end", false, []exchange{{"PASV", "227 (10,1,0,11,100,5)\r\n", ""}}, nil},
		{"nobody asked", false, []exchange{{"NOOP\r\n", "227 (10,1,0,11,100,5)\r\n", ""}}, nil},
		{"answered later", false, []exchange{{"PASV\r\n", "500 no\r\n", ""}, {"NOOP\r\n", "227 (10,1,0,11,100,5)\r\n", "227 (203,0,113,10,100,5)\r\n"}},
			[]string{"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.11:25605"}},
		{"no such number", false, []exchange{{"PASV\r\n", "227 (10,1,0,11,300,5)\r\n", ""}}, nil},
		{"too few numbers", false, []exchange{{"PASV\r\n", "227 (10,1,0,11,5)\r\n", ""}}, nil},
		{"another address of the server's", false, []exchange{{"PASV\r\n", "227 (10,1,0,99,100,5)\r\n", "227 (203,0,113,10,100,5)\r\n"}},
			[]string{"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.99:25605"}},
		{"the same again", false, []exchange{{"PASV\r\n", "227 (10,1,0,11,100,5)\r\n", "227 (203,0,113,10,100,5)\r\n"}, {"PASV\r\n", "227 (10,1,0,11,100,5)\r\n", "227 (203,0,113,10,100,5)\r\n"}},
			[]string{
				"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.11:25605",
			}},
		{"EPSV", false, []exchange{{"EPSV\r\n", "229 Extended (|||25605|)\r\n", ""}},
			[]string{"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.11:25605"}},
		{"EPSV 1", false, []exchange{{"EPSV 1\r\n", "229 (!!!25605!)\r\n", "229 (|||25605|)\r\n"}},
			[]string{"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.11:25605"}},
		{"EPSV, answered with an address", false, []exchange{{"EPSV\r\n", "229 (|1|10.1.0.12|25605|)\r\n", "229 (|||25605|)\r\n"}},
			[]string{"TCP LISTEN 198.51.100.1:0 203.0.113.10:25605 10.1.0.12:25605"}},
		{"EPSV 2 of IPv4", false, []exchange{{"EPSV 2\r\n", "229 (|||25605|)\r\n", ""}}, nil},
		{"EPSV ALL", false, []exchange{{"EPSV ALL\r\n", "229 (|||25605|)\r\n", ""}}, nil},
		{"EPSV, port 0", false, []exchange{{"EPSV\r\n", "229 (|||0|)\r\n", ""}}, nil},
		{"EPSV, no such port", false, []exchange{{"EPSV\r\n", "229 (|||65536|)\r\n", ""}}, nil},
		{"PORT", false, []exchange{{"PORT 198,51,100,1,40,1\r\n", "200 ok\r\n", ""}},
			[]string{"TCP LISTEN 198.51.100.1:10241 203.0.113.10:20 10.1.0.11:20"}},
		{"PORT, another host's", false, []exchange{{"PORT  198,51,100,2,40,1\r\n", "200 ok\r\n", ""}},
			[]string{"TCP LISTEN 198.51.100.2:10241 203.0.113.10:20 10.1.0.11:20"}},
		{"PORT before an EPSV of another family", false, []exchange{{"PORT 198,51,100,1,40,1\r\nEPSV 2\r\n", "200 ok\r\n", ""}}, nil},
		{"PORT cut off", false, []exchange{{"PORT 198,51,100,1,40,1", "200 ok\r\n", ""}}, nil},
		{"EPRT", false, []exchange{{"EPRT |1|198.051.100.1|010242|\r\n", "200 ok\r\n", ""}},
			[]string{"TCP LISTEN 198.51.100.1:10242 203.0.113.10:20 10.1.0.11:20"}},
		{"EPRT, another delimiter", false, []exchange{{"EPRT !1!198.51.100.1!10242!\r\n", "200 ok\r\n", ""}},
			[]string{"TCP LISTEN 198.51.100.1:10242 203.0.113.10:20 10.1.0.11:20"}},
		{"EPRT of another family", false, []exchange{{"EPRT |2|2001:db8::1|10242|\r\n", "200 ok\r\n", ""}}, nil},
		{"EPRT, no address", false, []exchange{{"EPRT |||10242|\r\n", "200 ok\r\n", ""}}, nil},
		{"EPRT, half an address", false, []exchange{{"EPRT |1|198.51.100|10242|\r\n", "200 ok\r\n", ""}, {"EPRT |1|198.51..1|10242|\r\n", "200 ok\r\n", ""}, {"EPRT |1|198.51.100.256|10242|\r\n", "200 ok\r\n", ""}}, nil},
		{"EPRT cut off", false, []exchange{{"EPRT |1|198.51.100.1|10242", "200 ok\r\n", ""}, {"EPRT |1", "200 ok\r\n", ""}, {"EPRT ", "200 ok\r\n", ""}, {"EPRT \x01", "200 ok\r\n", ""}}, nil},
		{"v6 EPSV", true, []exchange{{"EPSV\r\n", "229 (|||25605|)\r\n", ""}},
			[]string{"TCP LISTEN 2001:db8:c::1:0 2001:db8:f::10:25605 2001:db8:1::b:25605"}},
		{"v6 EPSV 2, answered with an address", true, []exchange{{"EPSV 2\r\n", "229 (|2|2001:db8:1::c|25605|)\r\n", "229 (|||25605|)\r\n"}},
			[]string{"TCP LISTEN 2001:db8:c::1:0 2001:db8:f::10:25605 2001:db8:1::c:25605"}},
		{"v6 EPSV 1", true, []exchange{{"EPSV 1\r\n", "229 (|||25605|)\r\n", ""}}, nil},
		{"v6 EPRT", true, []exchange{{"EPRT |2|2001:db8:c::1|10242|\r\n", "200 ok\r\n", ""}},
			[]string{"TCP LISTEN 2001:db8:c::1:10242 2001:db8:f::10:20 2001:db8:1::b:20"}},
		{"v6 EPRT with a zone", true, []exchange{{"EPRT |2|fe80::1%eth0|10242|\r\n", "200 ok\r\n", ""}}, nil},
		{"v6 EPRT of IPv4", true, []exchange{{"EPRT |2|192.0.2.1|10242|\r\n", "200 ok\r\n", ""}, {"EPRT |1|192.0.2.1|10242|\r\n", "200 ok\r\n", ""}}, nil},
		{"v6 PASV and PORT", true, []exchange{{"PASV\r\n", "227 (10,1,0,11,100,5)\r\n", ""}, {"PORT 198,51,100,1,40,1\r\n", "200 ok\r\n", ""}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctl := newControl(newWorld(t), c.six)
			for _, x := range c.said {
				if x.want == "" {
					x.want = x.answer
				}
				if got := ctl.say(x.command, x.answer); got != x.want {
					t.Errorf("%q answered with %q, want %q", x.command, got, x.want)
				}
			}
			if d := cmp.Diff(c.data, ctl.data()); d != "" {
				t.Errorf("data connections: -want +got:\n%s", d)
			}
		})
	}
}

// The client's first packet to the announced port gives the data connection its
// port; the server's to the client's announced port finds it.
//
// Features: 9.
func TestFTPData(t *testing.T) {
	w := newWorld(t)
	c := newControl(w, false)
	c.say("PASV\r\n", "227 (10,1,0,11,100,5)\r\n")
	w.steps(
		step{func() string { return w.in(from(1).TCP(3100, 25605, syn, nil)) }, "STOLEN request: 198.51.100.1:3100 > 10.1.0.11:25605"},
		step{func() string {
			return w.fwd(packettest.IP{Src: rs4, Dst: client4}.TCP(25605, 3100, syn|ack, nil))
		}, "ACCEPT reply: 203.0.113.10:25605 > 198.51.100.1:3100"},
		step{func() string { return w.in(from(1).TCP(3101, 25605, syn, nil)) }, "ACCEPT ftp-neighbour"},
	)
	c.say("PORT 198,51,100,1,40,1\r\n", "200 ok\r\n")
	w.steps(
		step{func() string { return w.fwd(packettest.IP{Src: rs4, Dst: client4}.TCP(20, 10241, syn, nil)) }, "ACCEPT reply: 203.0.113.10:20 > 198.51.100.1:10241"},
		step{func() string { return w.in(from(1).TCP(10241, 20, syn|ack, nil)) }, "STOLEN request: 198.51.100.1:10241 > 10.1.0.11:20"},
	)
	// While a data connection is there the control connection stays.
	ctl := w.conns()[0]
	for range 2 {
		w.in(from(1).TCP(3100, 25605, ack, nil))
		w.after(500e9)
	}
	if got := w.conns(); len(got) != 2 || got[0] != ctl {
		t.Errorf("after the control connection's time: %v", got)
	}
	w.after(3000e9)
	if got := w.conns(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// From an answer that changed its length on, numbers are adjusted both ways.
//
// Features: 9.
func TestFTPSequence(t *testing.T) {
	c := newControl(newWorld(t), false)
	c.say("PASV\r\n", "227 (10,1,0,11,100,5)\r\n") // becomes 3 longer
	before := c.sseq
	c.say("NOOP\r\n", "200 ok\r\n")
	if seq, _, _ := numbers(c.toClient); seq != before+3 {
		t.Errorf("the next answer starts at %d, want %d", seq, before+3)
	}
	if _, acked, _ := numbers(c.toServer); acked != c.sseq {
		t.Errorf("the client's acknowledgement of it is %d, want %d", acked, c.sseq)
	}
	c.say("EPSV\r\n", "229 (|1|10.1.0.11|25700|)\r\n") // 10 shorter
	before = c.sseq
	c.say("NOOP\r\n", "200 ok\r\n")
	if seq, _, _ := numbers(c.toClient); seq != before-7 {
		t.Errorf("then at %d, want %d", seq, before-7)
	}
	if _, acked, _ := numbers(c.toServer); acked != c.sseq {
		t.Errorf("acknowledged %d, want %d", acked, c.sseq)
	}
}

// The helper reads only segments that are whole and right, and only with NAT.
//
// Features: 9.
func TestFTPRefuses(t *testing.T) {
	w := newWorld(t)
	c := newControl(w, false)
	bad := segment(packettest.IP{Src: client4, Dst: vip4}, 3000, 21, ack, c.cseq, c.csees, "PASV\r\n")
	if got := w.in(packettest.Change(bad, 36, 1, 2)); got != "STOLEN request" {
		t.Errorf("wrong checksum: %s", got)
	}
	if got := w.in(bad[:30]); got != "STOLEN request" {
		t.Errorf("cut off: %s", got)
	}
	answer := segment(packettest.IP{Src: rs4, Dst: client4}, 21, 3000, ack, c.sseq, c.ssees, "227 (10,1,0,11,100,5)\r\n")
	if got := w.fwd(packettest.Change(answer, 36, 1, 2)); got != "STOLEN helper-refused" {
		t.Errorf("wrong checksum of the server's: %s", got)
	}
	w = newWorld(t)
	svc{port: 21}.add(w, rs4+"|21 -g")
	w.in(from(1).TCP(3000, 21, syn, nil))
	w.in(from(1).TCP(3000, 21, ack, nil))
	w.in(from(1).TCP(3000, 21, ack, []byte("PORT 198,51,100,1,40,1\r\n")))
	if n := len(w.conns()); n != 1 {
		t.Errorf("DR: %v", w.conns())
	}
}

// FuzzFTP: no text breaks the helper; what it takes for an address lies within.
func FuzzFTP(f *testing.F) {
	for _, s := range []string{"PASV\r\n", "EPSV 1\r\n", "PORT 1,2,3,4,5,6\r\n", "EPRT |1|1.2.3.4|5|\r\n", "EPRT |2|::1|5|", "227 (1,2,3,4,5,6)", "229 (|||5|)", "EPRT 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, fam := range []packet.Family{packet.IPv4, packet.IPv6} {
			if mode, _ := passive(b, fam, ftpActive); mode > ftpEPSV {
				t.Errorf("mode %d", mode)
			}
			for _, x := range []struct {
				pattern  string
				skip     byte
				extended bool
			}{{"PORT", ' ', false}, {"EPRT", ' ', true}, {"227 ", '(', false}, {"229 ", '(', true}} {
				r, ok := parseAddress(b, x.pattern, x.skip, x.extended, fam, packet.Addr{}, x.skip == '(')
				if ok && (r.start < len(x.pattern) || r.end <= r.start || r.end > len(b)) {
					t.Errorf("%+v in %q", r, b)
				}
			}
		}
	})
}
