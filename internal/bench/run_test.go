package bench

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"goipvs/internal/buildtest"
)

// A short run of what needs no other program: it works, and all that arrives is
// what was sent.
func TestRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	dir, remove, err := buildtest.Dir()
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	o := Options{
		GoIPVS: filepath.Join(dir, "goipvs"), Self: filepath.Join(dir, "benchlive"),
		Rounds: 1, For: 100 * time.Millisecond, Log: func(s string) { t.Log(s) },
	}
	for file, pkg := range map[string]string{o.GoIPVS: "goipvs/cmd/goipvs", o.Self: "goipvs/internal/bench/cmd/benchlive"} {
		if err := buildtest.Go(file, ".", "build", pkg); err != nil {
			t.Fatal(err)
		}
	}
	o.Peers = slices.DeleteFunc(slices.Clone(Peers), func(p Peer) bool { return p.Name != routing && p.Name != "goipvs" && p.Name != "goipvs-dr" })
	o.Measurements = slices.DeleteFunc(slices.Clone(Measurements), func(m Measurement) bool {
		return m.Name != "up" && m.Name != "down-bare" && m.Name != "udp" && m.Name != "drain"
	})
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// On a busy machine no datagram may come through in so short a time.
	for _, p := range r.Problems {
		if !strings.Contains(p, "datagrams arrived") {
			t.Error(p)
		}
	}
	for _, p := range o.Peers {
		for _, figure := range []string{"up", "down-bare"} {
			if s, ok := r.Spread(p.Name, figure); !ok || s.Median <= 0 {
				t.Errorf("%s: %s is %v", p.Name, figure, s)
			}
		}
		if _, ok := r.Spread(p.Name, "up-cpu"); ok == (p.Name == routing) {
			t.Errorf("%s: processor time of a balancer: %v", p.Name, ok)
		}
	}
	if r.Verified.Bad != 0 || r.Verified.Octets == 0 {
		t.Errorf("verified %+v", r.Verified)
	}
}
