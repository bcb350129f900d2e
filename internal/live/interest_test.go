package live

import (
	"maps"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"goipvs/internal/live/rules"
	"goipvs/packet"
	"goipvs/sched"
)

func ip(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

func TestEndpoints(t *testing.T) {
	vip, rs := ip("203.0.113.10"), ip("10.1.0.11")
	end := func(proto uint8, a packet.Addr, port uint16) rules.Endpoint {
		return rules.Endpoint{Protocol: proto, Addr: a, Port: port}
	}
	const tcp, udp, sctp, esp, ah = packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoESP, packet.ProtoAH
	for _, c := range []struct {
		name     string
		k        sched.ServiceKey
		port     uint16
		method   sched.Forward
		requests []rules.Endpoint
		replies  []rules.Endpoint
	}{
		{"TCP, NAT", sched.ServiceKey{Protocol: tcp, Addr: vip, Port: 80}, 8080, sched.Masq,
			[]rules.Endpoint{end(tcp, vip, 80)}, []rules.Endpoint{end(tcp, rs, 8080)}},
		{"TCP, DR", sched.ServiceKey{Protocol: tcp, Addr: vip, Port: 80}, 80, sched.DRoute,
			[]rules.Endpoint{end(tcp, vip, 80)}, []rules.Endpoint{end(tcp, vip, 80)}},
		{"SCTP, tunnel", sched.ServiceKey{Protocol: sctp, Addr: vip, Port: 80}, 80, sched.Tunnel,
			[]rules.Endpoint{end(sctp, vip, 80)}, []rules.Endpoint{end(sctp, vip, 80)}},
		{"every port", sched.ServiceKey{Protocol: tcp, Addr: vip}, 0, sched.Masq,
			[]rules.Endpoint{end(tcp, vip, 0)}, []rules.Endpoint{end(tcp, rs, 0)}},
		{"every port, to one", sched.ServiceKey{Protocol: tcp, Addr: vip}, 8080, sched.Masq,
			[]rules.Endpoint{end(tcp, vip, 0)}, []rules.Endpoint{end(tcp, rs, 0)}},
		{"FTP", sched.ServiceKey{Protocol: tcp, Addr: vip, Port: 21}, 2121, sched.Masq,
			[]rules.Endpoint{end(tcp, vip, 21), end(tcp, vip, 0)},
			[]rules.Endpoint{end(tcp, rs, 21), end(tcp, rs, 0), end(tcp, rs, 2121)}},
		{"IKE", sched.ServiceKey{Protocol: udp, Addr: vip, Port: 500}, 500, sched.Masq,
			[]rules.Endpoint{end(udp, vip, 500), end(esp, vip, 0), end(ah, vip, 0)},
			[]rules.Endpoint{end(udp, rs, 500), end(esp, rs, 0), end(ah, rs, 0)}},
		{"mark", sched.ServiceKey{FWMark: 7}, 0, sched.Masq, nil,
			[]rules.Endpoint{end(tcp, rs, 0), end(udp, rs, 0), end(esp, rs, 0), end(ah, rs, 0), end(sctp, rs, 0)}},
		{"mark, to a port", sched.ServiceKey{FWMark: 7}, 80, sched.Masq, nil,
			[]rules.Endpoint{end(tcp, rs, 80), end(udp, rs, 80), end(sctp, rs, 80)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.requests, requestsOf(c.k)); d != "" {
				t.Errorf("requests (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.replies, repliesOf(c.k, sched.DestKey{Addr: rs, Port: c.port}, c.method)); d != "" {
				t.Errorf("replies (-want +got):\n%s", d)
			}
		})
	}
}

// However services and servers come and go, and whenever the deltas are taken,
// what they add up to is what is wanted, and that has all that it should.
func TestLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLedger()
		applied := rules.NewInterest()
		keys := rapid.Custom(func(t *rapid.T) sched.ServiceKey {
			if rapid.Bool().Draw(t, "marked") {
				return sched.ServiceKey{FWMark: rapid.Uint32Range(1, 2).Draw(t, "mark")}
			}
			return sched.ServiceKey{
				Protocol: rapid.SampledFrom(transports).Draw(t, "protocol"), Addr: packet.Addr4(rapid.Uint32Range(1, 2).Draw(t, "addr")),
				Port: rapid.SampledFrom([]uint16{0, 21, 80, 500}).Draw(t, "port"),
			}
		})
		dests := rapid.Custom(func(t *rapid.T) sched.DestKey {
			return sched.DestKey{Addr: packet.Addr4(rapid.Uint32Range(3, 4).Draw(t, "dest")), Port: rapid.Uint16Range(0, 1).Draw(t, "dest port")}
		})
		check := func(t *rapid.T) {
			need := rules.NewInterest()
			for k, s := range l.services {
				for _, e := range requestsOf(k) {
					need.Requests[e] = struct{}{}
				}
				if k.FWMark != 0 {
					need.Marks[k.FWMark] = struct{}{}
				}
				for d, m := range *s {
					for _, e := range repliesOf(k, d, m) {
						need.Replies[e] = struct{}{}
					}
				}
			}
			for e := range need.Requests {
				if _, ok := l.want.Requests[e]; !ok {
					t.Fatalf("request %v isn't wanted", e)
				}
			}
			for e := range need.Replies {
				if _, ok := l.want.Replies[e]; !ok {
					t.Fatalf("reply %v isn't wanted", e)
				}
			}
			for m := range need.Marks {
				if _, ok := l.want.Marks[m]; !ok {
					t.Fatalf("mark %v isn't wanted", m)
				}
			}
			if !l.retired() {
				if d := cmp.Diff(need, l.want); d != "" {
					t.Fatalf("nothing is retired (-need +want):\n%s", d)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"":            check,
			"add service": func(t *rapid.T) { l.addService(keys.Draw(t, "service")) },
			"del service": func(t *rapid.T) { l.delService(keys.Draw(t, "service")) },
			"set dest": func(t *rapid.T) {
				m := rapid.SampledFrom([]sched.Forward{sched.Masq, sched.DRoute}).Draw(t, "method")
				l.setDest(keys.Draw(t, "service"), dests.Draw(t, "dest"), m)
			},
			"del dest": func(t *rapid.T) { l.delDest(keys.Draw(t, "service"), dests.Draw(t, "dest")) },
			"retire": func(t *rapid.T) {
				addrs := map[packet.Addr]struct{}{}
				for _, n := range rapid.SliceOf(rapid.Uint32Range(1, 4)).Draw(t, "connections") {
					addrs[packet.Addr4(n)] = struct{}{}
				}
				l.retire(addrs)
				if len(addrs) == 0 && l.retired() {
					t.Fatal("something is retired still, without connections")
				}
			},
			"take": func(t *rapid.T) {
				d := l.take()
				apply(applied.Requests, d.Added.Requests, d.Gone.Requests)
				apply(applied.Replies, d.Added.Replies, d.Gone.Replies)
				apply(applied.Marks, d.Added.Marks, d.Gone.Marks)
				if d := cmp.Diff(l.want, applied); d != "" {
					t.Fatalf("-want +applied:\n%s", d)
				}
			},
		})
	})
}

// apply does what package rules does: what is gone first.
func apply[K comparable](to, added, gone map[K]struct{}) {
	for k := range gone {
		delete(to, k)
	}
	maps.Copy(to, added)
}
