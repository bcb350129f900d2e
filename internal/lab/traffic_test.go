package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvs/packet"
)

var families = []packet.Family{packet.IPv4, packet.IPv6}

// eachWay runs a test for every way to remote servers, in both families.
func eachWay(t *testing.T, f func(t *testing.T, l *Lab)) {
	needRoot(t)
	for _, s := range []Scenario{NAT, DR, Tunnel} {
		for _, fam := range families {
			t.Run(fmt.Sprint(s, " ", fam), func(t *testing.T) {
				t.Parallel()
				f(t, startLab(t, s, fam))
			})
		}
	}
}

// startLab starts a laboratory with its daemon; it ends with the test.
func startLab(t *testing.T, s Scenario, f packet.Family) *Lab {
	t.Helper()
	l, err := Start(NewPlan(s, f), Options{Self: self})
	check(t, err)
	t.Cleanup(func() {
		if t.Failed() && l.Daemon != nil {
			t.Logf("the daemon says:\n%s", l.Daemon.Log())
		}
		log := ""
		if l.Daemon != nil {
			log = l.Daemon.Log()
			if err := l.Daemon.Stop(); err != nil {
				t.Errorf("%v: %s", err, l.Daemon.Log())
			}
			log += l.Daemon.Log()
		}
		if strings.Contains(log, "DATA RACE") {
			t.Error(log)
		}
		if err := l.Stop(); err != nil {
			t.Error(err)
		}
	})
	check(t, l.Direct(t.Context(), "--queues", "2")) // also where one would do
	return l
}

// admin runs ipvsadm command lines.
func (l *Lab) admin(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		_, err := l.Admin(t.Context(), strings.Fields(line)...)
		check(t, err)
	}
}

// service adds a service on a port of the VIP with server1 alone behind it, and
// returns where that one is to listen.
func (l *Lab) service(t *testing.T, proto string, port uint16) (virtual, real netip.AddrPort) {
	t.Helper()
	virtual = netip.AddrPortFrom(l.Plan.VIP, port)
	at := numbersOf(l.Plan.Family).server[0].Addr()
	flag := map[Scenario]string{NAT: "-m", DR: "-g", Tunnel: "-i"}[l.Plan.Scenario]
	l.admin(t,
		fmt.Sprintf("-A -%s %s -s rr", proto, virtual),
		fmt.Sprintf("-a -%s %s -r %s %s", proto, virtual, netip.AddrPortFrom(at, port), flag))
	if l.Plan.Scenario != NAT {
		return virtual, virtual
	}
	return virtual, netip.AddrPortFrom(at, port)
}

// bulk is how much goes each way in TestBulk, in octets.
const bulk = 100 << 20

// 100 MiB each way through one connection arrive as they were sent.
func TestBulk(t *testing.T) {
	eachWay(t, func(t *testing.T, l *Lab) {
		virtual, real := l.service(t, "t", 9000)
		listener, err := l.Nodes["server1"].Listen("tcp", real.String())
		check(t, err)
		defer listener.Close()
		served := make(chan error, 1)
		go func() { served <- serveBulk(listener) }()

		c, err := l.Client().Dial(t.Context(), "tcp", virtual.String())
		check(t, err)
		defer c.Close()
		check(t, c.SetDeadline(time.Now().Add(2*time.Minute)))
		start := time.Now()
		_, err = io.Copy(c, stuff(1))
		check(t, err)
		up := time.Since(start)
		start = time.Now()
		check(t, same(c, stuff(2)))
		check(t, <-served)
		t.Logf("up %.1f, down %.1f MiB/s", bulk/float64(1<<20)/up.Seconds(), bulk/float64(1<<20)/time.Since(start).Seconds())
	})
}

// serveBulk takes stuff 1 on one connection and answers with stuff 2.
func serveBulk(l net.Listener) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := same(io.LimitReader(c, bulk), stuff(1)); err != nil {
		return err
	}
	_, err = io.Copy(c, stuff(2))
	return err
}

// stuff is a stream of bulk octets that look random.
func stuff(seed byte) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), bulk)
}

// same compares the digests of two streams.
func same(a, b io.Reader) error {
	var sum [2][]byte
	for i, r := range []io.Reader{a, b} {
		h := sha256.New()
		if n, err := io.Copy(h, r); err != nil {
			return fmt.Errorf("after %d octets: %w", n, err)
		}
		sum[i] = h.Sum(nil)
	}
	if string(sum[0]) != string(sum[1]) {
		return fmt.Errorf("digests differ: %x, want %x", sum[0], sum[1])
	}
	return nil
}

// nextPort dials from one port after the other: a port that is used again
// belongs to the connection that the director remembers.
type nextPort struct {
	*Netns
	port int
}

// Dial implements Dialer.
func (n *nextPort) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.port++
	if network == "udp" {
		return n.DialFrom(ctx, &net.UDPAddr{Port: n.port}, network, address)
	}
	return n.DialFrom(ctx, &net.TCPAddr{Port: n.port}, network, address)
}

// A thousand short connections go round the servers in the exact order; so do
// datagrams.
func TestRoundRobin(t *testing.T) {
	eachWay(t, func(t *testing.T, l *Lab) {
		client := &nextPort{l.Client().Netns, 10000}
		for _, c := range []struct {
			name    string
			n       int
			request func(context.Context) (Answer, error)
		}{
			{"connection", 1000, func(ctx context.Context) (Answer, error) {
				return Get(ctx, client, l.Plan.Web())
			}},
			{"datagram", 100, func(ctx context.Context) (Answer, error) {
				return Echo(ctx, client, l.Plan.Echo(), "hello")
			}},
		} {
			for i := range c.n {
				a, err := c.request(t.Context())
				if err != nil {
					t.Fatalf("%s %d: %v", c.name, i, err)
				}
				if want := serverName(2 - i%3); a.Server != want { // the last one added is the first
					t.Fatalf("%s %d: %s answered, want %s", c.name, i, a.Server, want)
				}
			}
		}
	})
}

// Datagrams longer than the MTU arrive whole. Where a tunnel leaves less room
// the client is told first, and cuts them smaller.
func TestFragments(t *testing.T) {
	eachWay(t, func(t *testing.T, l *Lab) {
		for _, n := range []int{1472, 1473, 4000, 20000} {
			for try := 0; ; try++ {
				_, err := Echo(t.Context(), l.Client().Netns, l.Plan.Echo(), strings.Repeat("x", n))
				if errors.Is(err, syscall.EMSGSIZE) && l.Plan.Scenario == Tunnel && try == 0 {
					continue
				}
				if err != nil {
					t.Errorf("%d octets: %v", n, err)
				}
				break
			}
		}
	})
}

// Client and server may both be the director.
func TestLocal(t *testing.T) {
	needRoot(t)
	for _, f := range families {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			l := startLab(t, Local, f)
			for _, node := range []*Node{l.Client(), l.Director()} {
				from := &nextPort{node.Netns, 10000}
				for i := range 10 {
					want := []string{"server1", "director"}[i%2]
					a, err := Get(t.Context(), from, l.Plan.Web())
					if err != nil || a.Server != want {
						t.Errorf("%s, connection %d: %+v, %v; want %s", node.Name, i, a, err, want)
					}
					a, err = Echo(t.Context(), from, l.Plan.Echo(), "hello")
					if err != nil || a.Server != want {
						t.Errorf("%s, datagram %d: %+v, %v; want %s", node.Name, i, a, err, want)
					}
				}
			}
		})
	}
}

// An ICMP error of a server reaches the client's socket, so it was rewritten:
// the stack looks the socket up by the packet that it quotes.
func TestICMPErrorReachesClient(t *testing.T) {
	eachWay(t, func(t *testing.T, l *Lab) {
		virtual, _ := l.service(t, "u", 9) // nobody listens there
		_, err := Echo(t.Context(), l.Client().Netns, virtual, "hello")
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want connection refused", err)
		}
	})
}

// A service without servers answers that nobody is there.
func TestNoServers(t *testing.T) {
	needRoot(t)
	for _, f := range families {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			l := startLab(t, NAT, f)
			empty := netip.AddrPortFrom(l.Plan.VIP, 9)
			l.admin(t, fmt.Sprintf("-A -u %s -s rr", empty), fmt.Sprintf("-A -t %s -s rr", empty))
			if _, err := Echo(t.Context(), l.Client().Netns, empty, "hello"); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("UDP: got %v, want connection refused", err)
			}
			if _, err := Get(t.Context(), l.Client().Netns, empty); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("TCP: got %v, want connection refused", err)
			}
		})
	}
}
