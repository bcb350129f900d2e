package lab

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"goipvs/internal/buildtest"
	"goipvs/packet"
)

// buildFlags are those of the binary; under the race detector it is under it,
// too.
var buildFlags []string

// self is the goipvs binary that the tests run on their hosts.
var self string

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil { // a default: they wait more than they work
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, remove, err := buildtest.Dir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	self = filepath.Join(dir, "goipvs")
	if err := buildtest.Go(self, ".", slices.Concat([]string{"build"}, buildFlags, []string{"goipvs/cmd/goipvs"})...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// needRoot skips a test where it can't make network namespaces.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
}

// Servers answer and tunnels are unwrapped without any director between.
func TestServersAnswer(t *testing.T) {
	needRoot(t)
	for _, s := range []Scenario{NAT, DR, Tunnel, Local} {
		for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
			t.Run(fmt.Sprint(s, " ", f), func(t *testing.T) {
				ctx := context.Background()
				l := &Lab{Dir: t.TempDir(), o: Options{Self: self}}
				var err error
				if l.Network, err = Build(NewPlan(s, f)); err != nil {
					t.Fatal(err)
				}
				defer l.Network.Close()
				check(t, l.Director().Configure("director", l.Plan.Director().Setup))
				for _, h := range l.Plan.Servers() {
					p, err := l.startHost(l.Nodes[h.Name])
					if err != nil {
						t.Fatal(err)
					}
					defer p.Stop()
					from := l.Director().Netns
					if h.Serves[0].At.Addr() == l.Plan.VIP {
						from = l.Nodes[h.Name].Netns
					}
					a, err := Get(ctx, from, h.Serves[0].At)
					if err != nil || a.Server != h.Name {
						t.Errorf("Get %v = %+v, %v", h.Serves[0], a, err)
					}
					a, err = Echo(ctx, from, h.Serves[1].At, "hello")
					if err != nil || a.Server != h.Name {
						t.Errorf("Echo %v = %+v, %v", h.Serves[1], a, err)
					}
				}
			})
		}
	}
}
