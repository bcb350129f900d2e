package typed

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/internal/replay"
)

// frames reads a capture of typed packets: each frame's interface and datagram.
func frames(t *testing.T, text string, outputs map[int][]Output) (ifaces []string, all [][]byte, times []time.Duration) {
	t.Helper()
	c, err := New(text, func(n int) []Output { return outputs[n] })
	if err != nil {
		t.Fatal(err)
	}
	r, err := replay.NewCapture("packets", c)
	if err != nil {
		t.Fatal(err)
	}
	for {
		f, err := r.Next()
		if err == io.EOF {
			return ifaces, all, times
		}
		if err != nil {
			t.Fatal(err)
		}
		ifaces = append(ifaces, r.Interfaces()[f.If].Name)
		all = append(all, append([]byte(nil), f.Data...))
		times = append(times, f.Time)
	}
}

func TestPackets(t *testing.T) {
	server := packettest.IP{Src: "192.0.2.100", Dst: "10.1.0.11"}
	for _, c := range []struct {
		name, line string
		out        []byte // of packet 1
		want       []string
	}{
		{name: "SYN", line: "eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP SYN",
			want: []string{"IPv4 192.0.2.100 > 203.0.113.10 len 40 ttl 64", "TCP 40000 > 80 S sum ok"}},
		{name: "a summary of explain", line: "eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP PSH+ACK ttl 3 length 50",
			want: []string{"len 50 ttl 3", "TCP 40000 > 80 PA sum ok"}},
		{name: "UDP in IPv6", line: "eth0 [2001:db8::1]:5 > [2001:db8::2]:53 UDP length 60",
			want: []string{"IPv6 2001:db8::1 > 2001:db8::2 len 60", "UDP 5 > 53 len 20 sum ok"}},
		{name: "SCTP", line: "eth0 192.0.2.100:5 > 203.0.113.10:6 SCTP COOKIE-ECHO", want: []string{"SCTP 5 > 6 tag 00000001 sum ok"}},
		{name: "ping", line: "eth0 192.0.2.100 > 203.0.113.10 ICMP", want: []string{"ICMP type 8 code 0 info 00010001 sum ok"}},
		{name: "ping in IPv6", line: "eth0 2001:db8::1 > 2001:db8::2 ICMPv6", want: []string{"ICMPv6 type 128 code 0 info 00010001 sum ok"}},
		{name: "reply to a SYN", line: "reply 1", out: server.TCP(40000, 8080, packettest.SYN, nil),
			want: []string{"IPv4 10.1.0.11 > 192.0.2.100", "TCP 8080 > 40000 SA sum ok"}},
		{name: "reply with flags", line: "reply 1 RST", out: server.TCP(40000, 8080, packettest.SYN, nil), want: []string{"TCP 8080 > 40000 R sum ok"}},
		{name: "reply to what came by a tunnel", line: "reply 1", out: packettest.IP{Src: "10.1.0.1", Dst: "10.1.0.11"}.Wrap(4, packettest.IP{Src: "192.0.2.100", Dst: "203.0.113.10"}.UDP(5, 53, nil)),
			want: []string{"IPv4 203.0.113.10 > 192.0.2.100", "UDP 53 > 5"}},
		{name: "reply to a ping", line: "reply 1", out: server.ICMP(8, 0, 7<<16|9, []byte("abc")), want: []string{"ICMP type 0 code 0 info 00070009 sum ok", "payload 3"}},
		{name: "error", line: "error 1 unreachable", out: server.UDP(5, 5353, nil),
			want: []string{"IPv4 10.1.0.11 > 192.0.2.100 len 56", "ICMP type 3 code 3 info 00000000 sum ok", "UDP 5 > 5353"}},
		{name: "error of a router", line: "error 1 too-big 1400 by 10.1.0.254", out: server.UDP(5, 5353, make([]byte, 1000)),
			want: []string{"IPv4 10.1.0.254 > 192.0.2.100 len 576", "ICMP type 3 code 4 info 00000578 sum ok"}},
		{name: "error in IPv6", line: "error 1 expired", out: packettest.IP{Src: "2001:db8::1", Dst: "2001:db8::2"}.UDP(5, 53, nil),
			want: []string{"IPv6 2001:db8::2 > 2001:db8::1", "ICMPv6 type 3 code 0 info 00000000 sum ok"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, outputs, iface := c.line, map[int][]Output{}, "eth0"
			if c.out != nil {
				text, iface = "lo 127.0.0.1:1 > 127.0.0.1:2 UDP\n"+text, "eth1"
				outputs[1] = []Output{{Interface: iface, Datagram: c.out}}
			}
			ifaces, all, _ := frames(t, text, outputs)
			last := len(all) - 1
			if ifaces[last] != iface {
				t.Errorf("by %s, want %s", ifaces[last], iface)
			}
			got := packettest.Text(all[last])
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("lacks %q:\n%s", w, got)
				}
			}
		})
	}
}

func TestTimes(t *testing.T) {
	const p = " eth0 192.0.2.1:1 > 192.0.2.2:2 UDP\n"
	_, _, times := frames(t, p+"1.5"+p+"+0.25"+p+"# nothing\n\n"+p, nil)
	want := []time.Duration{10 * time.Millisecond, 1500 * time.Millisecond, 1750 * time.Millisecond, 1760 * time.Millisecond}
	if d := cmp.Diff(want, times); d != "" {
		t.Error(d)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"eth0", "line 1: INTERFACE SOURCE > DESTINATION PROTOCOL is wanted, or reply N, or error N KIND"},
		{"\n5", "line 2: a packet is missing"},
		{"1x eth0", `line 1: "1x" is no time in seconds`},
		{"NaN eth0 1.2.3.4 > 1.2.3.5 UDP", "line 1: INTERFACE SOURCE > DESTINATION PROTOCOL is wanted, or reply N, or error N KIND"},
		{"2 eth0 1.2.3.4:1 > 1.2.3.5:2 UDP\n1 eth0 1.2.3.4:1 > 1.2.3.5:2 UDP", "line 2: it comes before the packet before"},
		{"eth0 nobody > 1.2.3.5:2 UDP", `line 1: "nobody" is no address and no address with a port`},
		{"eth0 1.2.3.4:1 > [::1]:2 UDP", "line 1: 1.2.3.4 and ::1 are of two families"},
		{"eth0 1.2.3.4:1 > 1.2.3.5:2 IGMP", `line 1: "IGMP" is no protocol: TCP, UDP, SCTP or ICMP`},
		{"eth0 1.2.3.4:1 > 1.2.3.5:2 UDP SYN", `line 1: "SYN" is not understood`},
		{"eth0 1.2.3.4:1 > 1.2.3.5:2 UDP ttl 256", `line 1: ttl "256"`},
		{"reply 1", `line 1: "1" is no packet before this one`},
		{"eth0 1.2.3.4:1 > 1.2.3.5:2 UDP\nerror 1 bad", `line 2: "bad" is no error; there are expired, host-unreachable, prohibited, too-big, unreachable`},
		{"eth0 1.2.3.4:1 > 1.2.3.5:2 UDP\nerror 1 too-big", "line 2: too-big needs the MTU"},
	} {
		t.Run(c.text, func(t *testing.T) {
			if _, err := New(c.text, nil); err == nil || err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// FuzzNew: whatever is typed, there is an error or a capture that can be read,
// whatever the packets answered were.
func FuzzNew(f *testing.F) {
	f.Add("eth0 192.0.2.100:40000 > 203.0.113.10:80 TCP SYN\nreply 1\nerror 2 unreachable\n", []byte{0x45})
	f.Add("1 eth0 [::1]:1 > [::2]:2 SCTP length 65535\n+2 error 1 too-big 1280 by ::3 ttl 1", packettest.IP{Src: "::1", Dst: "::2"}.TCP(1, 2, packettest.SYN, nil))
	f.Add("lo 1.1.1.1 > 2.2.2.2 ICMP\nreply 1 ACK length 9", packettest.IP{Src: "1.1.1.1", Dst: "2.2.2.2"}.ICMP(8, 0, 0, nil))
	f.Fuzz(func(t *testing.T, text string, out []byte) {
		c, err := New(text, func(int) []Output { return []Output{{Interface: "eth0", Datagram: out}} })
		if err != nil {
			return
		}
		r, err := replay.NewCapture("packets", c)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; ; n++ {
			_, err := r.Next()
			if err == io.EOF && n != c.Len() {
				t.Fatalf("%d packets of %d", n, c.Len())
			}
			if err != nil {
				return
			}
		}
	})
}
