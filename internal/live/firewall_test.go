package live_test

import (
	"encoding/binary"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"goipvs/internal/live/nstest"
)

// firewall adds a user's chain to a host.
func firewall(t *testing.T, ns *nstest.NS, typ nftables.ChainType, hook *nftables.ChainHook, prio *nftables.ChainPriority, rules ...[]expr.Any) {
	t.Helper()
	ns.Do(t, func() {
		c := &nftables.Conn{}
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "user"})
		chain := c.AddChain(&nftables.Chain{Table: table, Name: "chain" + string(rune('0'+*hook)), Type: typ, Hooknum: hook, Priority: prio})
		for _, r := range rules {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: r})
		}
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
	})
}

func out(ifname string) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: append([]byte(ifname), make([]byte, 16-len(ifname))...)},
	}
}

func dport(p uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, p)},
	}
}

// state matches connection tracking's states.
func state(bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func verdict(k expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: k}} }

func rule(parts ...[]expr.Any) (r []expr.Any) {
	for _, p := range parts {
		r = append(r, p...)
	}
	return r
}

// A stateful firewall before IPVS and masquerading behind it do to the packets
// what they do with the kernel's IPVS without connection tracking: requests are
// new, each of them, and replies keep the virtual address.
func TestStatefulFirewall(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	firewall(t, n.director, nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter,
		rule(state(expr.CtStateBitESTABLISHED), verdict(expr.VerdictAccept)),
		rule(dport(80), state(expr.CtStateBitNEW), verdict(expr.VerdictAccept)),
		verdict(expr.VerdictDrop))
	firewall(t, n.director, nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource,
		rule(out("eth0"), []expr.Any{&expr.Masq{}}))
	run(t, n.director, services("-m"))
	for _, network := range []string{"tcp", "udp"} {
		c, err := dial(t, n.client, network, "", hostPort(vip4, "80"))
		if err != nil {
			t.Errorf("%s: %v", network, err)
			continue
		}
		for range 3 {
			if got := say(c, "x"); got != "s2 x" {
				t.Errorf("%s: %s", network, got)
			}
		}
		c.Close()
	}
}

// A rule before IPVS that drops keeps packets from it, one behind it at
// LOCAL_OUT sees what goes to the server.
func TestPlacement(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	run(t, n.director, strings.ReplaceAll(services("-m"), "rr", "wrr"))
	expect := func(when, want string) {
		t.Helper()
		c, err := dialShortly(t, n.client, hostPort(vip4, "80"))
		got := "silence"
		if err == nil {
			got = say(c, "x")
			c.Close()
		}
		if !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", when, got)
		}
	}
	expect("without rules", " x")
	to := func(a string) []expr.Any {
		return []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: net.ParseIP(a).To4()},
		}
	}
	firewall(t, n.director, nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityFilter,
		rule(to("10.1.0.11"), verdict(expr.VerdictDrop)), rule(to("10.1.0.12"), verdict(expr.VerdictDrop)))
	expect("with a rule about the servers in OUTPUT", "silence")
	n.director.Do(t, func() {
		c := &nftables.Conn{}
		c.DelTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "user"})
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
	})
	expect("without it again", " x")
	firewall(t, n.director, nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter,
		rule(to(vip4), verdict(expr.VerdictDrop)))
	expect("with a rule about the service in INPUT", "silence")
}

func dialShortly(t *testing.T, ns *nstest.NS, to string) (c net.Conn, err error) {
	t.Helper()
	ns.Do(t, func() { c, err = net.DialTimeout("tcp", to, 200*time.Millisecond) })
	return c, err
}

// A local client whose socket has the mark of a service.
func TestLocalClientMark(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	n.director.Route(t, "192.0.2.0/24", "10.1.0.254")
	run(t, n.director, "ipvsadm -A -f 7 -s rr\nipvsadm -a -f 7 -r 10.1.0.11 -m\nipvsadm -a -f 7 -r 10.1.0.12 -m\n")
	d := net.Dialer{Timeout: time.Minute, Control: func(_, _ string, c syscall.RawConn) (err error) {
		cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, 7) })
		if cerr != nil {
			return cerr
		}
		return err
	}}
	for _, network := range []string{"tcp", "udp"} {
		var c net.Conn
		var err error
		n.director.Do(t, func() { c, err = d.Dial(network, "192.0.2.1:80") })
		if err != nil {
			t.Errorf("%s: %v", network, err)
			continue
		}
		if got := say(c, "x"); !strings.HasSuffix(got, " x") {
			t.Errorf("%s: %s", network, got)
		}
		c.Close()
	}
}
