package filter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goipvs/internal/packettest"
	"goipvs/internal/replay"
)

// expressions are what the filter is held against tcpdump with; those with an
// Ethernet address in them for Ethernet frames alone.
var expressions = []string{
	"", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "ah", "esp", "vrrp", "pim",
	"not tcp", "! tcp", "not (tcp or udp)", "!(ip or ip6)", "not not tcp",
	"tcp or udp and port 80", "udp and port 80 or tcp", "tcp and (port 80 or port 8080)", "tcp and not port 80",
	"icmp or tcp and host 203.0.113.10", "ip && udp", "ip6 || icmp",
	"host 203.0.113.10", "src host 203.0.113.10", "dst host 203.0.113.10", "src 203.0.113.10", "dst 203.0.113.10",
	"src or dst host 203.0.113.10", "src and dst host 203.0.113.10", "host 203.0.113.10 or 198.51.100.1", "ip host 203.0.113.10", "arp host 203.0.113.10",
	"host 2001:db8:f::10", "src host 2001:db8:1::b", "ip6 host 2001:db8:1::b", "host 2001:db8:ffff::10",
	"net 10.1.0.0/16", "net 10.1", "src net 198.51.100.0/24", "dst net 192.0.2.0 mask 255.255.255.0", "net 10", "net 203.0.113.10",
	"net 2001:db8::/32", "ip6 net 2001:db8:1::/64", "ip net 10.1.0.0/24", "dst net 2001:db8:ffff::/48",
	"port 80", "src port 80", "dst port 80", "tcp port 80", "udp port 53", "tcp dst port 80", "udp src port 53", "port http", "port 80 or 443 or 53",
	"sctp port 9", "portrange 1024-9999", "tcp portrange 80-81", "src portrange 8000-9000", "port domain", "src or dst port 80",
	"src and dst port 53",
	"ip proto 6", "ip proto 17", "ip6 proto 6", "proto 4", "proto 47", "proto 41", "ip proto \\tcp", "ip6 proto \\udp", "ip proto 1", "ip6 proto 58", "proto 132",
	"greater 100", "less 60", "len > 100", "len <= 60", "len = 54", "len >= 60 and len < 100", "len - 14 > 40",
	"tcp[13] & 2 != 0", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[tcpflags] == tcp-syn", "tcp[tcpflags] & tcp-rst != 0 or icmp",
	"tcp[0:2] = 80", "tcp[2:2] == 80", "udp[4:2] > 20", "ip[8] < 64", "ip[6:2] & 0x3fff != 0", "ip[6:2] & 0x1fff = 0", "ip[2:2] > 1000",
	"(ip[2:2] - ((ip[0]&0xf)<<2)) > 100", "ip[0] & 0xf != 5", "ip[12:4] = 0xcb00710a", "ip[1] >> 2 = 0", "ip[9] * 2 = 12", "ip[9] / 2 = 3", "ip[9] % 5 = 1",
	"icmp[icmptype] = icmp-unreach", "icmp[0] = 8", "icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply", "ip6[6] = 6", "ip6[40] = 3",
	"icmp6[icmp6type] = icmp6-echo", "icmp6[0] = 1", "1 = 1", "2 + 3 * 4 = 14", "(1 + 2) * 3 = 9", "0x10 | 1 = 17", "ip[0] = 0x45 && tcp",
	"tcp[500] = 0", "ip6 or tcp[500] = 0", "not tcp[500] = 0", "udp[4] = 0 or ip6", "sctp[12] = 1", "ip[9] ^ 6 = 0", "1 << 3 = 8",
	"ip multicast", "ip6 multicast",
	"ip host 203.0.113.10 and tcp and dst port 80 and tcp[13] = 2",
}

var etherExpressions = []string{
	"ether host 02:00:00:00:00:01", "ether src 02:00:00:00:00:fe", "ether dst host 02:00:00:00:00:01", "ether src host 02:00:00:00:01:0b",
	"ether broadcast", "ether multicast", "broadcast", "multicast", "ether[0] & 1 != 0", "ether[12:2] = 0x0800", "ether proto 0x0806", "ether proto \\ip6", "ether proto 0x86dd",
	"ether dst ff:ff:ff:ff:ff:ff or icmp",
}

// corpusFrames returns all frames of the recordings, by link type.
func corpusFrames(t *testing.T) map[replay.LinkType][][]byte {
	t.Helper()
	all := map[replay.LinkType][][]byte{}
	for _, dir := range []string{"corpus", "corpus-7.3", "found"} {
		for _, name := range []string{replay.InFile, replay.OutFile} {
			files, err := filepath.Glob("../../testdata/" + dir + "/*/" + name)
			if err != nil || len(files) == 0 {
				t.Fatalf("no %s in %s: %v", name, dir, err)
			}
			for _, file := range files {
				read(t, file, func(c *replay.Capture, f *replay.Frame) {
					link := c.Interfaces()[f.If].Link
					// Of what is cut off in the addresses tcpdump's optimizer decides,
					// by the order in which it reads.
					if len(f.Data) >= 14+20 {
						all[link] = append(all[link], bytes.Clone(f.Data))
					}
				})
			}
		}
	}
	return all
}

func read(t *testing.T, file string, each func(*replay.Capture, *replay.Frame)) {
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
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		each(c, x)
	}
}

// TestLikeTcpdump puts expressions to every frame of the recordings, and to
// tcpdump: both choose the same frames.
func TestLikeTcpdump(t *testing.T) {
	tcpdump := packettest.Tool(t, "tcpdump")
	for link, frames := range corpusFrames(t) {
		if link != replay.LinkEthernet && link != replay.LinkRaw {
			continue
		}
		list := expressions
		if link == replay.LinkEthernet {
			list = append(list[:len(list):len(list)], etherExpressions...)
		}
		file := filepath.Join(t.TempDir(), "frames.pcapng")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		w := replay.NewWriter(f)
		w.AddInterface(replay.CaptureIf{Name: "eth0", Link: link})
		for i, b := range frames {
			w.Write(0, time.Duration(i)*time.Second, b, "")
		}
		if err := errors.Join(w.Err(), f.Close()); err != nil {
			t.Fatal(err)
		}
		for _, expr := range list {
			t.Run(fmt.Sprintf("%v %s", link, expr), func(t *testing.T) {
				x, err := Parse(expr)
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(tcpdump, "-r", file, "-w", "-", expr)
				var stderr strings.Builder
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				want := map[int]bool{}
				if strings.Contains(stderr.String(), "rejects all packets") {
					out = nil
				} else if err != nil {
					t.Fatalf("%v: %s", err, stderr.String())
				}
				c, err := replay.NewCapture("tcpdump", bytes.NewReader(out))
				if out != nil && err != nil {
					t.Fatal(err)
				}
				for c != nil {
					y, err := c.Next()
					if err != nil {
						break
					}
					want[int(y.Time/time.Second)] = true
				}
				wrong := 0
				for i, b := range frames {
					if got := x.Match(Of(link.String(), b)); got != want[i] {
						if wrong++; wrong <= 3 {
							t.Errorf("%v, tcpdump says %v: %s", got, want[i], replay.Describe(b, link, 0))
						}
					}
				}
				t.Logf("%d of %d frames", len(want), len(frames))
				if wrong > 0 {
					t.Errorf("%d of %d frames wrong", wrong, len(frames))
				}
			})
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"hosts 1.2.3.4", `filter "hosts 1.2.3.4": a word that isn't known, or names a host: at "hosts 1.2.3.4"`},
		{"tcp and", `filter "tcp and": an address, a port or the like is wanted at the end`},
		{"(tcp", `filter "(tcp": a closing parenthesis is wanted at the end`},
		{"tcp)", `filter "tcp)": nothing more is expected at ")"`},
		{"port", `filter "port": an address, a port or the like is wanted at the end`},
		{"port nosuchservice", `filter "port nosuchservice": a port is wanted at "nosuchservice"`},
		{"port 70000", `filter "port 70000": a port is wanted at "70000"`},
		{"icmp port 80", `filter "icmp port 80": icmp has no ports: at "80"`},
		{"host example.com", `filter "host example.com": an address is wanted, in numbers, at "example.com"`},
		{"net 10.1.2.3/16", `filter "net 10.1.2.3/16": there are bits beyond the network's length at "10.1.2.3/16"`},
		{"ip host 2001:db8::1", `filter "ip host 2001:db8::1": an address that ip has not: at "2001:db8::1"`},
		{"tcp[13", `filter "tcp[13": a closing bracket is wanted at the end`},
		{"tcp[0:3] = 1", `filter "tcp[0:3] = 1": a size of 1, 2 or 4 octets is wanted at "3] = 1"`},
		{"tcp[13] & 2", `filter "tcp[13] & 2": a comparison is wanted at the end`},
		{"vlan 5", `filter "vlan 5": a word that isn't known, or names a host: at "vlan 5"`},
		{"ether host 1.2.3.4", `filter "ether host 1.2.3.4": an Ethernet address is wanted at "1.2.3.4"`},
		{"ip port 80", `filter "ip port 80": ip has no ports: at "80"`},
		{"1.2.3.4", `filter "1.2.3.4": a word that isn't known, or names a host: at "1.2.3.4"`},
		{"and tcp", `filter "and tcp": an address, a port or the like is wanted at "and tcp"`},
		{strings.Repeat("(", 500) + "tcp", "too deep"},
	} {
		if _, err := Parse(c.expr); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.expr, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range append(expressions, etherExpressions...) {
		f.Add(e, []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\xfe\x08\x00E"))
	}
	f.Fuzz(func(_ *testing.T, expr string, frame []byte) {
		x, err := Parse(expr)
		if err != nil {
			return
		}
		for _, link := range []string{"ethernet", "raw", "sll", "sll2"} {
			x.Match(Of(link, frame))
		}
	})
}
