package trace_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/conntrack"
	"goipvs/hooks"
	"goipvs/internal/host"
	"goipvs/internal/trace"
	"goipvs/packet"
	"goipvs/sched"
)

var update = flag.Bool("update", false, "write the expected texts anew")

func addr(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

var (
	web = sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: addr("203.0.113.10"), Port: 80}
	dns = sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoUDP, Addr: addr("203.0.113.10"), Port: 53}
)

// director is an emulated machine with three services: NAT, and a tunnel, and
// one without servers.
type director struct {
	*host.Host
	dir *hooks.Director
	rec trace.Recorder
}

// Frame implements host.Sink.
func (d *director) Frame(name string, b []byte) { d.rec.Output(name, b) }

// Local implements host.Sink.
func (d *director) Local(b []byte) { d.rec.Output("local", b) }

func newDirector(t *testing.T) *director {
	t.Helper()
	d := &director{}
	d.Host = host.New(host.Config{Sink: d, Listener: &d.rec})
	dir := hooks.New(hooks.Config{Stack: d.Host, Listener: &d.rec})
	d.dir = dir
	d.rec.IfName = d.IfName
	d.SetHooks(dir)
	nowhere := web
	nowhere.Port = 81
	real := sched.DestKey{Family: packet.IPv4, Addr: addr("10.1.0.11"), Port: 8080}
	tunnel := sched.DestKey{Family: packet.IPv4, Addr: addr("10.1.0.12"), Port: 53}
	for _, err := range []error{
		d.AddInterface("eth0", host.Ethernet), d.AddInterface("eth1", host.Ethernet),
		d.AddAddr("eth0", netip.MustParsePrefix("192.0.2.1/24")), d.AddAddr("eth1", netip.MustParsePrefix("10.1.0.1/24")),
		d.AddAddr("lo", netip.MustParsePrefix("203.0.113.10/32")),
		d.SetUp("eth0", true), d.SetUp("eth1", true),
		d.AddNeigh("eth0", netip.MustParseAddr("192.0.2.100"), [6]byte{2, 0, 0, 0, 0, 100}),
		d.AddNeigh("eth1", netip.MustParseAddr("10.1.0.11"), [6]byte{2, 0, 0, 0, 1, 11}),
		d.AddNeigh("eth1", netip.MustParseAddr("10.1.0.12"), [6]byte{2, 0, 0, 0, 1, 12}),
		dir.AddService(sched.ServiceConfig{ServiceKey: web, Scheduler: "rr", Netmask: 0xffffffff}),
		dir.AddService(sched.ServiceConfig{ServiceKey: dns, Scheduler: "wlc", Netmask: 0xffffffff}),
		dir.AddService(sched.ServiceConfig{ServiceKey: nowhere, Scheduler: "rr", Netmask: 0xffffffff}),
		dir.AddDest(web, sched.DestConfig{DestKey: real, Weight: 1}),
		dir.AddDest(dns, sched.DestConfig{DestKey: tunnel, Weight: 1, Forward: sched.Tunnel}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d.SetForwarding(packet.IPv4, true)
	return d
}

// datagram makes an IPv4 datagram with a TCP or UDP header.
func datagram(proto uint8, src string, sport uint16, dst string, dport uint16, flags byte) []byte {
	n := packet.SizeUDP
	if proto == packet.ProtoTCP {
		n = packet.SizeTCP
	}
	b := make([]byte, packet.SizeIPv4+n)
	b[0], b[3], b[8], b[9] = 0x45, byte(len(b)), 64, proto
	s, d := addr(src), addr(dst)
	copy(b[12:], s[:4])
	copy(b[16:], d[:4])
	packet.SetIPv4Checksum(b, 0)
	l4 := b[packet.SizeIPv4:]
	l4[0], l4[1], l4[2], l4[3] = byte(sport>>8), byte(sport), byte(dport>>8), byte(dport)
	if proto == packet.ProtoTCP {
		l4[12], l4[13] = 5<<4, flags
	} else {
		l4[5] = packet.SizeUDP
	}
	return b
}

const (
	syn = 0x02
	ack = 0x10
)

func TestText(t *testing.T) {
	frame := func(b []byte) []byte { return append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0}, b...) }
	for _, c := range []struct {
		name    string
		ifname  string
		packets [][]byte
	}{
		{"nat", "eth0", [][]byte{datagram(packet.ProtoTCP, "192.0.2.100", 40000, "203.0.113.10", 80, syn)}},
		{"nat-known", "eth0", [][]byte{
			datagram(packet.ProtoTCP, "192.0.2.100", 40000, "203.0.113.10", 80, syn),
			datagram(packet.ProtoTCP, "192.0.2.100", 40000, "203.0.113.10", 80, ack),
		}},
		{"tunnel", "eth0", [][]byte{datagram(packet.ProtoUDP, "192.0.2.100", 40000, "203.0.113.10", 53, 0)}},
		{"no-servers", "eth0", [][]byte{datagram(packet.ProtoTCP, "192.0.2.100", 40000, "203.0.113.10", 81, syn)}},
		{"not-ours", "eth0", [][]byte{datagram(packet.ProtoTCP, "192.0.2.100", 40000, "203.0.113.10", 22, syn)}},
		{"forwarded", "eth1", [][]byte{datagram(packet.ProtoTCP, "10.1.0.11", 8080, "192.0.2.100", 40000, syn|ack)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDirector(t)
			mac := [6]byte{2, 0, 0, 0, 0, 1}
			for _, name := range []string{"eth0", "eth1"} {
				if err := d.SetMAC(name, mac); err != nil {
					t.Fatal(err)
				}
			}
			var got strings.Builder
			for i, p := range c.packets {
				at := time.Duration(i+1) * time.Millisecond
				d.rec.Begin(true)
				if err := d.Receive(c.ifname, frame(p), at); err != nil {
					t.Fatal(err)
				}
				g := trace.Passage{Type: "packet", N: i + 1, Time: trace.Seconds(at), Interface: c.ifname, Frame: frame(p)}
				d.rec.Fill(&g, d.rec.Take(&g), d.dir.Conn)
				trace.Conclude(&g)
				if err := trace.WriteText(&got, &g, trace.Style{}); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join("testdata", c.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Colours are for terminals, and what a capture has in it is no command for one.
func TestTextStyles(t *testing.T) {
	g := trace.Passage{Type: "packet", N: 1, Interface: "eth\x1b[2J0\ue0002J\ue001", Summary: "a\x07\u009b b\ue00031\ue001", Text: "Sent.", Outcome: trace.Sent}
	for color, want := range map[bool]string{
		false: "── packet 1 ── 0.000000 s ── in by eth[2J02J ──\n   a b31\n   Sent.\n\n",
		true:  "\x1b[1m── packet 1 ── 0.000000 s ── in by eth[2J02J ──\x1b[0m\n   a b\x1b[31m\n   \x1b[32mSent.\x1b[0m\n\n",
	} {
		var b strings.Builder
		if err := trace.WriteText(&b, &g, trace.Style{Width: 50, Color: color}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, b.String()); d != "" {
			t.Errorf("colour %v: %s", color, d)
		}
	}
}

func FuzzSummary(f *testing.F) {
	f.Add(false, datagram(packet.ProtoTCP, "192.0.2.100", 40000, "203.0.113.10", 80, syn))
	f.Add(false, []byte{0x4f, 19: 1})
	f.Add(true, []byte{0x60, 6: packet.ProtoIPv6, 80: 0})
	f.Fuzz(func(_ *testing.T, v6 bool, b []byte) {
		p := packet.Packet{}
		fam := packet.IPv4
		if v6 {
			fam = packet.IPv6
		}
		p.Set(fam, b, 0)
		trace.Summary(&p)
	})
}

// A connection's end is a step that is about no packet.
func TestWithoutPacket(t *testing.T) {
	var r trace.Recorder
	r.Event(nil, hooks.Ended{Why: hooks.ReasonTimedOut, Conn: &conntrack.Conn{}})
	g := trace.Passage{Type: "timer"}
	r.Take(&g)
	if len(g.Steps) != 1 || g.Steps[0].Packet != 0 || g.Steps[0].Kind != "end" {
		t.Errorf("steps: %+v", g.Steps)
	}
}
