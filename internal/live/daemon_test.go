package live_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/live"
	"goipvs/internal/live/queue"
)

const dummy = `ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 203.0.113.10/32 dev ipvs0
ip -6 addr add 2001:db8:f::10/128 dev ipvs0 nodad
`

// services are rr services for TCP and UDP on both virtual addresses.
func services(method string) string {
	var s strings.Builder
	s.WriteString(dummy)
	for _, proto := range []string{"-t", "-u"} {
		for vip, rs := range map[string]string{vip4: "10.1.0.1%d", "[" + vip6 + "]": "[2001:db8:1::1%d]"} {
			fmt.Fprintf(&s, "ipvsadm -A %s %s:80 -s rr\n", proto, vip)
			for i := 1; i <= 2; i++ {
				fmt.Fprintf(&s, "ipvsadm -a %s %s:80 -r "+rs+":80 %s\n", proto, vip, i, method)
			}
		}
	}
	return s.String()
}

func TestBalances(t *testing.T) {
	for _, c := range []struct {
		name, method string
		route        func(*network, testing.TB)
		inject       live.Inject
		io           queue.IO
	}{
		{"NAT", "-m", (*network).behind, live.InjectRaw, queue.Batch},
		{"DR", "-g", (*network).beside, live.InjectRaw, queue.Batch},
		{"NAT by packet socket", "-m", (*network).behind, live.InjectPacket, queue.Batch},
		{"DR by packet socket", "-g", (*network).beside, live.InjectPacket, queue.Batch},
		{"NAT by go-nfqueue", "-m", (*network).behind, live.InjectRaw, queue.NFQueue},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			c.route(n, t)
			o := live.Options{Socket: filepath.Join(t.TempDir(), "sock"), Inject: c.inject, IO: c.io}
			if _, err := tryRun(t, n.director, o, services(c.method)); err != nil {
				t.Fatal(err)
			}
			for _, vip := range []string{vip4, vip6} {
				for _, network := range []string{"tcp", "udp"} {
					var got []string
					for i := range 4 {
						got = append(got, ask(t, n.client, network, hostPort(vip, "80"), fmt.Sprint(i)))
					}
					if d := cmp.Diff([]string{"s2 0", "s1 1", "s2 2", "s1 3"}, got); d != "" {
						t.Errorf("%s %s (-want +got):\n%s", family(vip), network, d)
					}
				}
			}
			// Datagrams in fragments, there and back.
			for _, vip := range []string{vip4, vip6} {
				big := strings.Repeat("0123456789", 600)
				if got := ask(t, n.client, "udp", hostPort(vip, "80"), big); got != "s2 "+big {
					t.Errorf("%s: %.60s", family(vip), got)
				}
			}
		})
	}
}
