package xmit_test

import (
	"fmt"
	"strings"
	"testing"

	"goipvs/conntrack"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

const (
	client4, vip4, server4 = "198.51.100.1", "203.0.113.10", "10.1.0.11"
	client6, vip6, server6 = "2001:db8:c::1", "2001:db8:f::10", "2001:db8:1::b"
)

var (
	to4 = packettest.IP{Src: client4, Dst: vip4, ID: 0x0102, Frag: packet.FlagDF}
	to6 = packettest.IP{Src: client6, Dst: vip6}
)

// A scene is a packet on its way to a server, and what the transmitter makes of
// it, in words.
type scene struct {
	name   string
	packet []byte
	dest   sched.DestConfig // family, address and port: server4's or server6's if not given
	vport  uint16           // 80 if not given
	flags  conntrack.Flags

	made    bool                      // by a process here
	forward bool                      // its route is not to this host
	change  func(*packet.Packet)      // before it goes
	stack   func(s *packettest.Stack) // before it goes
	noPMTU  bool                      // pmtu_disc is off
	noDest  bool                      // the connection has no server
}

// listener writes the events' reasons and functions down.
type listener struct{ strings.Builder }

func (l *listener) Event(_ *packet.Packet, e packet.Event) {
	fmt.Fprintf(l, "  %s in %s", e.Reason(), e.Func())
	switch e := e.(type) {
	case xmit.Dropped:
		if e.MTU != 0 {
			fmt.Fprintf(l, ", MTU %d", e.MTU)
		}
	case xmit.Encapsulated:
		fmt.Fprintf(l, ", %d octets", e.Octets)
	case xmit.Routed:
		if e.Cached {
			l.WriteString(", remembered")
		}
	}
	l.WriteByte('\n')
}

func (sc *scene) defaults() {
	six := sc.packet[0]>>4 == 6
	if sc.dest.Family == 0 {
		sc.dest.Family, sc.dest.Addr = packet.IPv4, packettest.Addr(server4)
		if six {
			sc.dest.Family, sc.dest.Addr = packet.IPv6, packettest.Addr(server6)
		}
	}
	if sc.dest.Port == 0 {
		sc.dest.Port = 8080
	}
	if sc.vport == 0 {
		sc.vport = 80
	}
}

// rig is the machine, a service with the server, and a connection to it.
type rig struct {
	stack *packettest.Stack
	dest  *sched.Dest
	conn  *conntrack.Conn
	shard *conntrack.Shard
	x     xmit.Context
}

type nobody struct{}

func (nobody) Unbind(*conntrack.Shard, *conntrack.Conn, conntrack.End) {}

func (nobody) PutOff(*conntrack.Shard, *conntrack.Conn) {}

// newRig makes what sc needs. The connection is that of the packet, or with h of
// another one that it quotes.
func newRig(t testing.TB, sc *scene, h *packet.Header) *rig {
	sc.defaults()
	r := &rig{stack: packettest.NewStack(vip4, vip6)}
	services := sched.NewTable()
	key := sched.ServiceKey{Family: h.Family, FWMark: 1}
	if _, err := services.AddService(sched.ServiceConfig{ServiceKey: key, Scheduler: "rr", Netmask: 128}); err != nil {
		t.Fatal(err)
	}
	if err := services.AddDest(key, sc.dest); err != nil {
		t.Fatal(err)
	}
	r.dest = services.Lookup(key).First()
	n := conntrack.New{
		Key:        conntrack.Key{Family: h.Family, Protocol: h.Protocol, Client: h.Src, CPort: 1024, Virtual: h.Dst, VPort: sc.vport},
		DestFamily: sc.dest.Family, Dest: sc.dest.Addr, DPort: sc.dest.Port,
		Flags: sc.flags | conntrack.Flags(r.dest.ConnFlags()), DestID: r.dest.ID,
	}
	if sc.flags&conntrack.NoCPort != 0 {
		n.CPort = 0
	}
	if sc.noDest {
		r.dest, n.DestID, n.Dest = nil, 0, packet.Addr{}
	}
	r.shard = conntrack.NewTable(conntrack.Config{Owner: nobody{}}).Shard(&n.Client)
	r.conn = r.shard.New(&n)
	r.x = xmit.Context{Stack: r.stack, Settings: &xmit.Settings{PMTUDisc: !sc.noPMTU}, Random: func() uint32 { return 7 }}
	if sc.stack != nil {
		sc.stack(r.stack)
	}
	return r
}

// arrive returns the scene's packet and its header.
func (sc *scene) arrive(t testing.TB) (*packet.Packet, packet.Header) {
	p := packettest.Arrived(sc.packet, !sc.forward)
	if sc.made {
		p = packettest.Made(sc.packet, !sc.forward)
	}
	if sc.change != nil {
		sc.change(p)
	}
	var h packet.Header
	if !p.ParseHeader(&h) {
		t.Fatalf("%s: no header", sc.name)
	}
	return p, h
}

// play sends the packet to the server and tells what happened.
func (sc *scene) play(t testing.TB) string {
	p, h := sc.arrive(t)
	r := newRig(t, sc, &h)
	var l listener
	p.Listener = &l
	v := r.x.Transmit(&xmit.Call{Packet: p, Header: h, Conn: r.conn, Shard: r.shard, Dest: r.dest})
	return r.tell(sc.name, p, v, &l)
}

// tell puts the outcome in words: the verdict, the events, what was sent.
func (r *rig) tell(name string, p *packet.Packet, v xmit.Verdict, l *listener) string {
	r.x.Flush()
	var w strings.Builder
	fmt.Fprintf(&w, "== %s\n%v\n%s", name, v, l.String())
	if v == xmit.Accept {
		fmt.Fprintf(&w, "stays, ours %v\n%s", p.Ours, packettest.Text(p.Data()))
	}
	for _, q := range r.stack.Sent() {
		fmt.Fprintf(&w, "out by %d", q.Route.OutIf)
		if !q.Route.NextHop.IsZero() {
			fmt.Fprintf(&w, " to %v", q.Route.NextHop.Netip(q.Route.Family))
		}
		fmt.Fprintf(&w, ", ours %v, fragment anyway %v\n%s", q.Ours, q.IgnoreDF, packettest.Text(q.Data()))
	}
	return w.String()
}

// plays compares scenes with a golden.
func plays(t *testing.T, golden string, scenes []scene) {
	t.Helper()
	var w strings.Builder
	for i := range scenes {
		w.WriteString(scenes[i].play(t) + "\n")
	}
	packettest.Golden(t, golden, w.String())
}

func tun(f sched.TunType, flags sched.TunFlags, server string) sched.DestConfig {
	c := sched.DestConfig{Forward: sched.Tunnel, TunType: f, TunFlags: flags}
	c.Family, c.Addr, c.Port = packettest.Family(server), packettest.Addr(server), 80
	if f == sched.TunGUE {
		c.TunPort = packettest.PortGUE
	}
	return c
}

func mtu(n int) func(*packettest.Stack) { return func(s *packettest.Stack) { s.MTU = n } }

func ttl(h packettest.IP, n uint8) packettest.IP {
	h.TTL = n
	return h
}

func fragments(h packettest.IP, word uint16) packettest.IP {
	h.Frag = word
	return h
}
