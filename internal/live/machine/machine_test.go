package machine_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/live/machine"
	"goipvs/internal/live/nstest"
	"goipvs/internal/setup"
)

// ipvs notes what is asked of it.
type ipvs struct{ asked []string }

func (v *ipvs) AddMark(m setup.MarkAdd) error {
	v.asked = append(v.asked, fmt.Sprintf("mark %d", m.Mark))
	return nil
}

func (v *ipvs) Setting(name, value string) error {
	v.asked = append(v.asked, name+"="+value)
	return nil
}

func (v *ipvs) IPVSAdm(args []string, _ io.Writer) error {
	v.asked = append(v.asked, strings.Join(args, " "))
	return nil
}

// host is a namespace with eth0, eth1 and a journal.
type host struct {
	ns    *nstest.NS
	state string
	ipvs  ipvs
	notes []string
}

func newHost(t *testing.T) *host {
	h := &host{ns: nstest.New(t), state: filepath.Join(t.TempDir(), "state")}
	far := nstest.New(t)
	nstest.Join(t, h.ns, "eth0", far, "eth0")
	nstest.Join(t, h.ns, "eth1", far, "eth1")
	h.ns.Do(t, func() {
		l, err := netlink.LinkByName("eth1")
		if err == nil {
			err = netlink.LinkSetDown(l)
		}
		if err != nil {
			t.Error(err)
		}
	})
	return h
}

// do runs lines on the machine and then f.
func (h *host) do(t *testing.T, text string, f func(*machine.Machine) error) {
	t.Helper()
	h.ns.Do(t, func() {
		j, left, err := machine.OpenJournal(h.state)
		if err != nil {
			t.Error(err)
			return
		}
		m, err := machine.Open(j, left, &h.ipvs, func(s string) { h.notes = append(h.notes, s) })
		if err != nil {
			t.Error(err)
			return
		}
		lines, err := setup.Parse("setup", strings.NewReader(text))
		if err == nil {
			err = setup.Run(lines, m, io.Discard)
		}
		if err == nil {
			err = f(m)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// look returns what the machine has of what setups change, sorted.
func (h *host) look(t *testing.T) (all []string) {
	t.Helper()
	h.ns.Do(t, func() {
		links, err := netlink.LinkList()
		if err != nil {
			t.Error(err)
		}
		name := map[int]string{}
		for _, l := range links {
			a := l.Attrs()
			name[a.Index] = a.Name
			all = append(all, fmt.Sprintf("link %s mtu %d %s up %t", a.Name, a.MTU, a.HardwareAddr, a.RawFlags&unix.IFF_UP != 0))
			addrs, err := netlink.AddrList(l, unix.AF_UNSPEC)
			if err != nil {
				t.Error(err)
			}
			for _, x := range addrs {
				if !x.IP.IsLinkLocalUnicast() {
					all = append(all, fmt.Sprintf("addr %s %s", a.Name, x.IPNet))
				}
			}
			neighs, err := netlink.NeighList(a.Index, unix.AF_UNSPEC)
			if err != nil {
				t.Error(err)
			}
			for _, x := range neighs {
				if x.State == netlink.NUD_PERMANENT {
					all = append(all, fmt.Sprintf("neigh %s %s %s", a.Name, x.IP, x.HardwareAddr))
				}
			}
		}
		for _, f := range []int{unix.AF_INET, unix.AF_INET6} {
			routes, err := netlink.RouteListFiltered(f, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
			if err != nil {
				t.Error(err)
			}
			for _, r := range routes {
				if r.Protocol != unix.RTPROT_KERNEL && r.Table != unix.RT_TABLE_LOCAL {
					all = append(all, fmt.Sprintf("route %s via %s dev %s type %d table %d", r.Dst, r.Gw, name[r.LinkIndex], r.Type, r.Table))
				}
			}
			rules, err := netlink.RuleList(f)
			if err != nil {
				t.Error(err)
			}
			for _, r := range rules {
				all = append(all, fmt.Sprintf("rule %d: from %s mark %d table %d", f, r.Src, r.Mark, r.Table))
			}
		}
		for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/eth0/rp_filter"} {
			b, err := os.ReadFile("/proc/sys/net/" + name)
			if err != nil {
				t.Error(err)
			}
			all = append(all, "sysctl "+name+" "+strings.TrimSpace(string(b)))
		}
	})
	slices.Sort(all)
	return all
}

const everything = `ip link set eth0 address 02:00:00:00:00:01 mtu 1400 up
ip link set eth1 up
ip link add ipvs0 type dummy
ip link set ipvs0 up
ip addr add 203.0.113.10/24 dev ipvs0
ip -6 addr add 2001:db8:f::10/64 dev ipvs0 nodad
ip addr add 10.0.0.1/24 dev eth0
ip -6 addr add 2001:db8::1/64 dev eth0 nodad
ip addr add 10.1.0.1/24 dev eth1
ip route add default via 10.0.0.254
ip -6 route add default via 2001:db8::fe dev eth0
ip route add 192.0.2.0/24 via 10.1.0.254
ip route add unreachable 192.0.3.0/24
ip route add blackhole 192.0.4.0/24
ip route add default via 10.1.0.253 dev eth1 table 7
ip route add local 0.0.0.0/0 dev lo table 8
ip rule add fwmark 1 lookup 8
ip rule add from 203.0.113.10 lookup 7
ip neigh add 10.0.0.254 lladdr 02:00:00:00:00:fe dev eth0
ip -6 neigh add 2001:db8::fe lladdr 02:00:00:00:00:fe dev eth0
sysctl -w net.ipv4.ip_forward=1
sysctl -w net.ipv6.conf.all.forwarding=1
sysctl -w net.ipv4.conf.eth0.rp_filter=0
sysctl -w net.ipv4.vs.conntrack=1
iptables -t mangle -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 5
modprobe ip_vs_ftp
ipvsadm -A -t 203.0.113.10:80 -s rr
`

func TestDoneAndUndone(t *testing.T) {
	h := newHost(t)
	before := h.look(t)
	var during []string
	h.do(t, everything, func(m *machine.Machine) error {
		during = h.look(t)
		if _, err := os.Stat(h.state); err != nil {
			t.Errorf("state: %v", err)
		}
		return m.Close()
	})
	if d := cmp.Diff(before, h.look(t)); d != "" {
		t.Errorf("afterwards (-before +after):\n%s", d)
	}
	if _, err := os.Stat(h.state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("state stays: %v", err)
	}
	want := []string{
		"addr eth0 10.0.0.1/24", "addr eth0 2001:db8::1/64", "addr eth1 10.1.0.1/24",
		"link eth0 mtu 1400 02:00:00:00:00:01 up true",
		"neigh eth0 10.0.0.254 02:00:00:00:00:fe", "neigh eth0 2001:db8::fe 02:00:00:00:00:fe",
		"route 0.0.0.0/0 via 10.0.0.254 dev eth0 type 1 table 254",
		"route 0.0.0.0/0 via 10.1.0.253 dev eth1 type 1 table 7",
		"route 0.0.0.0/0 via <nil> dev lo type 2 table 8",
		"route 192.0.2.0/24 via 10.1.0.254 dev eth1 type 1 table 254",
		"route 192.0.3.0/24 via <nil> dev  type 7 table 254",
		"route 192.0.4.0/24 via <nil> dev  type 6 table 254",
		"route ::/0 via 2001:db8::fe dev eth0 type 1 table 254",
		"rule 2: from 203.0.113.10/32 mark 0 table 7", "rule 2: from <nil> mark 1 table 8",
		"sysctl ipv4/conf/eth0/rp_filter 0", "sysctl ipv4/ip_forward 1", "sysctl ipv6/conf/all/forwarding 1",
	}
	for _, w := range want {
		if !slices.Contains(during, w) {
			t.Errorf("no %q among %q", w, during)
		}
	}
	// With a dummy interface or without.
	has := func(s string) bool {
		return slices.ContainsFunc(during, func(x string) bool { return strings.HasPrefix(x, s) })
	}
	if !has("addr ipvs0 203.0.113.10/24") && !(has("addr lo 203.0.113.10/32") && has("addr lo 2001:db8:f::10/128") && len(h.notes) == 1) {
		t.Errorf("no virtual address among %q, notes %q", during, h.notes)
	}
	if d := cmp.Diff([]string{"conntrack=1", "mark 5", "-A -t 203.0.113.10:80 -s rr"}, h.ipvs.asked); d != "" {
		t.Errorf("IPVS was asked (-want +got):\n%s", d)
	}
}

// What was there before stays.
func TestLeavesWhatWasThere(t *testing.T) {
	h := newHost(t)
	h.ns.Addr(t, "eth0", "10.0.0.1/24")
	h.ns.Sysctl(t, "net/ipv4/ip_forward", "1")
	before := h.look(t)
	h.do(t, "ip link set eth0 up\nip addr add 10.0.0.1/24 dev eth0\nsysctl -w net.ipv4.ip_forward=1\n", (*machine.Machine).Close)
	if d := cmp.Diff(before, h.look(t)); d != "" {
		t.Errorf("afterwards (-before +after):\n%s", d)
	}
}

// After a crash what is asked for again stays all the time, the rest goes, and
// in the end it is as before the crash.
func TestAfterCrash(t *testing.T) {
	h := newHost(t)
	before := h.look(t)
	crash := func(*machine.Machine) error { return nil }
	h.do(t, everything, crash)
	during := h.look(t)
	again := strings.Replace(everything, "ip addr add 10.1.0.1/24 dev eth1\n", "ip addr add 10.1.0.2/24 dev eth1\n", 1)
	h.do(t, again, crash)
	h.do(t, again, func(m *machine.Machine) error {
		if err := m.UndoLeft(); err != nil {
			return err
		}
		var want []string
		for _, s := range during {
			want = append(want, strings.Replace(s, "10.1.0.1/24", "10.1.0.2/24", 1))
		}
		slices.Sort(want)
		if d := cmp.Diff(want, h.look(t)); d != "" {
			t.Errorf("again (-want +got):\n%s", d)
		}
		return m.Close()
	})
	if d := cmp.Diff(before, h.look(t)); d != "" {
		t.Errorf("afterwards (-before +after):\n%s", d)
	}
}

// A state about another namespace is none.
func TestStateOfElsewhere(t *testing.T) {
	h := newHost(t)
	h.do(t, "ip addr add 10.0.0.1/24 dev eth0\n", func(*machine.Machine) error { return nil })
	other := newHost(t)
	other.state = h.state
	other.ns.Addr(t, "eth0", "10.0.0.1/24")
	before := other.look(t)
	other.do(t, "", (*machine.Machine).Close)
	if d := cmp.Diff(before, other.look(t)); d != "" {
		t.Errorf("afterwards (-before +after):\n%s", d)
	}
}

func TestErrors(t *testing.T) {
	h := newHost(t)
	for _, text := range []string{
		"ip link set eth7 up", "ip addr add 10.0.0.1/24 dev eth7", "ip route add 192.0.2.0/24 via 10.9.9.9",
		"sysctl -w net.ipv4.no_such=1", "sysctl -w net.ipv4.ip_forward=x",
	} {
		h.ns.Do(t, func() {
			j, left, err := machine.OpenJournal(h.state)
			if err != nil {
				t.Error(err)
				return
			}
			m, err := machine.Open(j, left, &h.ipvs, func(string) {})
			if err != nil {
				t.Error(err)
				return
			}
			lines, err := setup.Parse("setup", strings.NewReader(text))
			if err != nil {
				t.Errorf("%s: %v", text, err)
				return
			}
			if err := setup.Run(lines, m, io.Discard); err == nil || !strings.HasPrefix(err.Error(), "setup:1: ") {
				t.Errorf("%s: error %v", text, err)
			}
			if err := m.Close(); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
}
