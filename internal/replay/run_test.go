package replay

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"goipvs/internal/setup"
)

// journal is an Observer that writes down what happens.
type journal struct {
	Quiet
	bytes.Buffer
	names []string
}

func (j *journal) Interface(_ int, i CaptureIf) {
	j.names = append(j.names, i.Name)
	fmt.Fprintf(j, "interface %s of type %d\n", i.Name, i.Link)
}

func (j *journal) Input(f *Frame, iface int) {
	fmt.Fprintf(j, "%v %s < frame %d\n", f.Time, j.names[iface], f.N)
}

func (j *journal) Handled(err error) {
	if err != nil {
		fmt.Fprintf(j, "  %v\n", err)
	}
}

func (j *journal) Output(iface int, at time.Duration, frame []byte) {
	link := LinkEthernet
	if j.names[iface] == LocalName {
		link = LinkRaw
	}
	s := Describe(frame, link, 0)
	if _, ip, ok := strings.Cut(s, "IPv4 "); ok {
		s, _, _ = strings.Cut(ip, " ttl")
	}
	fmt.Fprintf(j, "%v %s > %s\n", at, j.names[iface], s)
}

func (j *journal) Command(l setup.Line, err error) { fmt.Fprintf(j, "%v %s (%v)\n", l.At, l.Text, err) }

func (j *journal) Listing(l Listing) {
	if l.File == ShowsFile {
		fmt.Fprintf(j, "%v %s\n", l.At, l.Command)
	}
}

// captureOf builds a capture of frames; at times in milliseconds.
func captureOf(ifs []CaptureIf, frames ...kept) *Capture {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, i := range ifs {
		w.AddInterface(i)
	}
	for _, f := range frames {
		w.Write(f.If, f.Time*time.Millisecond, []byte(f.Data), "")
	}
	c, err := NewCapture("test.pcapng", &b)
	if err != nil {
		panic(err)
	}
	return c
}

// udp is a datagram from 192.0.2.9 to 192.0.2.1.
const udp = "\x45\x00\x00\x1d\x00\x01\x40\x00\x40\x11\xb6\xc4\xc0\x00\x02\x09\xc0\x00\x02\x01\x03\xe8\x00\x35\x00\x09\x00\x00x"

const ethernetUDP = "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\xfe\x08\x00" + udp

const oneInterface = `
ip link set eth0 address 02:00:00:00:00:01 up
ip addr add 192.0.2.1/24 dev eth0
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth0
`

func TestRun(t *testing.T) {
	eth0 := []CaptureIf{{"eth0", LinkEthernet}}
	reply := strings.Replace(udp, "\xc0\x00\x02\x09\xc0\x00\x02\x01", "\xc0\x00\x02\x01\xc0\x00\x02\x09", 1)
	tests := []struct {
		name            string
		setup, timeline string
		config          Config
		want            string
		report          func(*Report)
	}{
		{
			name: "timeline between frames", setup: oneInterface,
			timeline: "at 0.05 ipvsadm -Ln\nat 1 ipvsadm -A -u 192.0.2.1:53 -s rr\nat 1 ipvsadm -D -u 192.0.2.2:53\nat 3 ipvsadm -Ln",
			config:   Config{Capture: captureOf(eth0, kept{0, 100, ethernetUDP, 0}, kept{0, 2000, ethernetUDP, 0})},
			want: `interface eth0 of type 1
interface local of type 101
50ms ipvsadm -Ln
100ms eth0 < frame 1
100ms local > 192.0.2.9 > 192.0.2.1
1s ipvsadm -A -u 192.0.2.1:53 -s rr (<nil>)
1s ipvsadm -D -u 192.0.2.2:53 (timeline.sh:3: No such service)
2s eth0 < frame 2
2s eth0 > 192.0.2.1 > 192.0.2.9
3s ipvsadm -Ln
`,
		},
		{
			name: "clock from the first frame", setup: oneInterface, timeline: "at 0 ipvsadm -C\nat 0.5 ipvsadm -C",
			config: Config{FromFirst: true, Capture: captureOf(eth0, kept{0, 1e12, ethernetUDP, 0}, kept{0, 1e12 + 2000, ethernetUDP, 0})},
			want: `interface eth0 of type 1
interface local of type 101
0s ipvsadm -C (<nil>)
277777h46m40s eth0 < frame 1
277777h46m40s local > 192.0.2.9 > 192.0.2.1
500ms ipvsadm -C (<nil>)
277777h46m42s eth0 < frame 2
277777h46m42s local > 192.0.2.9 > 192.0.2.1
`,
		},
		{
			name: "a clock that was set", setup: oneInterface, timeline: "at 1e9 ipvsadm -C",
			config: Config{maxGap: time.Hour, Capture: captureOf(eth0, kept{0, 1, ethernetUDP, 0}, kept{0, 1e12, ethernetUDP, 0}, kept{0, 1e12 + 1, ethernetUDP, 0})},
			want: `interface eth0 of type 1
interface local of type 101
1ms eth0 < frame 1
1ms local > 192.0.2.9 > 192.0.2.1
277777h46m40s ipvsadm -C (<nil>)
277777h46m40s eth0 < frame 2
277777h46m40s local > 192.0.2.9 > 192.0.2.1
277777h46m40.001s eth0 < frame 3
277777h46m40.001s local > 192.0.2.9 > 192.0.2.1
`,
		},
		{
			name: "time going back", setup: oneInterface,
			config: Config{Capture: captureOf(eth0, kept{0, 100, ethernetUDP, 0}, kept{0, 50, ethernetUDP, 0})},
			want: `interface eth0 of type 1
interface local of type 101
100ms eth0 < frame 1
100ms local > 192.0.2.9 > 192.0.2.1
100ms eth0 < frame 2
100ms local > 192.0.2.9 > 192.0.2.1
`,
			report: func(r *Report) { r.Backwards = 1 },
		},
		{
			name: "local processes, before the interfaces", setup: oneInterface,
			config: Config{Capture: captureOf([]CaptureIf{{"local", LinkRaw}, {"eth0", LinkEthernet}}, kept{0, 1, reply, 0}, kept{1, 2, ethernetUDP, 0})},
			want: `interface local of type 101
interface eth0 of type 1
1ms local < frame 1
1ms eth0 > 192.0.2.1 > 192.0.2.9
2ms eth0 < frame 2
2ms local > 192.0.2.9 > 192.0.2.1
`,
		},
		{
			name: "raw IP of an interface that --iface names", setup: oneInterface,
			config: Config{Iface: "eth0", Capture: captureOf([]CaptureIf{{"", LinkRawBSD}}, kept{0, 1, udp, 0})},
			want: `interface eth0 of type 1
interface local of type 101
1ms eth0 < frame 1
1ms local > 192.0.2.9 > 192.0.2.1
`,
		},
		{
			name: "cooked, of the interface that the setup names", setup: oneInterface,
			config: Config{Capture: captureOf([]CaptureIf{{"any", LinkSLL}},
				kept{0, 1, "\x00\x00\x00\x01\x00\x06\x02\x00\x00\x00\x00\xfe\x00\x00\x08\x00" + udp, 0},
				kept{0, 2, "\x00\x04\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x08\x00" + udp, 0},
				kept{0, 3, "\x00\x03\x00\x01\x00\x06\x02\x00\x00\x00\x00\xfe\x00\x00\x08\x00" + udp, 0})},
			want: `interface eth0 of type 1
interface local of type 101
1ms eth0 < frame 1
1ms local > 192.0.2.9 > 192.0.2.1
2ms eth0 < frame 2
  sent by the captured host itself, or too short
3ms eth0 < frame 3
`,
			report: func(r *Report) { r.Outgoing = 1; r.Interfaces[0].NotOurs = 1 },
		},
		{
			name: "cooked, version 2", setup: oneInterface,
			config: Config{Capture: captureOf([]CaptureIf{{"any", LinkSLL2}},
				kept{0, 1, "\x08\x00\x00\x00\x00\x00\x00\x02\x00\x01\x00\x06\x02\x00\x00\x00\x00\xfe\x00\x00" + udp, 0})},
			want: `interface eth0 of type 1
interface local of type 101
1ms eth0 < frame 1
1ms local > 192.0.2.9 > 192.0.2.1
`,
		},
		{
			name: "interfaces that only the setup names", setup: oneInterface + "ip link set eth1 up\nip link add ipvs0 type dummy",
			config: Config{Implied: true, Capture: captureOf(eth0, kept{0, 1, ethernetUDP, 0})},
			want: `interface eth0 of type 1
interface eth1 of type 1
interface local of type 101
1ms eth0 < frame 1
1ms local > 192.0.2.9 > 192.0.2.1
`,
		},
		{
			name: "frames for another station", setup: "ip link set eth0 address 02:00:00:00:00:02 up\nip addr add 192.0.2.1/24 dev eth0",
			config: Config{Capture: captureOf(eth0, kept{0, 1, ethernetUDP, 0})},
			want: `interface eth0 of type 1
interface local of type 101
1ms eth0 < frame 1
`,
			report: func(r *Report) { r.Interfaces[0].NotOurs = 1 },
		},
		{
			name: "no frames", setup: oneInterface,
			config: Config{Capture: captureOf(eth0)},
			want: `interface eth0 of type 1
interface local of type 101
`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			if tt.config.Setup, err = setup.Parse("setup.sh", strings.NewReader(tt.setup)); err != nil {
				t.Fatal(err)
			}
			if tt.config.Timeline, err = setup.ParseTimeline("timeline.sh", strings.NewReader(tt.timeline)); err != nil {
				t.Fatal(err)
			}
			var j journal
			got, err := Run(tt.config, &j)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, j.String()); d != "" {
				t.Error(d)
			}
			want := &Report{Refused: map[string]int{}}
			for _, i := range got.Interfaces {
				i.NotOurs = 0
				want.Interfaces = append(want.Interfaces, i)
			}
			if tt.report != nil {
				tt.report(want)
			}
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Report{}, "Failed")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	eth0 := []CaptureIf{{"eth0", LinkEthernet}}
	tests := []struct {
		name, setup string
		capture     *Capture
		want        string
	}{
		{"unknown interface", "ip link set eth1 up", captureOf(eth0), "setup.sh:1: eth1: Cannot find device"},
		{"unknown setting", "\nsysctl -w net.ipv4.vs.nonsense=1", captureOf(eth0), "setup.sh:2: "},
		{"setting that is not emulated", "sysctl -w net.ipv4.conf.all.rp_filter=1", captureOf(eth0), "setup.sh:1: net.ipv4.conf.all.rp_filter=1: not emulated"},
		{"module that is not emulated", "modprobe bonding", captureOf(eth0), "setup.sh:1: module bonding: not emulated"},
		{"ipvsadm's complaint", "ipvsadm -D -t 1.2.3.4:80", captureOf(eth0), "setup.sh:1: No such service"},
		{"link type", "", captureOf([]CaptureIf{{"wlan0", 105}}), `test.pcapng: interface "wlan0": link type 105 is not understood: only Ethernet (1), raw IP (101) and Linux cooked (113, 276) are`},
		{"local processes in frames", "", captureOf([]CaptureIf{{"local", 1}}), `test.pcapng: interface "local": link type 1 is not raw IP`},
		{"no name", "ip link set eth0 up\nip link set eth1 up", captureOf([]CaptureIf{{"", 1}}), `test.pcapng: the capture names no interface: say --iface NAME`},
		{"loopback", "", captureOf([]CaptureIf{{"lo", 1}}), `interface "lo": File exists`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines, err := setup.Parse("setup.sh", strings.NewReader(tt.setup))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Run(Config{Setup: lines, Capture: tt.capture}, Printer{W: io.Discard})
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
