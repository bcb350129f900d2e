package hooks

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/conntrack"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

// crowd has a TCP and a UDP service, each with two servers, and connections of
// three clients, made ten seconds apart.
func crowd(t *testing.T) (w *world, web, dns sched.ServiceKey) {
	w = newWorld(t)
	web = svc{}.add(w, rs4, "10.1.0.12")
	dns = svc{proto: packet.ProtoUDP}.add(w, rs4, "10.1.0.12")
	for n := 1; n <= 3; n++ {
		w.syn(n, 1000)()
		w.udp(n, 2000)()
		w.after(10 * time.Second)
	}
	w.ack(1, 1000)()
	return w, web, dns
}

func serverKey(addr string, port uint16) *sched.DestKey {
	return &sched.DestKey{Family: packettest.Family(addr), Addr: packettest.Addr(addr), Port: port}
}

// matching returns the connections that a filter means, by client and protocol.
func (w *world) matching(f ConnFilter) (all []string) {
	w.Conns(func(i *ConnInfo) bool {
		if f.Match(i) {
			all = append(all, packet.ProtoName(i.Protocol)+" "+i.Client.Netip(i.Family).String())
		}
		return true
	})
	return all
}

func TestConnFilter(t *testing.T) {
	w, web, dns := crowd(t)
	const t1, t2, t3 = "TCP 198.51.100.1", "TCP 198.51.100.2", "TCP 198.51.100.3"
	const u1, u2, u3 = "UDP 198.51.100.1", "UDP 198.51.100.2", "UDP 198.51.100.3"
	other := web
	other.Port = 81
	for _, tt := range []struct {
		name string
		f    ConnFilter
		want []string
	}{
		{"all", ConnFilter{}, []string{t1, u1, t2, u2, t3, u3}},
		{"service", ConnFilter{Service: &web}, []string{t1, t2, t3}},
		{"another service", ConnFilter{Service: &dns, Kind: OnlyConns}, []string{u1, u2, u3}},
		{"no such service", ConnFilter{Service: &other}, nil},
		{"server", ConnFilter{Server: serverKey("10.1.0.12", 8080)}, []string{t1, u1, t3, u3}},
		{"server, any port", ConnFilter{Server: serverKey(rs4, 0)}, []string{t2, u2}},
		{"server, another port", ConnFilter{Server: serverKey(rs4, 80)}, nil},
		{"client", ConnFilter{Client: netip.MustParsePrefix("198.51.100.2/31")}, []string{t2, u2, t3, u3}},
		{"client's port", ConnFilter{CPort: 2000}, []string{u1, u2, u3}},
		{"protocol", ConnFilter{Protocol: packet.ProtoTCP}, []string{t1, t2, t3}},
		{"state", ConnFilter{State: "SYN_RECV"}, []string{t2, t3}},
		{"old", ConnFilter{MinAge: 20 * time.Second}, []string{t1, u1, t2, u2}},
		{"young", ConnFilter{MaxAge: 10 * time.Second}, []string{t3, u3}},
		{"in between", ConnFilter{MinAge: 15 * time.Second, MaxAge: 25 * time.Second}, []string{t2, u2}},
		{"idle", ConnFilter{MinIdle: 20 * time.Second}, []string{u1, t2, u2}},
		{"templates", ConnFilter{Kind: OnlyTemplates}, nil},
		{"of deleted servers", ConnFilter{Gone: true}, nil},
		{"two things", ConnFilter{Service: &web, State: "ESTABLISHED"}, []string{t1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, w.matching(tt.f)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// Servers forget connections that are deleted.
func TestDeleteConns(t *testing.T) {
	w, web, _ := crowd(t)
	if gone, kept := w.DeleteConns(&ConnFilter{Service: &web, Server: serverKey("10.1.0.12", 0)}); gone != 2 || kept != 0 {
		t.Errorf("%d gone, %d kept", gone, kept)
	}
	if d := cmp.Diff([]string{"10.1.0.12 0 0 0", "10.1.0.11 1 0 0"}, w.servers(web)); d != "" {
		t.Error(d)
	}
	if got := w.ack(1, 1000)(); got != "ACCEPT not-opening" {
		t.Errorf("a segment of a deleted connection: %s", got)
	}
	if gone, kept := w.DeleteConns(&ConnFilter{}); gone != 4 || kept != 0 {
		t.Errorf("%d gone, %d kept", gone, kept)
	}
}

// A template goes with its connections, not without.
func TestDeleteTemplates(t *testing.T) {
	w := newWorld(t)
	persistent(svc{}).add(w, rs4)
	w.syn(1, 1000)()
	w.syn(1, 1001)()
	if gone, kept := w.DeleteConns(&ConnFilter{Kind: OnlyTemplates}); gone != 0 || kept != 1 {
		t.Errorf("%d gone, %d kept", gone, kept)
	}
	if gone, kept := w.DeleteConns(&ConnFilter{}); gone < 2 || kept != 0 {
		t.Errorf("%d gone, %d kept", gone, kept)
	}
	if left := w.conns(); left != nil {
		t.Errorf("left: %q", left)
	}
}

// UDP connections of deleted servers end at once where an option says so, others
// stay.
func TestFlushUDP(t *testing.T) {
	for _, tt := range []struct {
		name   string
		option func(w *world, web, dns sched.ServiceKey)
		remove func(w *world, web, dns sched.ServiceKey)
		want   int
	}{
		{"not", func(*world, sched.ServiceKey, sched.ServiceKey) {}, delDNS, 6},
		{"service", func(w *world, _, dns sched.ServiceKey) { w.options(dns, sched.Options{FlushUDP: true}) }, delDNS, 4},
		{"another service", func(w *world, web, _ sched.ServiceKey) { w.options(web, sched.Options{FlushUDP: true}) }, delDNS, 6},
		{"all services", func(w *world, _, _ sched.ServiceKey) { w.SetFlushUDP(true) }, delDNS, 4},
		{"no longer", func(w *world, _, _ sched.ServiceKey) { w.SetFlushUDP(true); w.SetFlushUDP(false) }, delDNS, 6},
		{"service deleted", func(w *world, _, dns sched.ServiceKey) { w.options(dns, sched.Options{FlushUDP: true}) },
			func(w *world, _, dns sched.ServiceKey) { _ = w.DelService(dns) }, 3},
		{"all deleted", func(w *world, _, _ sched.ServiceKey) { w.SetFlushUDP(true) },
			func(w *world, _, _ sched.ServiceKey) { w.Flush() }, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, web, dns := crowd(t)
			tt.option(w, web, dns)
			tt.remove(w, web, dns)
			if got := len(w.conns()); got != tt.want {
				t.Errorf("%d connections, want %d: %q", got, tt.want, w.conns())
			}
		})
	}
}

func delDNS(w *world, web, dns sched.ServiceKey) {
	w.delDest(web, "10.1.0.12")
	w.delDest(dns, "10.1.0.12")
}

func (w *world) options(k sched.ServiceKey, o sched.Options) {
	w.t.Helper()
	if err := w.SetOptions(k, o); err != nil {
		w.t.Fatal(err)
	}
}

// A service may have timeouts of its own.
func TestOwnTimeouts(t *testing.T) {
	w, web, dns := crowd(t)
	w.options(web, sched.Options{TCP: 100, TCPFin: 7})
	w.options(dns, sched.Options{UDP: 33})
	timeout := func(n int, port uint16, proto uint8) time.Duration {
		return time.Duration(w.conn(n, port, proto).Timeout) * conntrack.Tick
	}
	for _, s := range []struct {
		name  string
		do    func() string
		n     int
		port  uint16
		proto uint8
		want  time.Duration
	}{
		{"established", w.ack(1, 1000), 1, 1000, packet.ProtoTCP, 100 * time.Second},
		{"fin", w.reply("10.1.0.12", 1, 1000, packettest.ACK|packettest.FIN), 1, 1000, packet.ProtoTCP, 7 * time.Second},
		{"syn", w.syn(2, 1000), 2, 1000, packet.ProtoTCP, time.Minute},
		{"datagram", w.udp(1, 2000), 1, 2000, packet.ProtoUDP, 33 * time.Second},
		{"first datagram", w.udp(4, 2000), 4, 2000, packet.ProtoUDP, 33 * time.Second},
	} {
		s.do()
		if got := timeout(s.n, s.port, s.proto); got != s.want {
			t.Errorf("%s: %v, want %v", s.name, got, s.want)
		}
	}
	w.options(web, sched.Options{})
	w.options(dns, sched.Options{})
	w.udp(1, 2000)()
	if got := timeout(1, 2000, packet.ProtoUDP); got != 5*time.Minute {
		t.Errorf("without options: %v", got)
	}
	if w.table.Timed() {
		t.Error("still timed")
	}
	for _, tt := range []struct {
		k sched.ServiceKey
		o sched.Options
	}{{sched.ServiceKey{FWMark: 9}, sched.Options{}}, {web, sched.Options{TCP: 1<<31/250 + 1}}} {
		if err := w.SetOptions(tt.k, tt.o); err == nil {
			t.Errorf("%v, %+v: no error", tt.k, tt.o)
		}
	}
}
