package fuzzer

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
)

// TestGenerate makes cases of many seeds: the engine takes them all, and a seed
// makes the same case again.
func TestGenerate(t *testing.T) {
	for seed := range uint64(40) {
		c, err := Generate(seed, Default, 120, hooks.Linux6_1)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Generate(seed, Default, 120, hooks.Linux6_1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("seed %d makes another case the second time (-first +second)\n%s", seed, diff)
		}
		if len(c.Frames) < 20 {
			t.Errorf("seed %d: %d frames", seed, len(c.Frames))
		}
		for i, f := range c.Frames {
			if i > 0 && f.At < c.Frames[i-1].At+frameGap {
				t.Errorf("seed %d: frame %d at %v, the one before at %v", seed, i, f.At, c.Frames[i-1].At)
			}
		}
	}
}

// TestFeatures leaves out what wasn't asked for.
func TestFeatures(t *testing.T) {
	f, err := ParseFeatures("v4,udp,dr,sched,icmp")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		c, err := Generate(seed, f, 50, hooks.Linux6_1)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range c.Setup {
			for _, no := range []string{"-6", "ipvsadm -A -t", " -m ", " -i ", " -p ", "net.ipv4.vs", "iptables"} {
				if strings.Contains(l+" ", no) {
					t.Errorf("seed %d: %q", seed, l)
				}
			}
		}
		if len(c.Timeline) > 0 {
			t.Errorf("seed %d: a timeline without edits or listings", seed)
		}
		for i, x := range c.Frames {
			if x.Iface == local || x.Data[12] != 8 {
				t.Errorf("seed %d: frame %d on %s is % x", seed, i, x.Iface, x.Data[:min(20, len(x.Data))])
			}
		}
	}
}

// TestParseFeatures reads lists of names.
func TestParseFeatures(t *testing.T) {
	for _, tt := range []struct {
		list string
		want Features
	}{
		{"", Default},
		{"-sctp,-gue", Default &^ (SCTP | GUE)},
		{"v6,udp,dr,lblc", V6 | UDP | DR | SchedLocal},
		{"ttl", V4 | TCP | UDP | NAT | SchedBasic | TTL},
		{"simple,-v6", groups["simple"] &^ V6},
	} {
		if got, err := ParseFeatures(tt.list); err != nil || got != tt.want {
			t.Errorf("%q: %v, %v; want %v", tt.list, got, err, tt.want)
		}
	}
	if _, err := ParseFeatures("nat,nonsense"); err == nil || err.Error() != "no such feature: nonsense" {
		t.Error(err)
	}
	for i, n := range featureNames {
		if got, err := ParseFeatures(n); err != nil || !got.has(1<<i) {
			t.Errorf("%q: %v, %v", n, got, err)
		}
	}
}

// TestWrite reads what Write wrote.
func TestWrite(t *testing.T) {
	c, err := Generate(7, Default, 60, hooks.Linux6_1)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), c.Name)
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
	if err := rename(filepath.Join(dir, "meta.json"), "other"); err != nil {
		t.Fatal(err)
	}
	if got, err = Load(dir); err != nil || got.Name != "other" {
		t.Errorf("renamed: %q, %v", got.Name, err)
	}
}

// TestCheck finds a recording that the engine agrees with, and one that it
// doesn't.
func TestCheck(t *testing.T) {
	const dir = "../../testdata/corpus/nat-mtu-df"
	diffs, err := Check(dir)
	if err != nil || len(diffs) > 0 {
		t.Fatalf("%s: %q, %v", dir, diffs, err)
	}
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := replace(dir, other); err != nil {
		t.Fatal(err)
	}
	c.Frames = c.Frames[1:]
	if err := c.writeCapture(filepath.Join(other, "in.pcapng")); err != nil {
		t.Fatal(err)
	}
	diffs, err = Check(other)
	if err != nil || len(diffs) == 0 {
		t.Fatalf("without its first frame: %q, %v", diffs, err)
	}
	if got := class(diffs[0]); strings.ContainsAny(got, "0123456789") && !strings.Contains(got, "ICMPv6") {
		t.Errorf("class %q has numbers", got)
	}
}

// TestWithout leaves out a service with its servers, commands and frames.
func TestWithout(t *testing.T) {
	c := &Case{
		Setup: []string{
			"ip link set eth0 up", "ipvsadm -A -t 203.0.113.10:80 -s rr", "ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:80 -m -w 1",
			"ipvsadm -A -t 203.0.113.10:8080 -s rr", "ipvsadm -a -t 203.0.113.10:8080 -r 10.1.0.11:80 -m -w 1", "sysctl -w net.ipv4.vs.sloppy_tcp=1",
		},
		Timeline: []Command{{1, "ipvsadm -C"}, {2, "ipvsadm -Ln"}},
		Frames:   []Frame{{1, outside, nil}, {2, outside, nil}, {3, inside, nil}},
	}
	if n := len(c.units()); n != 10 {
		t.Errorf("%d units", n)
	}
	out := []unit{{'s', 1}, {'t', 0}, {'f', 1}, {'f', 2}}
	got := c.without(out)
	want := &Case{
		Setup: []string{c.Setup[0], c.Setup[3], c.Setup[4], c.Setup[5]}, Timeline: c.Timeline[1:], Frames: c.Frames[:1],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(got, c.without(c.lessThan(got))); diff != "" {
		t.Errorf("less what it lacks (-want +got)\n%s", diff)
	}
}
