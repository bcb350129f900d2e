package live_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/explain"
	"goipvs/internal/live"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
	"goipvs/internal/trace"
)

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

// sent are the datagrams that left, by interface. ICMP errors of IPv4 that were made
// have no number here: it is drawn. Of frames the header of a link is left out; what
// a process gets has none.
func sent(g *trace.Passage, link int) (all []string) {
	for _, o := range g.Outputs {
		b := bytes.Clone(o.Frame)
		if o.Interface != replay.LocalName {
			b = b[link:]
		}
		if o.Packet > 0 && g.Packets[o.Packet-1].Kind == "icmp-error" && b[0]>>4 == 4 {
			clear(b[4:6])
			clear(b[10:12]) // checksum
		}
		all = append(all, o.Interface+" "+string(b))
	}
	return all
}

// without are services without servers.
const without = "ipvsadm -A -u " + vip4 + ":81 -s rr\nipvsadm -A -u [" + vip6 + "]:81 -s rr\n"

// mute are services for UDP by NAT: at port 82 of a server that has closed its own,
// at port 83 of one that answers late.
func mute() string {
	var s strings.Builder
	s.WriteString(dummy)
	for vip, rs := range map[string]string{vip4: "10.1.0.11", "[" + vip6 + "]": "[2001:db8:1::11]"} {
		for _, port := range []string{"82", "83"} {
			fmt.Fprintf(&s, "ipvsadm -A -u %s:%s -s rr\nipvsadm -a -u %[1]s:%[2]s -r %s:%[2]s -m\n", vip, port, rs)
		}
	}
	return s.String()
}

// What goipvs trace tells of a daemon's packets is what goipvs explain tells of
// the same packets.
func TestTraceIsExplained(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules string
		route func(*network, testing.TB)
		talk  func(n *network, t *testing.T, vip string)
		came  int      // so many packets come to the director at least
		funcs []string // of the kernel's, which have something to do
	}{
		// Each TCP connection has eight packets at least, of which five are the client's.
		{"NAT", services("-m"), (*network).behind, (*network).converse, 22, []string{"ip_vs_nat_xmit", "ip_vs_nat_xmit_v6", "handle_response"}},
		{"DR", services("-g"), (*network).beside, (*network).converse, 14, []string{"ip_vs_dr_xmit", "ip_vs_dr_xmit_v6"}},
		{"tunnel", services("-i"), func(*network, testing.TB) {}, (*network).wrap, 11, []string{"ip_vs_tunnel_xmit", "ip_vs_tunnel_xmit_v6", "ip_vs_in_icmp"}},
		{"ICMP errors about NAT", mute(), (*network).behind, (*network).miss, 13, []string{"ip_vs_icmp_xmit", "ip_vs_icmp_xmit_v6", "handle_response_icmp"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			c.route(n, t)
			rules := c.rules + without
			d, err := tryRun(t, n.director, live.Options{Socket: filepath.Join(t.TempDir(), "sock"), Queues: 1, Inject: live.InjectRaw}, rules)
			if err != nil {
				t.Fatal(err)
			}
			end := traced(t, d, control.TraceRequest{})
			for _, vip := range []string{vip4, vip6} {
				c.talk(n, t, vip)
				if got := ask(t, n.client, "udp", hostPort(vip, "81"), "hello"); !strings.HasSuffix(got, "connection refused") {
					t.Error(got)
				}
			}
			ask(t, n.client, "udp", hostPort(vip4, "81"), "over")
			h, err := end()
			if err != nil || h.lost > 0 {
				t.Fatalf("%v, %d lost", err, h.lost)
			}
			if len(h.start.Services) != strings.Count(rules, "ipvsadm -A ") || len(h.start.Hooks) == 0 || !slices.Contains(h.start.Interfaces, trace.Device{Name: "eth1", Link: "raw"}) || len(h.start.Setup) < 6 {
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
			if len(came) < c.came {
				t.Errorf("%d packets came", len(came))
			}
			for _, f := range c.funcs {
				if !slices.ContainsFunc(came, func(g *trace.Passage) bool {
					return slices.ContainsFunc(g.Steps, func(s trace.Step) bool { return s.Func == f })
				}) {
					t.Errorf("%s had nothing to do", f)
				}
			}
			compare(t, came, errs, explained(t, director+rules, came))
		})
	}
}

// compare compares what was told of the packets that came, and of the daemon's ICMP
// errors about them, with what explain says of them.
func compare(t *testing.T, came, errs, want []*trace.Passage) {
	want = slices.DeleteFunc(want, func(g *trace.Passage) bool { return g.Type != "packet" })
	if len(want) != len(came) {
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
