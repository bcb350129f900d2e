package bench

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
)

// example are results of two rounds.
func example() *Results {
	r := newResults(&Options{Rounds: 2, For: time.Second, Peers: slices.DeleteFunc(slices.Clone(Peers), func(p Peer) bool {
		return p.Name != dnat && p.Name != haproxy && p.Name != "goipvs"
	}), Measurements: slices.DeleteFunc(slices.Clone(Measurements), func(m Measurement) bool {
		return m.Name != "up" && m.Name != "udp" && m.Name != "requests-1"
	})})
	r.Machine = Machine{Kernel: "6.1.0", Processor: "Example", Processors: 2, Go: "go1.26", Load: 0.5}
	r.Begun = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, x := range []struct {
		peer, figure string
		values       []float64
	}{
		{haproxy, "up", []float64{10, 12}}, {"goipvs", "up", []float64{9, 11.5}}, {dnat, "up", []float64{20, 22}},
		{haproxy, "up-cpu", []float64{100, 100}}, {"goipvs", "up-cpu", []float64{50, 70}},
		{haproxy, "rr1-p50", []float64{36, 35}}, {"goipvs", "rr1-p50", []float64{34, 36}},
		{dnat, "udp", []float64{220, 200}}, {"goipvs", "udp", []float64{180, 175}},
		{"goipvs", "udp-cpu", []float64{3.5, 3.25}},
	} {
		for _, v := range x.values {
			r.add(x.peer, x.figure, v)
		}
	}
	r.Verified = Verified{Octets: 3 << 30, Answers: 1000}
	r.Problems = []string{"round 1, goipvs, up: 1 connections failed"}
	return r
}

func TestTable(t *testing.T) { packettest.Golden(t, "table", example().Table()) }

func TestPlot(t *testing.T) {
	svg := example().Plot()
	packettest.Golden(t, "plot", svg)
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestJSON(t *testing.T) {
	want := example()
	b, err := want.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got := &Results{}
	if err := json.Unmarshal(b, got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{3, 1}, Spread{2, 1, 3}},
		{[]float64{9, 1, 4}, Spread{4, 1, 9}},
		{[]float64{4, 3, 2, 1}, Spread{2.5, 1, 4}},
	} {
		if d := cmp.Diff(c.want, spread(c.values)); d != "" {
			t.Errorf("%v (-want +got):\n%s", c.values, d)
		}
	}
}

// Figures have names of their own, and are compared with peers that there are.
func TestFiguresAreSound(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Measurements {
		for _, f := range m.Figures {
			if seen[f.Name] {
				t.Errorf("two figures are called %s", f.Name)
			}
			seen[f.Name] = true
			if f.Beside != "" && !slices.ContainsFunc(Peers, func(p Peer) bool { return p.Name == f.Beside }) {
				t.Errorf("%s is compared with %s, which there is not", f.Name, f.Beside)
			}
		}
	}
}

func TestUDPDrops(t *testing.T) {
	const file = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  230: 00000000:1B58 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000000000000 4711
`
	if n, err := udpDrops([]byte(file), 7000); n != 4711 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := udpDrops([]byte(file), 7001); err == nil {
		t.Error("no error for a socket that there is not")
	}
}

func TestChecksumErrors(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       uint64
		ok         bool
	}{
		{"TCP and UDP", "Tcp: InErrs InCsumErrors\nTcp: 9 2\nUdp: InCsumErrors NoPorts\nUdp: 3 8\n", 5, true},
		{"nothing", "", 0, true},
		{"too few values", "Tcp: InErrs InCsumErrors\nTcp: 9\n", 0, false},
		{"no number", "Tcp: InCsumErrors\nTcp: many\n", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := checksumErrors([]byte(c.file))
			if got != c.want || (err == nil) != c.ok {
				t.Errorf("%d, %v", got, err)
			}
		})
	}
}
