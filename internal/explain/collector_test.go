package explain

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"goipvs/internal/host"
	"goipvs/internal/replay"
	"goipvs/internal/trace"
)

// What isn't a packet that came in is passed over, and it is said why.
func TestPassedOver(t *testing.T) {
	frames := readFrames(t, natCase+"/"+replay.InFile)[:1]
	out := readFrames(t, natCase+"/"+replay.OutFile)[:1]
	c := openCase(t, natCase)
	c.Capture = capture(t, slices.Concat(frames, out, cooked(out, nil)))
	c.Iface = "eth0"
	var x told
	if _, err := Run(c, &x); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range x.passages {
		if g.Type == "packet" {
			got = append(got, g.Outcome+" "+string(g.Reason))
		}
	}
	if want := []string{"sent request", "skipped outgoing", "skipped outgoing"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A frame of which the capture has only the beginning is passed over; so is one
// that can't be sent.
func TestNotHandled(t *testing.T) {
	var b bytes.Buffer
	w := replay.NewWriter(&b)
	w.AddInterface(replay.CaptureIf{Name: "eth0", Link: replay.LinkEthernet})
	w.AddInterface(replay.CaptureIf{Name: replay.LocalName, Link: replay.LinkRaw})
	frame := readFrames(t, natCase+"/"+replay.InFile)[0].data
	w.Write(0, time.Second, frame, "")
	w.Write(1, 2*time.Second, frame[14:24], "")
	cut := b.Bytes()
	// The first packet block's length on the wire, behind its captured length.
	at := bytes.Index(cut, frame) - 4
	cut[at]++
	var x told
	c := openCase(t, natCase)
	var err error
	if c.Capture, err = replay.NewCapture("cut", bytes.NewReader(cut)); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(c, &x); err != nil {
		t.Fatal(err)
	}
	if len(x.passages) != 2 || x.passages[0].Reason != host.ReasonCut || x.passages[0].Outcome != trace.Skipped || x.passages[0].Advice == "" {
		t.Errorf("%+v", x.passages[0])
	}
	if g := x.passages[1]; g.Reason != host.ReasonNotSent || g.Outcome != trace.Gone || g.Text != "Not sent: Invalid argument." {
		t.Errorf("%+v", g)
	}
}
