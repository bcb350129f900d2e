package inject_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"goipvs/internal/live/inject"
	"goipvs/internal/live/nstest"
	"goipvs/internal/live/rules"
	"goipvs/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bit = 1 << 30

// net2 is a director and a server that has the virtual addresses, too, which
// the director has no route to.
type net2 struct {
	director, server *nstest.NS
	sender           *inject.Sender
	neighbours       *inject.Neighbours
	direct           [2]atomic.Bool // by packet socket: IPv4, IPv6
	outIf            int
}

func newNet(t *testing.T) *net2 {
	n := &net2{director: nstest.New(t), server: nstest.New(t)}
	nstest.Join(t, n.director, "eth0", n.server, "eth0")
	n.director.Addr(t, "eth0", "10.0.0.1/24")
	n.director.Addr(t, "eth0", "2001:db8::1/64")
	n.server.Addr(t, "eth0", "10.0.0.2/24")
	n.server.Addr(t, "eth0", "2001:db8::2/64")
	n.server.Addr(t, "lo", "203.0.113.9/32")
	n.server.Addr(t, "lo", "2001:db8:f::9/128")
	n.server.Sysctl(t, "net/ipv4/conf/eth0/rp_filter", "0")
	n.server.Sysctl(t, "net/ipv4/conf/all/rp_filter", "0")
	n.director.Do(t, func() {
		neighbours, err := inject.OpenNeighbours()
		n.neighbours = neighbours
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(neighbours.Close)
		n.sender, err = inject.Open(inject.Config{Bit: bit, Random: func() uint32 { return 0x01020304 }, Neighbours: neighbours, Direct: &n.direct})
		if err != nil {
			t.Error(err)
		}
		i, err := net.InterfaceByName("eth0")
		if err != nil {
			t.Error(err)
			return
		}
		n.outIf = i.Index
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		if err := n.sender.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// send sends a datagram at once.
func (n *net2) send(d *inject.Datagram) error {
	n.sender.Add(d)
	r := n.sender.Flush()
	return errors.Join(r.Raw.Err, r.Packet.Err)
}

// listen opens a UDP socket on the server.
func (n *net2) listen(t *testing.T, addr string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	n.server.Do(t, func() {
		var err error
		if c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))); err != nil {
			t.Error(err)
		}
	})
	if c == nil {
		t.FailNow()
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func addr(s string) packet.Addr {
	a, _ := packet.AddrFrom(netip.MustParseAddr(s))
	return a
}

// udp makes a datagram with correct checksums.
func udp(src, dst string, port uint16, payload []byte) []byte {
	from, f := packet.AddrFrom(netip.MustParseAddr(src))
	to := addr(dst)
	b := datagram(f, 0, len(payload))
	at := packet.SizeIPv4
	if f == packet.IPv6 {
		at = packet.SizeIPv6
		copy(b[8:], from[:])
		copy(b[24:], to[:])
	} else {
		copy(b[12:16], from[:4])
		copy(b[16:20], to[:4])
		packet.SetIPv4Checksum(b, 0)
	}
	u := b[at:]
	binary.BigEndian.PutUint16(u, 1234)
	binary.BigEndian.PutUint16(u[2:], port)
	binary.BigEndian.PutUint16(u[4:], uint16(len(u)))
	copy(u[packet.SizeUDP:], payload)
	binary.BigEndian.PutUint16(u[6:], packet.TransportChecksum(f, from, to, packet.ProtoUDP, u))
	return b
}

func TestSend(t *testing.T) {
	big := make([]byte, 5000)
	fill(big)
	for _, c := range []struct {
		name     string
		src, dst string
		to       string
		neigh    bool
		payload  []byte
		mtu      int
	}{
		{"NAT", "192.0.2.1", "10.0.0.2", "10.0.0.2", false, []byte("x"), 1500},
		{"DR", "192.0.2.1", "203.0.113.9", "10.0.0.2", true, []byte("x"), 1500},
		{"DR in fragments", "192.0.2.1", "203.0.113.9", "10.0.0.2", true, big, 1500},
		{"small MTU", "192.0.2.1", "10.0.0.2", "10.0.0.2", false, big, 600},
		{"NAT6", "2001:db8:1::1", "2001:db8::2", "2001:db8::2", false, []byte("x"), 1500},
		{"DR6", "2001:db8:1::1", "2001:db8:f::9", "2001:db8::2", true, []byte("x"), 1500},
		{"DR6 in fragments", "2001:db8:1::1", "2001:db8:f::9", "2001:db8::2", true, big, 1400},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNet(t)
			srv := n.listen(t, netip.AddrPortFrom(netip.MustParseAddr(c.dst), 99).String())
			d := &inject.Datagram{Family: packet.IPv4, Data: udp(c.src, c.dst, 99, c.payload), To: addr(c.to), MTU: c.mtu, Ours: true}
			if netip.MustParseAddr(c.dst).Is6() {
				d.Family = packet.IPv6
			}
			if c.neigh {
				d.OutIf = n.outIf
			}
			if err := n.send(d); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1<<16)
			_ = srv.SetReadDeadline(time.Now().Add(time.Minute))
			got, from, err := srv.ReadFromUDPAddrPort(b)
			if err != nil || !bytes.Equal(b[:got], c.payload) || from.Addr().Unmap().String() != c.src {
				t.Errorf("%d octets from %v, %v", got, from, err)
			}
		})
	}
}

// The kernel leaves a header alone: also an id of 0 that says nothing, with DF.
func TestHeaderStays(t *testing.T) {
	n := newNet(t)
	c := n.server.Capture(t, "eth0")
	want := udp("192.0.2.1", "10.0.0.2", 99, []byte("x"))
	want[6] = packet.FlagDF >> 8
	want[1], want[8] = 0xb8, 1
	packet.SetIPv4Checksum(want, 0)
	sent := bytes.Clone(want)
	if err := n.send(&inject.Datagram{Family: packet.IPv4, Data: sent, To: addr("10.0.0.2"), MTU: 1500, Ours: true}); err != nil {
		t.Fatal(err)
	}
	got := c.Packet(t, func(b []byte) bool { return b[0]>>4 == 4 && b[9] == packet.ProtoUDP })
	if !bytes.Equal(got[:min(len(got), len(want))], want) {
		t.Errorf("got  % x\nwant % x", got, want)
	}
}

// The user's mark, our bit and the routing rules: rules see the mark, routing
// doesn't.
func TestMarks(t *testing.T) {
	n := newNet(t)
	srv := n.listen(t, "10.0.0.2:99")
	n.director.Do(t, func() {
		tables, err := rules.Open(rules.Config{Queue: 7, Queues: 1, Bit: bit})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = tables.Close() }()
		// It would be queued, and so lost, were it not ours.
		i := rules.NewInterest()
		i.Requests[rules.Endpoint{Protocol: packet.ProtoUDP, Addr: addr("10.0.0.2"), Port: 99}] = struct{}{}
		if err := tables.Apply(map[packet.Family]*rules.Interest{packet.IPv4: i}, nil); err != nil {
			t.Error(err)
		}
		if err := dropUnlessMarked(7); err != nil {
			t.Error(err)
		}
		if err := markedToNowhere(7); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct {
		name string
		d    inject.Datagram
		err  error
		want string
	}{
		{"with the user's mark", inject.Datagram{Ours: true, Mark: 7}, nil, "a"},
		{"without", inject.Datagram{Ours: true}, unix.EPERM, ""}, // dropUnlessMarked
		{"again", inject.Datagram{Ours: true, Mark: 7}, nil, "c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.d.Family, c.d.To, c.d.MTU = packet.IPv4, addr("10.0.0.2"), 1500
			c.d.Data = udp("192.0.2.1", "10.0.0.2", 99, []byte(c.want))
			if err := n.send(&c.d); !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if c.want == "" {
				return
			}
			b := make([]byte, 10)
			_ = srv.SetReadDeadline(time.Now().Add(time.Minute))
			got, err := srv.Read(b)
			if err != nil || string(b[:got]) != c.want {
				t.Errorf("got %q, %v", b[:got], err)
			}
		})
	}
	t.Run("not ours", func(t *testing.T) {
		d := inject.Datagram{Family: packet.IPv4, To: addr("10.0.0.2"), MTU: 1500, Data: udp("192.0.2.1", "10.0.0.2", 99, nil)}
		if err := n.send(&d); err != nil {
			t.Errorf("error %v: it should vanish in the queue that nobody serves", err)
		}
	})
}

// dropUnlessMarked adds a user's rule for OUTPUT, behind IPVS.
func dropUnlessMarked(mark uint32) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "user"})
	chain := c.AddChain(&nftables.Chain{
		Table: table, Name: "output", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, mark)},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	return c.Flush()
}
