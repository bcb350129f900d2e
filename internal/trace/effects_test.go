package trace_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/trace"
)

// What a command changed, in words.
func TestEffects(t *testing.T) {
	server := func(address string, weight int32) trace.Server {
		return trace.Server{Address: address, Forward: "Masq", Weight: weight}
	}
	web := trace.Service{Key: "TCP 203.0.113.10:80", Scheduler: "rr", Servers: []trace.Server{server("10.1.0.11:80", 1)}}
	for _, c := range []struct {
		name        string
		before, now []trace.Service
		want        []string
	}{
		{"nothing", []trace.Service{web}, []trace.Service{web}, nil},
		{"service added", nil, []trace.Service{web},
			[]string{"service TCP 203.0.113.10:80 added, scheduler rr", "server 10.1.0.11:80 of TCP 203.0.113.10:80 added, Masq, weight 1"}},
		{"service deleted", []trace.Service{web}, nil, []string{"service TCP 203.0.113.10:80 deleted, with 1 servers"}},
		{"service edited", []trace.Service{web}, []trace.Service{{Key: web.Key, Scheduler: "wlc", Flags: []string{"persistent"}, Timeout: 300, Netmask: "/24", Servers: web.Servers}},
			[]string{
				"service TCP 203.0.113.10:80: scheduler rr → wlc", "service TCP 203.0.113.10:80: flags none → persistent",
				"service TCP 203.0.113.10:80: persistence none → 300 s", "service TCP 203.0.113.10:80: netmask none → /24",
			}},
		{"servers", []trace.Service{web}, []trace.Service{{Key: web.Key, Scheduler: "rr", Servers: []trace.Server{
			server("10.1.0.12:80", 2), {Address: "10.1.0.11:80", Forward: "Tunnel", Tunnel: "gue", Upper: 10, Lower: 5},
		}}},
			[]string{
				"server 10.1.0.12:80 of TCP 203.0.113.10:80 added, Masq, weight 2",
				"server 10.1.0.11:80 of TCP 203.0.113.10:80: weight 1 → 0", "server 10.1.0.11:80 of TCP 203.0.113.10:80: method Masq → Tunnel gue",
				"server 10.1.0.11:80 of TCP 203.0.113.10:80: upper threshold 0 → 10", "server 10.1.0.11:80 of TCP 203.0.113.10:80: lower threshold 0 → 5",
			}},
		{"server deleted", []trace.Service{web}, []trace.Service{{Key: web.Key, Scheduler: "rr"}},
			[]string{"server 10.1.0.11:80 of TCP 203.0.113.10:80 deleted: 0 active and 0 inactive connections"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := trace.Passage{Type: "command"}
			trace.Update(&g, c.before, c.now)
			if d := cmp.Diff(c.want, g.Effects); d != "" {
				t.Error(d)
			}
			if (len(g.Services) > 0 || len(g.Gone) > 0) != (len(c.want) > 0) {
				t.Errorf("%+v, %v", g.Services, g.Gone)
			}
		})
	}
}
