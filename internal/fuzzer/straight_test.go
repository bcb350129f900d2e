package fuzzer

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/internal/replay"
	"goipvs/packet"
)

// TestStraight replays cases of many seeds with a listener, which has every
// packet go the long way through the hooks, and without one: frames and listings
// are the same.
func TestStraight(t *testing.T) {
	for seed := range uint64(60) {
		c, err := Generate(seed, Default, 150, hooks.Linux6_1)
		if err != nil {
			t.Fatal(err)
		}
		straight, long := c.outcome(t, nil), c.outcome(t, deaf{})
		if len(straight) < 10 {
			t.Errorf("seed %d: %d lines of output", seed, len(straight))
		}
		if diff := cmp.Diff(long, straight); diff != "" {
			t.Fatalf("seed %d (-long +straight)\n%s", seed, diff)
		}
	}
}

// deaf is a listener that makes nothing of what it hears.
type deaf struct{}

func (deaf) Event(*packet.Packet, packet.Event) {}

// outcome keeps all that a replay puts out.
type outcome struct {
	replay.Quiet
	all []string
}

func (o *outcome) Output(iface int, at time.Duration, frame []byte) {
	o.all = append(o.all, fmt.Sprintf("%v %d %x", at, iface, frame))
}

func (o *outcome) Listing(l replay.Listing) { o.all = append(o.all, fmt.Sprintf("%+v", l)) }

// outcome replays a case.
func (c *Case) outcome(t *testing.T, l packet.Listener) []string {
	t.Helper()
	config, err := c.config()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.capture(&b).Err(); err != nil {
		t.Fatal(err)
	}
	if config.Capture, err = replay.NewCapture(c.Name, &b); err != nil {
		t.Fatal(err)
	}
	var o outcome
	config.Listener = l
	if _, err := replay.Run(config, &o); err != nil {
		t.Fatal(err)
	}
	return o.all
}
