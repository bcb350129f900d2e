package snapshot_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/host"
	"goipvs/internal/ipvsadm"
	"goipvs/internal/live/nstest"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
	"goipvs/internal/snapshot"
)

var update = flag.Bool("update", false, "write the golden files anew")

// engine returns a director that ipvsadm commands made.
func engine(t *testing.T, commands ...string) (*hooks.Director, control.Conn) {
	t.Helper()
	d := hooks.New(hooks.Config{Stack: host.New(host.Config{})})
	c := control.NewEngine(d).Conn()
	for _, l := range commands {
		if err := ipvsadm.Do(c, strings.Fields(l), new(bytes.Buffer)); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
	}
	return d, c
}

// A machine with something of everything, and its snapshot, which can be replayed
// on. This kind of machine may have no dummy interface, so none is there.
func TestMachine(t *testing.T) {
	director, other := nstest.New(t), nstest.New(t)
	nstest.Join(t, director, "eth0", other, "eth0")
	nstest.Join(t, director, "eth1", other, "eth1")
	director.Addr(t, "eth0", "192.0.2.1/24")
	director.Addr(t, "eth0", "2001:db8:a::1/64")
	director.Addr(t, "eth1", "10.1.0.1/24")
	director.Addr(t, "lo", "203.0.113.10/32")
	director.Route(t, "198.51.100.0/24", "192.0.2.254")
	director.Route(t, "default", "192.0.2.253")
	director.Route(t, "2001:db8:c::/64", "2001:db8:a::fe")
	director.Sysctl(t, "net/ipv4/ip_forward", "1")
	director.Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	_, conn := engine(t,
		"-A -t 203.0.113.10:80 -s wrr -p 300 -M 255.255.255.0",
		"-a -t 203.0.113.10:80 -r 10.1.0.11:8080 -m -w 3 -x 100 -y 50",
		"-a -t 203.0.113.10:80 -r 10.1.0.12 -g -w 0",
		"-a -t 203.0.113.10:80 -r 10.1.0.13 -i --tun-type gue --tun-port 6080 --tun-csum",
		"-A -u [2001:db8:f::10]:53 -s sh -b sh-port,sh-fallback -o",
		"-A -f 7 -s rr",
		"--set 100 50 25",
	)
	var out bytes.Buffer
	director.Do(t, func() {
		for _, name := range []string{"eth0", "eth1"} {
			l, err := netlink.LinkByName(name)
			if err == nil {
				err = netlink.LinkSetHardwareAddr(l, []byte{2, 0, 0, 0, name[3] - '0', 1})
			}
			if err != nil {
				t.Error(err)
				return
			}
			// What the kernel gives itself is another each time.
			all, err := netlink.AddrList(l, unix.AF_INET6)
			for _, a := range all {
				if a.IP.IsLinkLocalUnicast() {
					err = netlink.AddrDel(l, &a)
				}
			}
			if err != nil {
				t.Error(err)
			}
			if name == "eth1" {
				if err := netlink.LinkSetMTU(l, 1400); err != nil {
					t.Error(err)
				}
				err := netlink.NeighAdd(&netlink.Neigh{
					LinkIndex: l.Attrs().Index, State: unix.NUD_PERMANENT, IP: []byte{10, 1, 0, 11}, HardwareAddr: []byte{2, 0, 0, 0, 1, 11},
				})
				if err != nil {
					t.Error(err)
				}
			}
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			t.Error(err)
			return
		}
		anywhere, _ := netlink.ParseIPNet("0.0.0.0/0")
		bad, _ := netlink.ParseIPNet("10.9.0.0/16")
		for _, r := range []netlink.Route{
			{LinkIndex: lo.Attrs().Index, Dst: anywhere, Type: unix.RTN_LOCAL, Table: 100, Scope: netlink.SCOPE_HOST},
			{Dst: bad, Type: unix.RTN_UNREACHABLE},
			{Dst: bad, Type: unix.RTN_BLACKHOLE, Priority: 10},
		} {
			if err := netlink.RouteAdd(&r); err != nil {
				t.Error(err)
			}
		}
		for i, from := range []string{"10.1.0.0/24", "", "192.0.2.7/32"} {
			r := netlink.NewRule()
			r.Family, r.Table = unix.AF_INET, 100+i
			if from != "" {
				r.Src, _ = netlink.ParseIPNet(from)
			} else {
				r.Mark = 7
			}
			if i == 2 {
				r.OifName = "eth0" // which no setup file can say
			}
			if err := netlink.RuleAdd(r); err != nil {
				t.Error(err)
			}
		}
		settings := []control.Setting{
			{Name: "conn_reuse_mode", Value: "0"}, {Name: "expire_nodest_conn", Value: "0"}, {Name: "sync_threshold", Value: "5\t9"}, {Name: "debug_level", Value: "3"},
		}
		if err := snapshot.Take(&out, snapshot.IPVS{Conn: conn, Name: "a test's IPVS", Settings: settings}); err != nil {
			t.Error(err)
		}
	})
	golden := filepath.Join("testdata", "machine.setup")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	lines, err := setup.Parse("snapshot", &out)
	if err != nil {
		t.Fatal(err)
	}
	var capture bytes.Buffer
	replay.NewWriter(&capture)
	c, err := replay.NewCapture("none", &capture)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Run(replay.Config{Setup: lines, Capture: c, Implied: true}, replay.Quiet{}); err != nil {
		t.Error(err)
	}
}

// The rules of every recorded director, taken and given to another, make the same
// director.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("../../testdata/corpus/*/setup.sh")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d setups, %v", len(files), err)
	}
	services := 0
	for _, file := range files {
		lines, err := setup.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var commands []string
		for _, l := range lines {
			if c, ok := l.Command.(setup.IPVSAdm); ok {
				commands = append(commands, strings.Join(c.Args, " "))
			}
		}
		_, conn := engine(t, commands...)
		rules, err := ipvsadm.Rules(conn)
		if err != nil {
			t.Fatal(err)
		}
		_, again := engine(t, rules...)
		a, b := everything(t, conn), everything(t, again)
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("%s (-director +its rules'):\n%s", file, d)
		}
		services += len(a)
	}
	if services < len(files) {
		t.Errorf("%d services", services)
	}
}

// everything is what a director has, in its own order.
func everything(t *testing.T, conn control.Conn) (all []any) {
	t.Helper()
	c := control.NewClient(conn)
	services, err := c.Services()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range services {
		dests, err := c.Dests(s.ServiceKey)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s, dests)
	}
	return all
}
