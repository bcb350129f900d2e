package live_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/live/nstest"
	"goipvs/internal/live/queue"
)

// Clients on the director itself. They bind an address, since the virtual one
// is the kernel's choice for talking to itself.
func TestLocalClient(t *testing.T) { bothIO(t, testLocalClient) }

func testLocalClient(t *testing.T, io queue.IO) {
	for _, c := range []struct {
		name, method string
		route        func(*network, testing.TB)
	}{
		{"NAT", "-m", (*network).behind},
		{"DR", "-g", func(n *network, t testing.TB) {
			// Answers come from an address that is the director's, too.
			n.director.Sysctl(t, "net/ipv4/conf/eth1/accept_local", "1")
			for i, s := range n.servers {
				s.Addr(t, "lo", vip4+"/32")
				s.Addr(t, "lo", vip6+"/128")
				serve(t, s, fmt.Sprintf("s%d", i+1), "80", vip4, vip6)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			c.route(n, t)
			run(t, n.director, services(c.method), io)
			for _, vip := range []string{vip4, vip6} {
				for _, network := range []string{"tcp", "udp"} {
					var got []string
					for i := range 4 {
						got = append(got, askFrom(t, n.director, network, inside(vip), hostPort(vip, "80"), fmt.Sprint(i)))
					}
					want := []string{"s2 0", "s1 1", "s2 2", "s1 3"}
					if d := cmp.Diff(want, got); d != "" {
						t.Errorf("%s %s (-want +got):\n%s", family(vip), network, d)
					}
				}
			}
		})
	}
}

// inside is the director's address on the servers' side.
func inside(vip string) string {
	if vip == vip6 {
		return "2001:db8:1::1"
	}
	return "10.1.0.1"
}

// A server on the director itself, beside one elsewhere.
func TestLocalServer(t *testing.T) {
	for _, c := range []struct{ name, setup, port string }{
		{"NAT", dummy + `ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.1:8080 -m
ipvsadm -A -u 203.0.113.10:80 -s rr
ipvsadm -a -u 203.0.113.10:80 -r 10.1.0.1:8080 -m
ipvsadm -A -t [2001:db8:f::10]:80 -s rr
ipvsadm -a -t [2001:db8:f::10]:80 -r [2001:db8:1::1]:8080 -m
ipvsadm -A -u [2001:db8:f::10]:80 -s rr
ipvsadm -a -u [2001:db8:f::10]:80 -r [2001:db8:1::1]:8080 -m
`, "8080"},
		{"DR", dummy + `ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.1 -g
ipvsadm -A -u 203.0.113.10:80 -s rr
ipvsadm -a -u 203.0.113.10:80 -r 10.1.0.1 -g
ipvsadm -A -t [2001:db8:f::10]:80 -s rr
ipvsadm -a -t [2001:db8:f::10]:80 -r 2001:db8:1::1 -g
ipvsadm -A -u [2001:db8:f::10]:80 -s rr
ipvsadm -a -u [2001:db8:f::10]:80 -r 2001:db8:1::1 -g
`, "80"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			run(t, n.director, c.setup)
			if c.port == "80" {
				serve(t, n.director, "director", "80", vip4, vip6)
			} else {
				serve(t, n.director, "director", c.port, "10.1.0.1", "2001:db8:1::1")
			}
			for _, vip := range []string{vip4, vip6} {
				for _, network := range []string{"tcp", "udp"} {
					for name, from := range map[string]*nstest.NS{"elsewhere": n.client, "here": n.director} {
						if got := ask(t, from, network, hostPort(vip, "80"), "x"); got != "director x" {
							t.Errorf("%s %s from %s: %s", family(vip), network, name, got)
						}
					}
				}
			}
		})
	}
}

// A server at a loopback address is for local clients alone.
func TestLoopbackServer(t *testing.T) {
	n := newNetwork(t)
	serve(t, n.director, "loopback", "8080", "127.0.0.1")
	run(t, n.director, dummy+`ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 127.0.0.1:8080 -m
`)
	if got := ask(t, n.director, "tcp", hostPort(vip4, "80"), "x"); got != "loopback x" {
		t.Error(got)
	}
}
