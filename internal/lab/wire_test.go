package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// watchWire hands every datagram that comes to an interface of a host, and that
// is no noise, to see, until that reports true. What it returns waits for that,
// but not for ever, and reports whether it happened.
func watchWire(t *testing.T, n *Node, ifname string, see func(datagram []byte) bool) (seen func() bool) {
	t.Helper()
	var file *os.File
	check(t, n.Do(func() (err error) {
		file, err = packetSocket(ifname)
		return err
	}))
	done := make(chan bool, 1)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			size, err := file.Read(buf)
			if err != nil {
				done <- false
				return
			}
			if !noise(buf[:size]) && see(buf[14:size]) {
				done <- true
				return
			}
		}
	}()
	t.Cleanup(func() { file.Close() })
	return func() bool {
		_ = file.SetReadDeadline(time.Now().Add(answerTime))
		ok := <-done
		done <- ok
		return ok
	}
}

// Servers at the end of every kind of tunnel get what was for the VIP, also what
// has to be cut for the tunnel.
//
// Features: X3, X4, X5.
func TestTunnelKinds(t *testing.T) {
	gue := fmt.Sprintf("--tun-type gue --tun-port %d ", guePort)
	eachFamily(t, Tunnel, func(t *testing.T, l *Lab) {
		client := &nextPort{l.Client().Netns, 10000}
		for _, c := range []struct {
			name, options string
			proto         uint8
		}{
			{"IPIP", "--tun-type ipip", map[packet.Family]uint8{packet.IPv4: packet.ProtoIPIP, packet.IPv6: packet.ProtoIPv6}[l.Plan.Family]},
			{"GRE", "--tun-type gre", packet.ProtoGRE},
			{"GRE with checksum", "--tun-type gre --tun-csum", packet.ProtoGRE},
			{"GUE", gue, packet.ProtoUDP},
			{"GUE with checksum", gue + "--tun-csum", packet.ProtoUDP},
			{"GUE with remote checksum", gue + "--tun-remcsum", packet.ProtoUDP},
		} {
			for line := range strings.Lines(l.Plan.Director().Setup) {
				if rest, ok := strings.CutPrefix(line, "ipvsadm -a "); ok {
					l.admin(t, "-e "+rest+" "+c.options)
				}
			}
			outer := watchWire(t, l.Nodes["server1"], "eth0", func(b []byte) bool {
				var h packet.Header
				return packet.ParseHeader(l.Plan.Family, b, 0, &h) && h.Protocol == c.proto && h.Dst.Netip(l.Plan.Family) == l.Nodes["server1"].Unwrap
			})
			for i := range 6 {
				if a, err := Get(t.Context(), client, l.Plan.Web()); err != nil || a.Server != serverName(2-i%3) {
					t.Errorf("%s, connection %d: %+v, %v", c.name, i, a, err)
				}
			}
			for _, size := range []int{5, 1400, 1450, 4000} {
				for try := 0; ; try++ {
					_, err := Echo(t.Context(), client, l.Plan.Echo(), strings.Repeat("x", size))
					if errors.Is(err, syscall.EMSGSIZE) && try == 0 {
						continue // it was told the path's MTU
					}
					if err != nil {
						t.Errorf("%s, %d octets: %v", c.name, size, err)
					}
					break
				}
			}
			if !outer() {
				t.Errorf("%s: no packet of protocol %d", c.name, c.proto)
			}
		}
	})
}

// Marks that the user's own rules set, before and after routing, choose the
// service: one for several ports and protocols, whose servers keep the port.
//
// Features: F1.
func TestMarkServices(t *testing.T) {
	eachFamily(t, NAT, func(t *testing.T, l *Lab) {
		const mark = 0x107
		ports := []uint16{9001, 9002}
		check(t, l.Director().Do(func() error { return markPorts(l.Plan.Family, mark, ports) }))
		six := map[packet.Family]string{packet.IPv4: "", packet.IPv6: " -6"}[l.Plan.Family]
		l.admin(t, fmt.Sprintf("-A -f %d -s rr%s", mark, six))
		for i := range 3 {
			a := numbersOf(l.Plan.Family).server[i].Addr()
			l.admin(t, fmt.Sprintf("-a -f %d -r %v -m%s", mark, netip.AddrPortFrom(a, 0), six))
			h := Host{Name: serverName(i)}
			for _, p := range ports {
				at := netip.AddrPortFrom(a, p)
				h.Serves = append(h.Serves, Serving{AppHTTP, at}, Serving{AppEcho, at})
			}
			p, err := l.startHost(&Node{Host: h, Netns: l.Nodes[h.Name].Netns})
			check(t, err)
			t.Cleanup(func() { check(t, p.Stop()) })
		}
		client := &nextPort{l.Client().Netns, 20000}
		for i, port := range slices.Repeat(ports, 3) {
			to, want := netip.AddrPortFrom(l.Plan.VIP, port), serverName(2-2*i%3)
			a, err := Get(t.Context(), client, to)
			if err != nil || a.Server != want {
				t.Errorf("TCP to %v: %+v, %v, want %s", to, a, err, want)
			}
			want = serverName(2 - (2*i+1)%3)
			size := 10 + 1500*i // in fragments, too, of which only the first has a port
			a, err = Echo(t.Context(), client, to, strings.Repeat("x", size))
			if err != nil || a.Server != want {
				t.Errorf("UDP to %v, %d octets: %s, %v, want %s", to, size, a.Server, err, want)
			}
		}
		if _, err := Get(t.Context(), client, netip.AddrPortFrom(l.Plan.VIP, 9003)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a port that is not marked: %v", err)
		}
	})
}

// markPorts is what a user would do by
//
//	nft add rule ip user mangle meta l4proto { tcp, udp } th dport 9001 meta mark set 0x107
func markPorts(f packet.Family, mark uint32, ports []uint16) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	family := map[packet.Family]nftables.TableFamily{packet.IPv4: nftables.TableFamilyIPv4, packet.IPv6: nftables.TableFamilyIPv6}[f]
	table := c.AddTable(&nftables.Table{Family: family, Name: "user"})
	chain := c.AddChain(&nftables.Chain{
		Table: table, Name: "mangle", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityMangle,
	})
	for _, proto := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		for _, p := range ports {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
				&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, p)},
				&expr.Immediate{Register: 1, Data: binary.NativeEndian.AppendUint32(nil, mark)},
				&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
			}})
		}
	}
	return c.Flush()
}

// What servers behind NAT answer in fragments is put together at FORWARD: every
// fragment that leaves is the VIP's, and they add up.
//
// Features: G1, G2.
func TestReplyFragments(t *testing.T) {
	eachFamily(t, NAT, func(t *testing.T, l *Lab) {
		fragments := func(node, ifname string, from netip.Addr) func() bool {
			n := 0
			return watchWire(t, l.Nodes[node], ifname, func(b []byte) bool {
				src, fragment, last := fragmentOf(l.Plan.Family, b)
				if fragment && src != from {
					t.Errorf("a fragment from %v, not %v", src, from)
				}
				if fragment {
					n++
				}
				return last && n > 2
			})
		}
		came, left := fragments("director", "eth1", numbersOf(l.Plan.Family).server[2].Addr()), fragments("client", "eth0", l.Plan.VIP)
		virtual := l.Plan.Echo()
		c, err := l.Client().Dial(t.Context(), "udp", virtual.String())
		check(t, err)
		defer c.Close()
		a, err := Echo(t.Context(), l.Client().Netns, virtual, strings.Repeat("x", 9000))
		if err != nil || a.Server != "server3" {
			t.Errorf("%s, %v", a.Server, err)
		}
		if !came() {
			t.Error("no fragments came from the server: this tests nothing")
		}
		if !left() {
			t.Error("no fragments came to the client")
		}
	})
}

// fragmentOf returns a fragment's source, and whether it is one and the last.
func fragmentOf(f packet.Family, b []byte) (src netip.Addr, fragment, last bool) {
	if packet.Family(b[0]>>4) != f {
		return src, false, false
	}
	if f == packet.IPv4 {
		at := binary.BigEndian.Uint16(b[6:])
		src, _ = netip.AddrFromSlice(b[12:16])
		return src, at&0x3fff != 0, at&0x3fff != 0 && at&0x2000 == 0
	}
	src, _ = netip.AddrFromSlice(b[8:24])
	const fragmentHeader = 44
	fragment = b[6] == fragmentHeader && len(b) >= 48
	return src, fragment, fragment && b[43]&1 == 0
}
