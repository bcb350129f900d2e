package live_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"goipvs/internal/control"
	"goipvs/internal/follow"
	"goipvs/internal/trace"
)

// heard keeps what a tracer is told.
type heard struct {
	passages []*trace.Passage
	lost     uint64
	start    *trace.Start
	begun    chan struct{}
	counted  chan struct{} // closed with services that count packets
	over     chan struct{} // closed with the packet that says "over"
}

func (h *heard) Start(s *trace.Start) error {
	h.start = s
	if h.begun != nil {
		close(h.begun)
	}
	return nil
}
func (h *heard) Passage(g *trace.Passage) error {
	h.passages = append(h.passages, g)
	if h.over != nil && bytes.HasSuffix(g.Frame, []byte("over")) {
		close(h.over)
		h.over = nil
	}
	return nil
}
func (h *heard) Lost(l *trace.Lost) error { h.lost += l.Packets; return nil }
func (h *heard) Services(s *trace.Services) error {
	for _, x := range s.Services {
		if x.Stats.InPkts > 0 && h.counted != nil {
			close(h.counted)
			h.counted = nil
		}
	}
	return nil
}
func (*heard) Listing(*trace.Listing) error { return nil }
func (*heard) End(*trace.End) error         { return nil }

// traced follows a daemon, without a number of packets until one that says "over".
// end waits for that, and returns how it ended and what was told.
func traced(t *testing.T, d *daemon, o control.TraceRequest) (end func() (*heard, error)) {
	t.Helper()
	conn, err := control.Dial(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	h := &heard{begun: make(chan struct{}), over: over}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- follow.Run(ctx, conn, o, h) }()
	t.Cleanup(cancel)
	select {
	case <-h.begun:
	case err := <-done:
		t.Fatal(err)
	}
	// The tracer is there when a packet can be told of, which is after its first
	// line was sent.
	return func() (*heard, error) {
		if o.Packets == 0 {
			select {
			case <-over:
			case <-time.After(time.Minute):
				t.Error("the last packet is not told of within a minute")
			}
			cancel()
		}
		return h, <-done
	}
}

// A filter chooses packets as they come or as they leave; after so many the trace
// ends by itself, for each of several tracers.
func TestTraceChooses(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	d := run(t, n.director, services("-m"))
	fromClient := traced(t, d, control.TraceRequest{Filter: "udp and dst host 10.1.0.12", Packets: 1}) // as it leaves
	both := traced(t, d, control.TraceRequest{Filter: "udp and host " + vip4, Packets: 2})
	last := traced(t, d, control.TraceRequest{Filter: "udp and dst host 10.1.0.11 and len = 32"})
	for _, network := range []string{"tcp", "udp"} {
		if got := ask(t, n.client, network, hostPort(vip4, "80"), "hello"); got != "s2 hello" {
			t.Error(got)
		}
	}
	if got := ask(t, n.client, "udp", hostPort(vip4, "80"), "over"); got != "s1 over" {
		t.Error(got)
	}
	for _, x := range []struct {
		end  func() (*heard, error)
		want []string
	}{
		{fromClient, []string{"eth0 → eth1"}},
		{both, []string{"eth0 → eth1", "eth1 → eth0"}},
		{last, []string{"eth0 → eth1"}},
	} {
		h, err := x.end()
		var got []string
		for i, g := range h.passages {
			if g.N != i+1 || len(g.Outputs) != 1 || !strings.Contains(g.Summary, " UDP ") {
				t.Errorf("%+v", g)
				continue
			}
			got = append(got, g.Interface+" → "+g.Outputs[0].Interface)
		}
		if err != nil || !slices.Equal(got, x.want) {
			t.Errorf("%q, want %q; %v", got, x.want, err)
		}
	}
}

// Who asks for it is told how services count.
func TestTraceServices(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	d := run(t, n.director, services("-m"))
	conn, err := control.Dial(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	counted := make(chan struct{})
	h := &heard{begun: make(chan struct{}), counted: counted}
	begun := h.begun
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- follow.Run(ctx, conn, control.TraceRequest{Services: true}, h) }()
	<-begun
	if got := ask(t, n.client, "udp", hostPort(vip4, "80"), "hello"); got != "s2 hello" {
		t.Error(got)
	}
	select {
	case <-counted:
	case <-time.After(time.Minute):
		t.Error("no services that count packets within a minute")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// When the daemon ends its tracers are told.
func TestTraceEnds(t *testing.T) {
	n := newNetwork(t)
	d := run(t, n.director, dummy)
	end := traced(t, d, control.TraceRequest{Packets: 1})
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if h, err := end(); !errors.Is(err, follow.ErrEnded) || len(h.passages) > 0 {
		t.Errorf("%v, %d passages", err, len(h.passages))
	}
}
