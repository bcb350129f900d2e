package live_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/explain"
	"goipvs/internal/follow"
	"goipvs/internal/live"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
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

// director is how the network's director would be set up for replay.
const director = `sysctl -w net.ipv4.ip_forward=1
sysctl -w net.ipv6.conf.all.forwarding=1
sysctl -w net.ipv4.conf.all.rp_filter=0
sysctl -w net.ipv4.conf.eth0.rp_filter=0
sysctl -w net.ipv4.conf.eth1.rp_filter=0
ip link set eth0 up
ip link set eth1 up
ip addr add 198.51.100.1/24 dev eth0
ip addr add 10.1.0.1/24 dev eth1
ip -6 addr add 2001:db8:c::1/64 dev eth0 nodad
ip -6 addr add 2001:db8:1::1/64 dev eth1 nodad
ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:02 dev eth0
ip neigh add 10.1.0.11 lladdr 02:00:00:00:01:11 dev eth1
ip neigh add 10.1.0.12 lladdr 02:00:00:00:01:12 dev eth1
ip -6 neigh add 2001:db8:c::2 lladdr 02:00:00:00:00:02 dev eth0
ip -6 neigh add 2001:db8:1::11 lladdr 02:00:00:00:01:11 dev eth1
ip -6 neigh add 2001:db8:1::12 lladdr 02:00:00:00:01:12 dev eth1
`

// explained is what explain says of the packets of passages.
func explained(t *testing.T, text string, live []*trace.Passage) []*trace.Passage {
	t.Helper()
	var b bytes.Buffer
	w := replay.NewWriter(&b)
	ifs := map[string]int{}
	for _, name := range []string{"eth0", "eth1"} {
		ifs[name] = w.AddInterface(replay.CaptureIf{Name: name, Link: replay.LinkRaw})
	}
	for _, g := range live {
		if g.Type != "packet" {
			continue
		}
		frame := bytes.Clone(g.Frame)
		if slices.ContainsFunc(g.Steps, func(s trace.Step) bool { return s.Point == hooks.Forward.String() }) {
			older(frame)
		}
		w.Write(ifs[g.Interface], time.Second+time.Duration(g.Time), frame, "")
	}
	if w.Err() != nil {
		t.Fatal(w.Err())
	}
	c, err := replay.NewCapture("live", &b)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := setup.Parse("setup", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	if _, err := explain.Run(replay.Config{Setup: lines, Capture: c, Implied: true}, h); err != nil {
		t.Fatal(err)
	}
	return h.passages
}

// older gives a datagram the time to live back that it had when it came: at
// FORWARD it is one less.
func older(b []byte) {
	if b[0]>>4 == 6 {
		b[7]++
		return
	}
	b[8]++
	binary.BigEndian.PutUint16(b[10:], 0)
	sum := uint32(0)
	for i := 0; i < int(b[0]&15)*4; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum+sum>>16))
}

// said is a step's text but for whether a route was remembered: the kernel may have
// told the daemon meanwhile that something is new about its own.
func said(s *trace.Step) string { return strings.ReplaceAll(s.Text, ", remembered by the server", "") }

// ofIPVS is the text of what IPVS itself did with a packet that came: without the
// machine around it, which in a daemon is the kernel, and without the hooks that
// it meets again.
func ofIPVS(t *testing.T, g *trace.Passage) string {
	t.Helper()
	x := *g
	x.N, x.Time, x.Summary = 1, 0, ""
	x.Steps = nil
	for i := range g.Steps {
		s := g.Steps[i]
		again := s.Reason == hooks.ReasonOurs || s.Kind == "hook" && i+1 < len(g.Steps) && g.Steps[i+1].Reason == hooks.ReasonOurs
		s.Text = said(&s)
		if !s.Host && !again && s.Packet == 1 {
			x.Steps = append(x.Steps, s)
		}
	}
	var b strings.Builder
	if err := trace.WriteText(&b, &x, trace.Style{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// decided is what IPVS decided about one of the packets of a passage.
func decided(g *trace.Passage, packet int) (all []string) {
	for _, s := range g.Steps {
		if !s.Host && s.Packet == packet {
			all = append(all, strings.Join([]string{s.Point, s.Hook, s.Func, s.Verdict, string(s.Reason), said(&s)}, " | "))
		}
	}
	return all
}

// sent are the datagrams that left, by interface. ICMP errors of IPv4 have no
// number here: it is drawn.
func sent(g *trace.Passage, link int) (all []string) {
	for _, o := range g.Outputs {
		b := bytes.Clone(o.Frame[link:])
		if g.Outcome == trace.Gone && b[0]>>4 == 4 {
			clear(b[4:6])
			clear(b[10:12]) // checksum
		}
		all = append(all, o.Interface+" "+string(b))
	}
	return all
}

// What goipvs trace tells of a daemon's packets is what goipvs explain tells of
// the same packets.
func TestTraceIsExplained(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	rules := services("-m")
	rules += "ipvsadm -A -u " + vip4 + ":81 -s rr\nipvsadm -A -u [" + vip6 + "]:81 -s rr\n" // without servers
	d, err := tryRun(t, n.director, live.Options{Socket: filepath.Join(t.TempDir(), "sock"), Queues: 1, Inject: live.InjectRaw}, rules)
	if err != nil {
		t.Fatal(err)
	}
	end := traced(t, d, control.TraceRequest{})
	for _, vip := range []string{vip4, vip6} {
		for _, network := range []string{"tcp", "udp"} {
			if got := ask(t, n.client, network, hostPort(vip, "80"), "hello"); got != "s2 hello" {
				t.Error(got)
			}
		}
		if got := ask(t, n.client, "udp", hostPort(vip, "81"), "hello"); !strings.HasSuffix(got, "connection refused") {
			t.Error(got)
		}
	}
	ask(t, n.client, "udp", hostPort(vip4, "81"), "over")
	h, err := end()
	if err != nil || h.lost > 0 {
		t.Fatalf("%v, %d lost", err, h.lost)
	}
	if len(h.start.Services) != 6 || len(h.start.Hooks) == 0 || !slices.Contains(h.start.Interfaces, trace.Device{Name: "eth1", Link: "raw"}) || len(h.start.Setup) < 6 {
		t.Errorf("the first line: %+v", h.start)
	}
	// An ICMP error of the daemon's comes to it again at LOCAL_OUT, as a packet of
	// its own.
	var came, errs []*trace.Passage
	for _, g := range h.passages {
		switch {
		case g.Type == "packet" && g.Interface == replay.LocalName:
			errs = append(errs, g)
		case g.Type == "packet":
			came = append(came, g)
		}
	}
	want := slices.DeleteFunc(explained(t, director+rules, came), func(g *trace.Passage) bool { return g.Type != "packet" })
	if len(came) < 22 || len(want) != len(came) { // each TCP connection has eight at least, each of UDP two or one
		t.Fatalf("%d packets traced, %d explained", len(came), len(want))
	}
	for i, g := range came {
		if d := cmp.Diff(ofIPVS(t, want[i]), ofIPVS(t, g)); d != "" {
			t.Errorf("packet %d, %s (-explain +trace):\n%s", g.N, g.Summary, d)
		}
		if d := cmp.Diff(sent(want[i], 14), sent(g, 0)); d != "" {
			t.Errorf("packet %d, %s: what left (-explain +trace):\n%s", g.N, g.Summary, d)
		}
		if g.Outcome != want[i].Outcome || g.Reason != want[i].Reason {
			t.Errorf("packet %d: %s, %s; explain says %s, %s", g.N, g.Outcome, g.Reason, want[i].Outcome, want[i].Reason)
		}
		if len(want[i].Packets) < 2 || i == len(came)-1 { // the last one's may come later
			continue
		}
		if len(errs) == 0 {
			t.Errorf("packet %d, %s: the ICMP error isn't told of", g.N, g.Summary)
			continue
		}
		if d := cmp.Diff(decided(want[i], 2), decided(errs[0], 1)); d != "" {
			t.Errorf("packet %d, %s: the ICMP error (-explain +trace):\n%s", g.N, g.Summary, d)
		}
		errs = errs[1:]
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
