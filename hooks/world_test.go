package hooks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"goipvs/conntrack"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

const (
	client4, vip4, rs4 = "198.51.100.1", "203.0.113.10", "10.1.0.11"
	client6, vip6, rs6 = "2001:db8:c::1", "2001:db8:f::10", "2001:db8:1::b"
)

// world is a director on a machine that has the virtual addresses.
type world struct {
	*Director
	t     testing.TB
	stack *packettest.Stack
	sent  []*packet.Packet // by the last packet's hooks
}

func newWorld(t testing.TB) *world {
	s := packettest.NewStack(vip4, vip6)
	return &world{Director: New(Config{Stack: s}), t: t, stack: s}
}

// set changes settings, given as name=value.
func (w *world) set(settings ...string) {
	w.t.Helper()
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		if err := w.SetSetting(name, value); err != nil {
			w.t.Fatal(err)
		}
	}
}

// svc describes a service: by default TCP on port 80 of vip4, rr, not persistent.
type svc struct {
	proto   uint8
	vip     string
	port    uint16 // portAny: 0
	mark    uint32
	sched   string
	flags   sched.ServiceFlags
	timeout uint32
	netmask uint32
	pe      string
}

const portAny = 0xffff

// add adds the service with servers, of the form "10.1.0.11:8080 -m"; without a
// port they have 8080, without a method they are translated to.
func (s svc) add(w *world, servers ...string) sched.ServiceKey {
	w.t.Helper()
	k := s.key()
	if s.sched == "" {
		s.sched = "rr"
	}
	if s.netmask == 0 {
		s.netmask = 0xffffffff
		if k.Family == packet.IPv6 {
			s.netmask = 128
		}
	}
	if err := w.AddService(sched.ServiceConfig{ServiceKey: k, Scheduler: s.sched, Flags: s.flags, Timeout: s.timeout, Netmask: s.netmask, PE: s.pe}); err != nil {
		w.t.Fatal(err)
	}
	for _, server := range servers {
		w.addDest(k, server)
	}
	return k
}

func (s svc) key() sched.ServiceKey {
	if s.vip == "" {
		s.vip = vip4
	}
	k := sched.ServiceKey{Family: packettest.Family(s.vip), FWMark: s.mark}
	if s.mark == 0 {
		k.Protocol, k.Addr, k.Port = s.proto, packettest.Addr(s.vip), s.port
		if k.Protocol == 0 {
			k.Protocol = packet.ProtoTCP
		}
		switch k.Port {
		case 0:
			k.Port = 80
		case portAny:
			k.Port = 0
		}
	}
	return k
}

// dest reads a server's description: "ADDRESS[|PORT] [-m|-g|-i] [-w N] …".
func (w *world) dest(text string) (c sched.DestConfig) {
	w.t.Helper()
	words := strings.Fields(text)
	addr, port, _ := strings.Cut(words[0], "|")
	c = sched.DestConfig{DestKey: sched.DestKey{Family: packettest.Family(addr), Addr: packettest.Addr(addr), Port: 8080}, Weight: 1}
	scan := func(s string, to any) {
		if _, err := fmt.Sscan(s, to); err != nil {
			w.t.Fatalf("%q: %v", text, err)
		}
	}
	if port != "" {
		scan(port, &c.Port)
	}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-m":
		case "-g":
			c.Forward = sched.DRoute
		case "-i":
			c.Forward = sched.Tunnel
		case "gue":
			c.TunType, c.TunPort = sched.TunGUE, packettest.PortGUE
		case "gre":
			c.TunType = sched.TunGRE
		case "csum":
			c.TunFlags = sched.TunCsum
		default:
			to := map[string]any{"-w": &c.Weight, "-x": &c.Upper, "-y": &c.Lower}[words[i]]
			i++
			scan(words[i], to)
		}
	}
	return c
}

func (w *world) addDest(k sched.ServiceKey, text string) {
	w.t.Helper()
	if err := w.AddDest(k, w.dest(text)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) editDest(k sched.ServiceKey, text string) {
	w.t.Helper()
	if err := w.EditDest(k, w.dest(text)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delDest(k sched.ServiceKey, text string) {
	w.t.Helper()
	if err := w.DelDest(k, w.dest(text).DestKey); err != nil {
		w.t.Fatal(err)
	}
}

// after moves the clock on.
func (w *world) after(d time.Duration) { w.Advance(w.Now() + d) }

// listener notes the reasons of a packet's events, and that of the last decision.
type listener struct {
	reasons []packet.Reason
	last    packet.Reason
}

func (l *listener) Event(_ *packet.Packet, e packet.Event) {
	l.reasons = append(l.reasons, e.Reason())
	if d, ok := e.(Decided); ok {
		l.last = d.Why
	}
}

// hook sends a packet through a hook point and says what became of it, such as
// "STOLEN request: 198.51.100.1:1024 > 10.1.0.11:8080".
func (w *world) hook(pt Point, p *packet.Packet) string {
	var l listener
	p.Listener = &l
	v := w.Hook(pt, p)
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", v, l.last)
	if v == xmit.Accept && p.Ours {
		fmt.Fprintf(&b, ": %s", brief(p.Data()))
	}
	sep := ": "
	w.sent = w.stack.Sent()
	for _, q := range w.sent {
		b.WriteString(sep + brief(q.Data()))
		if !q.Route.NextHop.IsZero() {
			fmt.Fprintf(&b, " via %v", q.Route.NextHop.Netip(q.Route.Family))
		}
		sep = ", "
	}
	return b.String()
}

// brief is a packet in a few words.
func brief(b []byte) string {
	f := packet.Family(b[0] >> 4)
	var h packet.Header
	packet.ParseHeader(f, b, 0, &h)
	src, dst := h.Src.Netip(f).String(), h.Dst.Netip(f).String()
	switch {
	case h.HasPorts() && h.FragOff == 0:
		sport, dport, _ := h.Ports(b)
		if f == packet.IPv6 {
			src, dst = "["+src+"]", "["+dst+"]"
		}
		return fmt.Sprintf("%s:%d > %s:%d", src, sport, dst, dport)
	case isICMP(&h):
		return fmt.Sprintf("%s > %s ICMP %d/%d", src, dst, b[h.Len], b[h.Len+1])
	}
	return fmt.Sprintf("%s > %s %s", src, dst, packet.ProtoName(h.Protocol))
}

// The packets' ways in.

func (w *world) in(b []byte) string  { return w.hook(LocalIn, packettest.Arrived(b, true)) }
func (w *world) fwd(b []byte) string { return w.hook(Forward, packettest.Arrived(b, false)) }
func (w *world) out(b []byte) string { return w.hook(LocalOut, packettest.Made(b, true)) }

// step is a packet, or something else done, and what should become of it.
type step struct {
	do   func() string
	want string
}

func (w *world) steps(steps ...step) {
	w.t.Helper()
	for i, s := range steps {
		if got := s.do(); got != s.want {
			w.t.Fatalf("step %d: %s\nwant:   %s", i, got, s.want)
		}
	}
}

// quietly makes a step of something that has no outcome.
func quietly(f func()) step {
	return step{func() string { f(); return "" }, ""}
}

// Requests of clients: from their n-th address and a port to the service.

func from(n int) packettest.IP { return packettest.IP{Src: fmt.Sprintf("198.51.100.%d", n), Dst: vip4} }
func from6(n int) packettest.IP {
	return packettest.IP{Src: fmt.Sprintf("2001:db8:c::%x", n), Dst: vip6}
}

func (w *world) syn(n int, port uint16) func() string {
	return func() string { return w.in(from(n).TCP(port, 80, packettest.SYN, nil)) }
}

func (w *world) ack(n int, port uint16) func() string {
	return func() string { return w.in(from(n).TCP(port, 80, packettest.ACK, nil)) }
}

func (w *world) tcp(n int, port uint16, flags byte) func() string {
	return func() string { return w.in(from(n).TCP(port, 80, flags, nil)) }
}

func (w *world) udp(n int, port uint16) func() string {
	return func() string { return w.in(from(n).UDP(port, 80, []byte("query"))) }
}

// reply is a segment of a server that is to be forwarded.
func (w *world) reply(server string, n int, port uint16, flags byte) func() string {
	return func() string {
		h := packettest.IP{Src: server, Dst: fmt.Sprintf("198.51.100.%d", n)}
		return w.fwd(h.TCP(8080, port, flags, nil))
	}
}

// conns lists connections and templates, in the table's order.
func (w *world) conns() []string {
	var all []string
	w.Conns(func(c *ConnInfo) bool {
		server := c.Dest.Netip(c.DestFamily)
		s := fmt.Sprintf("%s %s %v:%d %v:%d %v:%d", packet.ProtoName(c.Protocol), c.State,
			c.Client.Netip(c.Family), c.CPort, c.Virtual.Netip(c.Family), c.VPort, server, c.DPort)
		if c.Template {
			s = "template " + s
		}
		all = append(all, s)
		return true
	})
	return all
}

// servers lists each server of a service with its active, inactive and
// persistent connections.
func (w *world) servers(k sched.ServiceKey) []string {
	var all []string
	w.View(func(t *sched.Table) {
		s := t.Lookup(k)
		for d := s.First(); d != nil; d = s.Next(d) {
			all = append(all, fmt.Sprintf("%v %d %d %d", d.Addr.Netip(d.Family), d.Active.Load(), d.InactiveConns(), d.Persist.Load()))
		}
	})
	return all
}

// conn returns the connection of a request from a client to vip4, port 80.
func (w *world) conn(n int, port uint16, proto uint8) *conntrack.Conn {
	w.t.Helper()
	k := conntrack.Key{Family: packet.IPv4, Protocol: proto, Client: packettest.Addr(from(n).Src), CPort: port, Virtual: packettest.Addr(vip4), VPort: 80}
	s := w.Director.conns.Shard(&k.Client)
	s.Lock()
	defer s.Unlock()
	c := s.In(&k)
	if c == nil {
		w.t.Fatalf("no connection of client %d, port %d", n, port)
	}
	return c
}
