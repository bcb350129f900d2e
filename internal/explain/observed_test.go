package explain

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"goipvs/internal/replay"
)

// kept is a frame with its interface.
type kept struct {
	replay.CaptureIf
	at   time.Duration
	data []byte
}

func readFrames(t testing.TB, file string) (all []kept) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := replay.NewCapture(file, f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		x, err := c.Next()
		if err != nil {
			return all
		}
		all = append(all, kept{c.Interfaces()[x.If], x.Time, bytes.Clone(x.Data)})
	}
}

func capture(t testing.TB, all []kept) *replay.Capture {
	t.Helper()
	var b bytes.Buffer
	w := replay.NewWriter(&b)
	index := map[replay.CaptureIf]int{}
	for _, f := range all {
		if _, ok := index[f.CaptureIf]; !ok {
			index[f.CaptureIf] = w.AddInterface(f.CaptureIf)
		}
		w.Write(index[f.CaptureIf], f.at, f.data, "")
	}
	c, err := replay.NewCapture("capture", &b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// recordedOutput holds an explanation against what the real kernel sent.
func recordedOutput(t testing.TB, dir string) *Observed {
	t.Helper()
	c, err := replay.OpenCase(dir)
	if err != nil {
		t.Fatal(err)
	}
	x, err := NewObserved(capture(t, readFrames(t, filepath.Join(dir, replay.OutFile))), "")
	if err != nil {
		t.Fatal(err)
	}
	x.W, x.Mask = new(strings.Builder), append([]replay.Mask{}, c.Meta.Mask...)
	return x
}

// observe compares frames that a director sent with a replay.
func observe(t testing.TB, c replay.Config, frames []kept, mask []replay.Mask) (*Observed, string) {
	t.Helper()
	x, err := NewObserved(capture(t, frames), "")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	x.W, x.Mask = &b, mask
	if _, err := Run(c, x); err != nil {
		t.Fatal(err)
	}
	return x, b.String()
}

const natCase = "../../testdata/corpus/nat-onearm"

// A frame that is other, missing or too many is found, and the packet explained
// that it belongs to.
func TestObservedDifferences(t *testing.T) {
	frames := func() []kept { return readFrames(t, natCase+"/"+replay.OutFile) }
	for _, c := range []struct {
		name   string
		change func([]kept) []kept
		want   []string
	}{
		{"other", func(f []kept) []kept { f[3].data[14+8]++; return f },
			[]string{"after 3 frames that are the same: eth0 frame 4 differs\n", "first different octet 22", "── packet 4 ──"}},
		{"missing", func(f []kept) []kept { return slices.Delete(f, 2, 3) },
			[]string{"after 2 frames that are the same: eth0 frame 3 differs\n", "── packet 3 ──"}},
		{"last missing", func(f []kept) []kept { return f[:len(f)-1] },
			[]string{"after 26 frames that are the same: eth0 frame 27: IPVS sends it, the director did not", "── packet 27 ──"}},
		{"too many", func(f []kept) []kept { return slices.Insert(f, 5, f[0]) },
			[]string{"after 5 frames that are the same: eth0 frame 6: the director sent it, IPVS does not", "── packet 6 ──"}},
		{"one more at the end", func(f []kept) []kept { return append(f, f[0]) },
			[]string{"after 27 frames that are the same: eth0 frame 28: the director sent it, IPVS does not", "── packet 27 ──"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, said := observe(t, openCase(t, natCase), c.change(frames()), []replay.Mask{})
			if !x.Differs {
				t.Error("no difference")
			}
			for _, w := range c.want {
				if !strings.Contains(said, w) {
					t.Errorf("no %q in\n%s", w, said)
				}
			}
		})
	}
}

// A capture of one's own has what came in as well as what went out, by an
// interface or by all of them at once ("any"), with fields that any kernel fills
// as it likes.
func TestObservedByTcpdump(t *testing.T) {
	for _, dir := range []string{natCase, "../../testdata/corpus/nat-mtu-df", "../../testdata/corpus/tun-gue-csum", "../../testdata/corpus/v6-nat-udp"} {
		in, out := readFrames(t, dir+"/"+replay.InFile), readFrames(t, dir+"/"+replay.OutFile)
		both := slices.Concat(in, out)
		slices.SortStableFunc(both, func(a, b kept) int { return int(a.at - b.at) })
		own := 0
		for i := range out {
			if out[i].Link == replay.LinkEthernet {
				own++
			}
			// Another director's, that made the same of other identifications.
			if b := out[i].data; len(b) > 34 && b[12] == 8 && b[13] == 0 && b[14+9] == 1 {
				b[14+4]++
				binary.BigEndian.PutUint16(b[14+10:], binary.BigEndian.Uint16(b[14+10:])-0x100)
			}
		}
		x, said := observe(t, openCase(t, dir), both, nil)
		if x.Differs || x.Compared < own {
			t.Errorf("%s: %d of %d frames compared\n%s", dir, x.Compared, own, said)
		}
		x, said = observe(t, openCase(t, dir), cooked(both, in), nil)
		if x.Differs || x.Compared != own {
			t.Errorf("%s, any: %d of %d frames compared\n%s", dir, x.Compared, own, said)
		}
	}
}

// cooked makes of frames what tcpdump -i any writes.
func cooked(all, in []kept) (out []kept) {
	for _, f := range all {
		if f.Link != replay.LinkEthernet {
			continue
		}
		how := byte(cookedOutgoing)
		for _, i := range in {
			if bytes.Equal(i.data, f.data) {
				how = 0
			}
		}
		h := make([]byte, cookedLen)
		h[1], h[3], h[5] = how, 1, 6
		copy(h[6:], f.data[6:12])
		copy(h[14:], f.data[12:14])
		out = append(out, kept{replay.CaptureIf{Name: "any", Link: replay.LinkSLL}, f.at, append(h, f.data[14:]...)})
	}
	return out
}

var _ Sink = (*Observed)(nil)

// A capture without the interface's name needs to be told it.
func TestObservedWithoutName(t *testing.T) {
	c := capture(t, []kept{{replay.CaptureIf{Link: replay.LinkEthernet}, 0, make([]byte, 60)}})
	if _, err := NewObserved(c, ""); err == nil || !strings.Contains(err.Error(), "--iface") {
		t.Error(err)
	}
}
