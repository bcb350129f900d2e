package setup

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var opts = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func TestParseCommand(t *testing.T) {
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	any4, any6 := p("0.0.0.0/0"), p("::/0")
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	tests := []struct {
		line string
		want Command
	}{
		{"ip link set eth0 address 02:00:00:00:00:01", LinkSet{Name: "eth0", MAC: &mac}},
		{"ip link set eth0 mtu 1400", LinkSet{Name: "eth0", MTU: 1400}},
		{"ip link set eth0 up", LinkSet{Name: "eth0", Up: new(true)}},
		{"ip link set dev eth0 mtu 1400 down", LinkSet{Name: "eth0", MTU: 1400, Up: new(false)}},
		{"ip link set up dev eth0", LinkSet{Name: "eth0", Up: new(true)}},
		{"/sbin/ip l set eth0 up # by hand", LinkSet{Name: "eth0", Up: new(true)}},
		{"ip link add ipvs0 type dummy", LinkAdd{"ipvs0", "dummy"}},
		{"ip link add name ipvs0 type dummy", LinkAdd{"ipvs0", "dummy"}},

		{"ip addr add 192.0.2.1/24 dev eth0", AddrAdd{Dev: "eth0", Prefix: p("192.0.2.1/24")}},
		{"ip a a 192.0.2.1/24 brd + dev eth0 scope global", AddrAdd{Dev: "eth0", Prefix: p("192.0.2.1/24")}},
		{"ip addr add 203.0.113.10 dev ipvs0", AddrAdd{Dev: "ipvs0", Prefix: p("203.0.113.10/32")}},
		{"ip -6 addr add 2001:db8:a::1/64 dev eth0 nodad", AddrAdd{Dev: "eth0", Prefix: p("2001:db8:a::1/64")}},
		{"ip addr add 2001:db8:a::1 dev eth0", AddrAdd{Dev: "eth0", Prefix: p("2001:db8:a::1/128")}},

		{"ip route add default via 192.0.2.254", RouteAdd{Type: Unicast, Prefix: any4, Via: a("192.0.2.254")}},
		{"ip r replace default via 192.0.2.254 dev eth0 proto static metric 100", RouteAdd{Type: Unicast, Prefix: any4, Via: a("192.0.2.254"), Dev: "eth0", Replace: true}},
		{"ip -6 route add default via 2001:db8:a::fe dev eth0 table 7", RouteAdd{Type: Unicast, Prefix: any6, Via: a("2001:db8:a::fe"), Dev: "eth0", Table: 7}},
		{"ip route add default via 2001:db8:a::fe dev eth0", RouteAdd{Type: Unicast, Prefix: any6, Via: a("2001:db8:a::fe"), Dev: "eth0"}},
		{"ip -6 route add default dev eth0", RouteAdd{Type: Unicast, Prefix: any6, Dev: "eth0"}},
		{"ip route add 10.2.0.0/16 via 10.1.0.254", RouteAdd{Type: Unicast, Prefix: p("10.2.0.0/16"), Via: a("10.1.0.254")}},
		{"ip route add unreachable 10.3.0.1", RouteAdd{Type: Unreachable, Prefix: p("10.3.0.1/32")}},
		{"ip route add blackhole 10.3.0.0/24", RouteAdd{Type: Blackhole, Prefix: p("10.3.0.0/24")}},
		{"ip route add prohibit 2001:db8:3::/48", RouteAdd{Type: Prohibit, Prefix: p("2001:db8:3::/48")}},
		{"ip route add local 0.0.0.0/0 dev lo table 100", RouteAdd{Type: Local, Prefix: any4, Dev: "lo", Table: 100}},
		{"ip -6 route add local default dev lo table 100", RouteAdd{Type: Local, Prefix: any6, Dev: "lo", Table: 100}},

		{"ip rule add fwmark 1 lookup 100", RuleAdd{FwMark: 1, Table: 100}},
		{"ip -6 rule add fwmark 0x1 table 100", RuleAdd{IPv6: true, FwMark: 1, Table: 100}},
		{"ip rule add from 203.0.113.10 lookup main", RuleAdd{From: p("203.0.113.10/32"), Table: 254}},
		{"ip rule add from all fwmark 7 lookup 7", RuleAdd{FwMark: 7, Table: 7}},
		{"ip -6 rule add from 2001:db8::/32 lookup 7", RuleAdd{IPv6: true, From: p("2001:db8::/32"), Table: 7}},

		{"ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:01 dev eth0", NeighAdd{Dev: "eth0", Addr: a("192.0.2.254"), MAC: mac}},
		{"ip -6 n replace 2001:db8:a::fe dev eth0 lladdr 02:00:00:00:00:01 nud permanent", NeighAdd{Dev: "eth0", Addr: a("2001:db8:a::fe"), MAC: mac, Replace: true}},

		{"sysctl -w net.ipv4.ip_forward=1", Sysctl{"net.ipv4.ip_forward", "1"}},
		{"sysctl -qw net/ipv4/conf/eth0.1/rp_filter=0", Sysctl{"net.ipv4.conf.eth0/1.rp_filter", "0"}},
		{"sysctl net/ipv4/vs/conntrack=1", Sysctl{"net.ipv4.vs.conntrack", "1"}},
		{"modprobe ip_vs_ftp", Module{"ip_vs_ftp"}},

		{"iptables -t mangle -A PREROUTING -d 203.0.113.10 -j MARK --set-mark 1", MarkAdd{Dst: p("203.0.113.10/32"), Mark: 1}},
		{"iptables -t mangle -A PREROUTING -i eth0 -d 203.0.113.0/24 -p tcp -m tcp --dport 80 -j MARK --set-mark 0x1",
			MarkAdd{In: "eth0", Dst: p("203.0.113.0/24"), Protocol: 6, HasDPort: true, DPort: 80, Mark: 1}},
		{"ip6tables -t mangle -A PREROUTING -d 2001:db8:f::10/128 -p udp -j MARK --set-mark 2",
			MarkAdd{IPv6: true, Dst: p("2001:db8:f::10/128"), Protocol: 17, Mark: 2}},

		{"ipvsadm -A -t 203.0.113.10:80 -s rr", IPVSAdm{[]string{"-A", "-t", "203.0.113.10:80", "-s", "rr"}}},
		{"/sbin/ipvsadm -C", IPVSAdm{[]string{"-C"}}},
		{"-a -t [2001:db8:f::10]:80 -r [2001:db8:1::b]:80 -g -w 1",
			IPVSAdm{[]string{"-a", "-t", "[2001:db8:f::10]:80", "-r", "[2001:db8:1::b]:80", "-g", "-w", "1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			got, err := Parse("setup.sh", strings.NewReader(tt.line))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got[0].Command, opts); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ file, want string }{
		{"foo", `s:1: unknown word "foo"`},
		{"\n# a comment\nip foo add", `s:3: unknown word "foo"`},
		{"ip addr del 192.0.2.1 dev eth0", `s:1: unknown word "del"`},
		{"ip addr add 192.0.2.1/24 dev", `s:1: missing word after "dev"`},
		{"ip addr add 192.0.2.1/24", `s:1: missing word "dev"`},
		{"ip addr add 192.0.2.300/24 dev eth0", `s:1: not an address "192.0.2.300/24"`},
		{"ip -6 addr add 192.0.2.1/24 dev eth0", `s:1: address of the other family "192.0.2.1/24"`},
		{"ip addr add fe80::1%eth0 dev eth0", `s:1: not an address "fe80::1%eth0"`},
		{"ip addr add 192.0.2.1/24 brd 192.0.2.7 dev eth0", `s:1: unknown word "192.0.2.7"`},
		{"ip link add br0 type bridge", `s:1: unknown word "bridge"`},
		{"ip link set eth0", `s:1: missing word after "eth0"`},
		{"ip link set up", `s:1: missing word "dev"`},
		{"ip link set eth0 mtu many", `s:1: not a number in range "many"`},
		{"ip link set eth0 address 02-00-00-00-00-01", `s:1: not an Ethernet address "02-00-00-00-00-01"`},
		{"ip link set eth0/1 up", `s:1: not an interface's name "eth0/1"`},
		{"ip route add 10.0.0.0/8", `s:1: missing word "via"`},
		{"ip route add 10.0.0.0/8 via 2001:db8::1", `s:1: address of the other family "2001:db8::1"`},
		{"ip route add local 0.0.0.0/0 table 1", `s:1: missing word "dev"`},
		{"ip route add default via 192.0.2.1 src 192.0.2.2", `s:1: unknown word "src"`},
		{"ip route add default via 192.0.2.1 table 0", `s:1: not a number in range "0"`},
		{"ip rule add from 2001:db8::/32 lookup 7", `s:1: address of the other family "2001:db8::/32"`},
		{"ip route add any via 192.0.2.1", `s:1: not an address "any"`},
		{"ip rule add fwmark 1", `s:1: missing word "lookup"`},
		{"ip rule replace fwmark 1 lookup 1", `s:1: unknown word "replace"`},
		{"ip neigh add 192.0.2.1 dev eth0", `s:1: missing word "lladdr"`},
		{"ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01", `s:1: missing word "dev"`},
		{"ip -s link", `s:1: unknown word "-s"`},
		{"sysctl -w net.ipv4.ip_forward", `s:1: unknown word "net.ipv4.ip_forward"`},
		{"sysctl -w a.b=1 c.d=2", `s:1: unknown word "c.d=2"`},
		{"modprobe", `s:1: missing word after "modprobe"`},
		{"iptables -A PREROUTING -j MARK --set-mark 1", `s:1: missing word "-t mangle"`},
		{"iptables -t nat -A PREROUTING", `s:1: of firewall rules only marks in table mangle, chain PREROUTING are known, not "nat"`},
		{"iptables -A INPUT -p tcp --dport 80 -j DROP", `s:1: of firewall rules only marks in table mangle, chain PREROUTING are known, not "INPUT"`},
		{"iptables -t mangle -A PREROUTING -j DROP", `s:1: of firewall rules only marks in table mangle, chain PREROUTING are known, not "DROP"`},
		{"iptables -t mangle -A PREROUTING -p tcp -m udp --dport 1 -j MARK --set-mark 1", `s:1: unknown word "udp"`},
		{"iptables -t mangle -A PREROUTING --dport 1 -j MARK --set-mark 1", `s:1: unknown word "--dport"`},
		{"iptables -t mangle -A PREROUTING -d 2001:db8::1 -j MARK --set-mark 1", `s:1: address of the other family "2001:db8::1"`},
		{"iptables -t mangle -A PREROUTING -j MARK", `s:1: missing word "-j MARK --set-mark"`},
		{"iptables -t mangle -A PREROUTING -j MARK --set-mark 1/1", `s:1: not a number in range "1/1"`},
		{"ipvsadm", `s:1: missing word after "ipvsadm"`},
		{"ipvsadm -R", `s:1: unknown word "-R"`},
		{"-L -n", `s:1: unknown word "-L"`},
		{"ip addr add $VIP dev eth0", `s:1: shell syntax in word "$VIP"`},
		{"# " + strings.Repeat("x", maxLine), "s:1: longer than 65536 octets"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			_, err := Parse("s", strings.NewReader(tt.file))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestParseTimeline(t *testing.T) {
	got, err := ParseTimeline("timeline.sh", strings.NewReader("at 0.115535 ipvsadm -Lnc\n\nat  2 -D -t 1.2.3.4:80\nat 2 sysctl -w net.ipv4.vs.conntrack=1\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Line{
		{Position{"timeline.sh", 1}, 115535 * time.Microsecond, "ipvsadm -Lnc", IPVSAdm{[]string{"-Lnc"}}},
		{Position{"timeline.sh", 3}, 2 * time.Second, "-D -t 1.2.3.4:80", IPVSAdm{[]string{"-D", "-t", "1.2.3.4:80"}}},
		{Position{"timeline.sh", 4}, 2 * time.Second, "sysctl -w net.ipv4.vs.conntrack=1", Sysctl{"net.ipv4.vs.conntrack", "1"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestParseTimelineErrors(t *testing.T) {
	tests := []struct{ file, want string }{
		{"ipvsadm -C", `t:1: unknown word "ipvsadm"`},
		{"at", `t:1: missing word after "at"`},
		{"at 1", `t:1: missing word after "1"`},
		{"at soon ipvsadm -C", `t:1: not a number in range "soon"`},
		{"at -1 ipvsadm -C", `t:1: not a number in range "-1"`},
		{"at NaN ipvsadm -C", `t:1: not a number in range "NaN"`},
		{"at 1e300 ipvsadm -C", `t:1: not a number in range "1e300"`},
		{"at 2 ipvsadm -C\nat 1.5 ipvsadm -C", `t:2: time before the last one "1.5"`},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			_, err := ParseTimeline("t", strings.NewReader(tt.file))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLists(t *testing.T) {
	for line, want := range map[string]bool{
		"-Ln": true, "-Lnc --persistent-conn": true, "-L --timeout": true, "--list": true, "-l": true, "-n -L": true, "-S": true,
		"-A -t 1.2.3.4:80 -s rr": false, "-Z": false, "--set 1 2 3": false, "-C": false, "-": false,
	} {
		if got := (IPVSAdm{strings.Fields(line)}).Lists(); got != want {
			t.Errorf("%s: got %v", line, got)
		}
	}
}

// TestCorpus parses every setup file and timeline recorded with the kernel.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("../../testdata/corpus/*/setup.sh")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, f := range files {
		for _, name := range []string{"setup.sh", "timeline.sh"} {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(f), name))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if name == "setup.sh" {
				_, err = Parse(f, bytes.NewReader(b))
			} else {
				_, err = ParseTimeline(f, bytes.NewReader(b))
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// FuzzParse checks that any file either parses, to commands whose text parses
// to the same again, or gets an error that names a line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"ip link set eth0 address 02:00:00:00:00:01 mtu 1400 up\nip -6 addr add 2001:db8::1/64 dev eth0 nodad",
		"ip route add local 0.0.0.0/0 dev lo table 100\nip rule add fwmark 1 lookup 100",
		"iptables -t mangle -A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -j MARK --set-mark 1",
		"at 0.1 ipvsadm -Lnc\nat 2 sysctl -w net.ipv4.vs.conntrack=1",
		"-A -f 1 -s rr\n#\nmodprobe ip_vs_ftp",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) ([]Line, error){
			func(s string) ([]Line, error) { return Parse("f", strings.NewReader(s)) },
			func(s string) ([]Line, error) { return ParseTimeline("f", strings.NewReader(s)) },
		} {
			got, err := parse(s)
			if e := (*Error)(nil); err != nil && (!errors.As(err, &e) || e.Line < 1) {
				t.Fatalf("%v", err)
			}
			for _, l := range got {
				again, err := Parse("f", strings.NewReader(l.Text))
				if err != nil || len(again) != 1 || !cmp.Equal(l.Command, again[0].Command, opts) {
					t.Errorf("%q: %v, %v", l.Text, again, err)
				}
			}
		}
	})
}
