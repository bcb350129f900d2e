package hooks

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// FuzzStraight: whatever comes, and however the director is changed meanwhile,
// with a listener, which makes every packet go the long way, and without one the
// same happens. The input is a script; see twin.step.
func FuzzStraight(f *testing.F) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, 1500)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		a, b := newTwin(t, false), newTwin(t, true)
		for i := 0; len(script) > 0; i++ {
			n := min(len(script), twinStep)
			got, want := a.step(script[:n]), b.step(script[:n])
			if got != want {
				t.Fatalf("step %d: without a listener\n%s\nwith one\n%s", i, got, want)
			}
			script = script[n:]
		}
		if got, want := a.state(), b.state(); got != want {
			t.Fatalf("without a listener\n%s\nwith one\n%s", got, want)
		}
	})
}

// Nearly all packets of connections go straight, both ways; these do.
func TestStraight(t *testing.T) {
	for _, c := range []struct {
		name, vip, server string
		client            packettest.IP
		nat               bool
	}{
		{"NAT v4", vip4, rs4, from(1), true}, {"NAT v6", vip6, rs6, from6(1), true},
		{"DR v4", vip4, rs4 + "|80 -g", from(1), false}, {"DR v6", vip6, rs6 + "|80 -g", from6(1), false},
		{"IPIP v4", vip4, rs4 + "|80 -i", from(1), false}, {"GUE v6", vip6, rs6 + "|80 -i gue", from6(1), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			svc{vip: c.vip}.add(w, c.server)
			w.in(c.client.TCP(1024, 80, syn, nil))
			straight := func(pt Point, b []byte) (done, ours bool) {
				p := packettest.Arrived(b, pt == LocalIn)
				var h packet.Header
				if !p.ParseHeader(&h) || !h.Plain(p.Data()) {
					return false, false
				}
				_, done = w.straight(pt, p, &h)
				return done, p.Ours
			}
			if done, _ := straight(LocalIn, c.client.TCP(1024, 80, ack, packettest.Payload(9))); !done {
				t.Error("a request goes the long way")
			}
			if w.sent = w.stack.Sent(); len(w.sent) != 1 {
				t.Errorf("%d packets sent", len(w.sent))
			}
			for _, b := range [][]byte{c.client.TCP(1024, 80, syn, nil), c.client.TCP(1025, 80, ack, nil)} {
				if done, _ := straight(LocalIn, b); done {
					t.Error("what opens a connection, or has none, goes straight")
				}
			}
			server, _, _ := strings.Cut(c.server, "|")
			reply := packettest.IP{Src: server, Dst: c.client.Src}
			if done, ours := straight(Forward, reply.TCP(8080, 1024, ack, nil)); !done || ours != c.nat {
				t.Errorf("a reply goes straight: %v, is IPVS's: %v", done, ours)
			}
		})
	}
}

// twin is one of two worlds to which the same happens.
type twin struct {
	*world
	listens bool
	n       int
}

// newTwin has services such that packets may go straight: none asks for a server
// of what no connection has.
func newTwin(t testing.TB, listens bool) *twin {
	w := newWorld(t)
	svc{}.add(w, rs4, "10.1.0.12|80 -g", "10.1.0.13|80 -i", "10.1.0.1", "10.1.0.14")
	svc{port: 21}.add(w, rs4+"|21", "10.1.0.12|2121")
	svc{proto: packet.ProtoUDP}.add(w, rs4, "10.1.0.12|80 -g", "10.1.0.13 -i gue")
	svc{proto: packet.ProtoUDP, port: 53, flags: sched.OnePacket}.add(w, rs4)
	persistent(svc{port: 8080}).add(w, rs4)
	svc{vip: vip6}.add(w, rs6, "2001:db8:1::c|80 -g", "10.1.0.13|80 -i")
	svc{vip: vip6, proto: packet.ProtoUDP}.add(w, rs6, "2001:db8:1::c|80 -g")
	return &twin{world: w, listens: listens}
}

// deaf is a listener that makes nothing of what it hears.
type deaf struct{}

func (deaf) Event(*packet.Packet, packet.Event) {}

// twinStep is how many octets a step takes.
const twinStep = 5

// step does what a few octets say, and returns what came of it.
func (w *twin) step(b []byte) string {
	var x [twinStep]byte
	copy(x[:], b)
	if x[0] >= 0xf4 {
		return w.change(x[1], x[2])
	}
	p, pt := twinPacket(x)
	if w.listens {
		p.Listener = deaf{}
	}
	v := w.Hook(pt, p)
	var s strings.Builder
	show := func(p *packet.Packet) {
		q := *p
		q.Listener = nil
		var rt packet.Route
		if q.Route != nil {
			rt, q.Route = *q.Route, nil
		}
		fmt.Fprintf(&s, "%x by %+v, %+v\n", q.Data(), rt, q)
	}
	fmt.Fprintln(&s, pt, v)
	show(p)
	for _, q := range w.stack.Sent() {
		show(q)
	}
	if w.n++; w.n%64 == 0 {
		s.WriteString(w.state())
	}
	return s.String()
}

// twinPacket is the packet that a few octets stand for.
func twinPacket(x [twinStep]byte) (*packet.Packet, Point) {
	six := x[0]&1 != 0
	client, other, reply := from(1), from(2), packettest.IP{Src: rs4, Dst: client4}
	servers := []string{rs4, rs4, "10.1.0.14", vip4}
	if six {
		client, other, reply = from6(1), from6(2), packettest.IP{Src: rs6, Dst: client6}
		servers = []string{rs6, rs6, rs6, vip6}
	}
	pt, h := LocalIn, client
	sport, dport := 1024+uint16(x[1]&1), []uint16{80, 80, 80, 80, 80, 21, 53, 8080}[x[1]>>3&7]
	switch x[0] >> 1 & 7 {
	case 0:
		h = other
	case 1, 2, 3:
		pt, h = Forward, reply
		h.Src = servers[x[1]>>6]
		sport, dport = []uint16{8080, 8080, 8080, 8080, 80, 80, 21, 2121}[x[1]>>3&7], sport
	case 4:
		pt = []Point{LocalIn, Forward, LocalOut, LocalOut}[x[1]>>6]
	}
	switch x[2] & 31 {
	case 0:
		h.TTL = 1
	case 1:
		h.TTL = 2
	case 2:
		h.Src = "127.0.0.1"
		if six {
			h.Src = "::1"
		}
	case 3:
		if six {
			h.Ext = []packettest.Ext{{Type: 0}}
		} else {
			h.Options = []byte{1, 1, 1, 0}
		}
	}
	data := packettest.Payload(int(x[3]) % 40)
	if x[3] >= 0xf0 {
		data = packettest.Payload(1220 + int(x[3])) // about the MTU: 1460 to 1475
	}
	var b []byte
	switch flags := []byte{ack, ack, ack, ack, syn, syn, packettest.FIN | ack, packettest.RST}[x[4]&7]; {
	case x[4]&0x80 == 0:
		b = h.TCP(sport, dport, flags, data)
	case x[4]&0x70 != 0:
		b = h.UDP(sport, dport, data)
	default:
		b = h.UDPNoSum(sport, dport, data)
	}
	if x[2]&31 == 4 {
		b = b[:max(len(b)-len(data)-1-int(x[3]&15), len(b)-len(data)-8)]
		b = received(b, packet.Family(b[0]>>4))
	}
	if !six && x[2]&31 == 5 {
		b[6] |= 0x40
		packet.SetIPv4Checksum(b, 0)
	}
	if !six && x[2]&31 == 6 {
		b[7] = 3 // a later fragment
	}
	p := packettest.Arrived(b, pt == LocalIn)
	if pt == LocalOut {
		p = packettest.Made(b, x[4]&0x40 != 0)
	}
	switch x[2] >> 5 {
	case 0:
		p.Verified = true
	case 1:
		switch x[3] & 15 {
		case 0:
			p.Ours = true
		case 1:
			p.Kind = packet.ToOther
		case 2:
			p.Loopback = true
		case 3:
			p.Route = nil
		case 4:
			p.Mark = 7
		case 5:
			p.Tracked = true
		case 6:
			p.FragMax = 1280
		case 7:
			p.GSOSize = 500
		}
	case 2:
		var h packet.Header
		if p.ParseHeader(&h) && h.Plain(p.Data()) {
			p.Partial, p.Check = h.Len, 16
			if h.Protocol == packet.ProtoUDP {
				p.Check = 6
			}
		}
	}
	return p, pt
}

// twinServices are those that change.
var twinServices = []svc{{}, {proto: packet.ProtoUDP}, {vip: vip6}, {vip: vip6, proto: packet.ProtoUDP}}

// change changes something about the director or its machine.
func (w *twin) change(what, how byte) string {
	on := how >= 0xe0 // mostly all is as it was at first
	s := twinServices[int(how)%len(twinServices)]
	server := rs4
	if s.vip == vip6 {
		server = rs6
	}
	switch what % 16 {
	case 0, 1, 2:
		settings := []string{"expire_nodest_conn", "conntrack", "nat_icmp_send", "snat_reroute", "sloppy_tcp", "secure_tcp", "conn_reuse_mode", "expire_quiescent_template"}
		name, value := settings[int(how)%len(settings)], 0
		if on != (name == "snat_reroute" || name == "conn_reuse_mode") {
			value = 1
		}
		if name == "secure_tcp" {
			value *= 3
		}
		w.set(fmt.Sprintf("%s=%d", name, value))
	case 3:
		return fmt.Sprint(w.DelDest(s.key(), w.dest(server).DestKey))
	case 4, 5, 6:
		return fmt.Sprint(w.AddDest(s.key(), w.dest(server)))
	case 7: // to NAT, whatever it was
		return fmt.Sprint(w.EditDest(s.key(), w.dest(fmt.Sprint(server, " -w ", how>>7))))
	case 8:
		w.stack.Gen++
	case 9:
		w.stack.NoReroute = on
	case 10:
		w.stack.MTU, w.stack.Gen = 1500, w.stack.Gen+1
		if on {
			w.stack.MTU = 1280
		}
	case 11:
		w.after(time.Duration(how) * time.Second / 16)
	case 12:
		w.after(time.Duration(how) * time.Second)
	case 13:
		return fmt.Sprint(w.SetTimeouts(time.Duration(how)*time.Second, 0, time.Duration(how)*time.Second))
	case 14:
		w.stack.Gone[packettest.Addr(server)] = on
		w.stack.Gen++
	case 15:
		w.DeleteConns(&ConnFilter{CPort: 1024 + uint16(how&7)})
	}
	return ""
}

// state is all that there is to see of a director.
func (w *twin) state() string {
	var b bytes.Buffer
	w.Conns(func(i *ConnInfo) bool {
		fmt.Fprintf(&b, "%+v\n", *i)
		return true
	})
	fmt.Fprintln(&b, w.Reasons())
	for _, s := range twinServices {
		for _, line := range append(w.figures(s.key()), w.servers(s.key())...) {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}
