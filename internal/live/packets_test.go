package live_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"

	"goipvs/internal/control"
	"goipvs/internal/live"
	"goipvs/internal/live/queue"
	"goipvs/packet"
	"goipvs/sched"
)

// A firewall mark leads packets for an address that nobody has to the director.
// The routing rule for it must not catch what the director sends on.
func TestFirewallMark(t *testing.T) { bothIO(t, testFirewallMark) }

func testFirewallMark(t *testing.T, io queue.IO) {
	n := newNetwork(t)
	n.behind(t)
	n.client.Route(t, "192.0.2.0/24", "198.51.100.1")
	n.director.Do(t, func() {
		// As `ip rule add fwmark 7/0xff`, which setup files can't say.
		mask := uint32(0xff)
		r := netlink.NewRule()
		r.Family, r.Mark, r.Mask, r.Table = syscall.AF_INET, 7, &mask, 100
		if err := netlink.RuleAdd(r); err != nil {
			t.Error(err)
		}
	})
	run(t, n.director, `ip route add local 0.0.0.0/0 dev lo table 100
iptables -t mangle -A PREROUTING -i eth0 -d 192.0.2.0/24 -j MARK --set-mark 7
ipvsadm -A -f 7 -s rr
ipvsadm -a -f 7 -r 10.1.0.11 -m
ipvsadm -a -f 7 -r 10.1.0.12 -m
`, io)
	var got []string
	for i := range 4 {
		got = append(got, ask(t, n.client, []string{"tcp", "udp"}[i%2], hostPort(fmt.Sprint("192.0.2.", i), "80"), fmt.Sprint(i)))
	}
	if d := cmp.Diff([]string{"s2 0", "s1 1", "s2 2", "s1 3"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// Errors that the director makes, and errors of servers, reach the client.
func TestICMPErrors(t *testing.T) { bothIO(t, testICMPErrors) }

func testICMPErrors(t *testing.T, io queue.IO) {
	n := newNetwork(t)
	n.behind(t)
	var text strings.Builder
	text.WriteString(dummy)
	for vip, rs := range map[string]string{vip4: "10.1.0.11", "[" + vip6 + "]": "[2001:db8:1::11]"} {
		for _, proto := range []string{"-t", "-u"} {
			fmt.Fprintf(&text, "ipvsadm -A %s %s:80 -s rr\n", proto, vip)
			fmt.Fprintf(&text, "ipvsadm -A %s %s:81 -s rr\nipvsadm -a %s %s:81 -r %s:9 -m\n", proto, vip, proto, vip, rs)
		}
	}
	run(t, n.director, text.String(), io)
	for _, vip := range []string{vip4, vip6} {
		for _, c := range []struct{ name, port string }{{"no servers", "80"}, {"a server's closed port", "81"}} {
			for _, network := range []string{"tcp", "udp"} {
				got := ask(t, n.client, network, hostPort(vip, c.port), "x")
				if !strings.HasSuffix(got, "connection refused") {
					t.Errorf("%s, %s %s: %s", c.name, family(vip), network, got)
				}
			}
		}
	}
}

// Much data both ways, by a path whose narrow part only the director knows of.
func TestPathMTU(t *testing.T) {
	for _, c := range []struct {
		name, method string
		route        func(*network, testing.TB)
		io           queue.IO
	}{
		{"NAT", "-m", (*network).behind, queue.Batch},
		{"DR", "-g", (*network).beside, queue.Batch},
		{"NAT by go-nfqueue", "-m", (*network).behind, queue.NFQueue},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			c.route(n, t)
			n.director.Do(t, func() {
				for _, s := range []string{"10.1.0.12/32", "2001:db8:1::12/128"} {
					dst, _ := netlink.ParseIPNet(s)
					l, err := netlink.LinkByName("eth1")
					if err == nil {
						err = netlink.RouteAdd(&netlink.Route{Dst: dst, LinkIndex: l.Attrs().Index, MTU: 1300})
					}
					if err != nil {
						t.Errorf("%s: %v", s, err)
					}
				}
			})
			run(t, n.director, services(c.method), c.io)
			data := make([]byte, 1<<18)
			rand.Read(data)
			for _, vip := range []string{vip4, vip6} {
				s := hex.EncodeToString(data)
				if got := ask(t, n.client, "tcp", hostPort(vip, "80"), s); got != "s2 "+s {
					t.Errorf("%s: %d octets of %d: %.60s", family(vip), len(got), len(s), got)
				}
			}
		})
	}
}

// A tunnelled server gets the packet in one of the director's.
func TestTunnel(t *testing.T) { bothIO(t, testTunnel) }

func testTunnel(t *testing.T, io queue.IO) {
	n := newNetwork(t)
	run(t, n.director, services("-i"), io)
	for _, c := range []struct {
		vip   string
		outer uint8
		size  int // of the outer header
		from  int // where its source is
		src   string
	}{
		{vip4, packet.ProtoIPIP, packet.SizeIPv4, 12, "10.1.0.1"},
		{vip6, packet.ProtoIPv6, packet.SizeIPv6, 8, "2001:db8:1::1"},
	} {
		cap := n.servers[1].Capture(t, "eth0")
		conn, err := dial(t, n.client, "udp", "", hostPort(c.vip, "80"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		big := bytes.Repeat([]byte("x"), 1450) // too big for the tunnel in one piece
		if _, err := conn.Write(big[:10]); err != nil {
			t.Fatal(err)
		}
		vip := netip.MustParseAddr(c.vip).AsSlice()
		got := cap.Packet(t, func(b []byte) bool { return bytes.Contains(b, vip) && bytes.Contains(b, big[:10]) })
		if len(got) < 2*c.size || got[c.size]>>4 != got[0]>>4 {
			t.Errorf("%s: % x", family(c.vip), got)
			continue
		}
		proto := got[9]
		if c.size == packet.SizeIPv6 {
			proto = got[6]
		}
		if src := netip.MustParseAddr(c.src).AsSlice(); proto != c.outer || !bytes.Equal(got[c.from:c.from+len(src)], src) {
			t.Errorf("%s: outer header % x", family(c.vip), got[:c.size])
		}
	}
}

// What is said on the control socket holds when it is acknowledged.
func TestChanges(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	d := run(t, n.director, dummy)
	c, err := control.Dial(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client := control.NewClient(c)
	addr := func(s string) packet.Addr {
		a, _ := packet.AddrFrom(netip.MustParseAddr(s))
		return a
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	service := func(port uint16) sched.ServiceConfig {
		return sched.ServiceConfig{
			ServiceKey: sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: addr(vip4), Port: port},
			Scheduler:  "rr", Netmask: 0xffffffff,
		}
	}
	dest := func(a string) sched.DestConfig {
		return sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv4, Addr: addr(a), Port: 80}, Weight: 1}
	}
	s80 := service(80)
	expect := func(when, want string) {
		t.Helper()
		if got := ask(t, n.client, "tcp", hostPort(vip4, "80"), "x"); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", when, got)
		}
	}
	expect("without a service the local stack answers", "connection refused")
	must(client.AddService(s80))
	must(client.AddDest(s80.ServiceKey, dest("10.1.0.11")))
	expect("with a server", "s1 x")
	must(client.AddDest(s80.ServiceKey, dest("10.1.0.12")))
	must(client.DelDest(s80.ServiceKey, dest("10.1.0.11").DestKey))
	expect("with another", "s2 x")

	// Rules that somebody threw away come back.
	n.director.Do(t, func() {
		nft := &nftables.Conn{}
		nft.FlushRuleset()
		if err := nft.Flush(); err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(time.Minute); ask(t, n.client, "tcp", hostPort(vip4, "80"), "x") != "s2 x"; {
		if time.Now().After(end) {
			t.Fatal("the rules are not back within a minute")
		}
	}

	// A connection outlives its service only as the kernel's do: in silence.
	conn, err := dial(t, n.client, "tcp", "", hostPort(vip4, "80"))
	must(err)
	defer conn.Close()
	if got := say(conn, "x"); got != "s2 x" {
		t.Errorf("connected to %s", got)
	}
	s81 := service(81)
	must(client.AddService(s81))
	must(client.DelService(s80.ServiceKey))
	_ = conn.SetDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = io.WriteString(conn, "y\n")
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("without its service: %v", err)
	}
	must(client.AddService(s80))
	must(client.AddDest(s80.ServiceKey, dest("10.1.0.12")))
	if got := say(conn, "z"); got != "s2 y" {
		t.Errorf("with the server back: %s", got)
	}
	must(client.Flush())
	expect("without services again", "connection refused")
	if err := client.AddService(sched.ServiceConfig{ServiceKey: sched.ServiceKey{Family: packet.IPv4, FWMark: live.DefaultBit | 1}, Scheduler: "rr", Netmask: 0xffffffff}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a mark with goipvs's bit: %v", err)
	}
}

// A server that is its own service's client gets there with connection tracking
// and masquerading, as with the kernel's IPVS.
func TestHairpin(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	n.director.Sysctl(t, "net/ipv4/conf/all/send_redirects", "0")
	n.director.Sysctl(t, "net/ipv4/conf/eth1/send_redirects", "0")
	n.director.Do(t, func() {
		c := &nftables.Conn{}
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "user"})
		chain := c.AddChain(&nftables.Chain{
			Table: table, Name: "nat", Type: nftables.ChainTypeNAT,
			Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
		})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: append([]byte("eth1"), make([]byte, 12)...)},
			&expr.Masq{},
		}})
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
	})
	run(t, n.director, "sysctl -w net.ipv4.vs.conntrack=1\n"+services("-m"))
	for _, network := range []string{"tcp", "udp"} {
		var got []string
		for i := range 2 {
			got = append(got, ask(t, n.servers[0], network, hostPort(vip4, "80"), fmt.Sprint(i)))
		}
		if d := cmp.Diff([]string{"s2 0", "s1 1"}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", network, d)
		}
	}
}

// Replies take the way that routing rules say for the virtual address.
func TestSourceRouting(t *testing.T) { bothIO(t, testSourceRouting) }

func testSourceRouting(t *testing.T, io queue.IO) {
	n := newNetwork(t)
	n.behind(t)
	run(t, n.director, services("-m")+`ip route add default via 10.1.0.100 dev eth1 table 7
ip rule add from 203.0.113.10 lookup 7
`, io)
	cap := n.client.Capture(t, "eth1")
	for _, network := range []string{"tcp", "udp"} {
		if got := ask(t, n.client, network, hostPort(vip4, "80"), "x"); !strings.HasSuffix(got, " x") {
			t.Errorf("%s: %s", network, got)
		}
	}
	vip := netip.MustParseAddr(vip4).AsSlice()
	if cap.Packet(t, func(b []byte) bool { return b[0] == 0x45 && bytes.Equal(b[12:16], vip) }) == nil {
		t.Error("no reply came by the other way")
	}
}
