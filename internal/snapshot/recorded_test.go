package snapshot_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"goipvs/internal/explain"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
)

// recorded is what the kernel's own IPVS did, and a snapshot of its machine, by
// testdata/snapshot/record.sh.
const recorded = "../../testdata/snapshot"

// openCapture opens what tcpdump captured.
func openCapture(t *testing.T, dir string) *replay.Capture {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "capture.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	c, err := replay.NewCapture(f.Name(), f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sentByDirector is how many of a capture's frames the director sent.
func sentByDirector(t *testing.T, dir string) (n int) {
	t.Helper()
	c := openCapture(t, dir)
	for {
		f, err := c.Next()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		const outgoing, at = 4, 10 // of the second Linux cooked header
		if link := c.Interfaces()[f.If].Link; link != replay.LinkSLL2 {
			t.Fatalf("link type %v", link)
		}
		if f.Data[at] == outgoing {
			n++
		}
	}
}

// With a snapshot and a capture, IPVS explained is the kernel's, frame for frame:
// NAT, direct routing, tunnels.
func TestRecorded(t *testing.T) {
	for _, c := range []struct {
		name string
		sent int // at least
	}{{"nat", 40}, {"dr", 20}, {"tun", 20}} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(recorded, c.name)
			lines, err := setup.ParseFile(filepath.Join(dir, "director.setup"))
			if err != nil {
				t.Fatal(err)
			}
			observed, err := explain.NewObserved(openCapture(t, dir), "eth0")
			if err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			observed.W = &said
			in := openCapture(t, dir)
			if _, err := explain.Run(replay.Config{Setup: lines, Capture: in, Iface: "eth0", Implied: true, FromFirst: true}, observed); err != nil {
				t.Fatal(err)
			}
			if observed.Differs {
				t.Error(said.String())
			}
			if n := sentByDirector(t, dir); n < c.sent || observed.Compared != n {
				t.Errorf("%d frames compared, of %d that the director sent", observed.Compared, n)
			}
		})
	}
}

// What the kernel did with one server more or less is not what IPVS does with the
// snapshot: the comparison finds it.
func TestRecordedDiffers(t *testing.T) {
	dir := filepath.Join(recorded, "nat")
	text, err := os.ReadFile(filepath.Join(dir, "director.setup"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := setup.Parse("changed", bytes.NewReader(append(text, "\nipvsadm -e -t 203.0.113.10:80 -r 10.1.0.12:8080 -m -w 9\n"...)))
	if err != nil {
		t.Fatal(err)
	}
	observed, err := explain.NewObserved(openCapture(t, dir), "eth0")
	if err != nil {
		t.Fatal(err)
	}
	observed.W = io.Discard
	if _, err := explain.Run(replay.Config{Setup: lines, Capture: openCapture(t, dir), Iface: "eth0", Implied: true, FromFirst: true}, observed); err != nil {
		t.Fatal(err)
	}
	if !observed.Differs {
		t.Error("another weight makes no difference")
	}
}
