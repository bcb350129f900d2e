package live_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"goipvs/internal/live"
	"goipvs/internal/live/nstest"
	"goipvs/internal/live/queue"
	"goipvs/internal/setup"
)

// network is a client behind a director, and two servers behind it, which also
// reach the client past it.
//
//	client eth0 198.51.100.2 ─── eth0 198.51.100.1 director eth1 10.1.0.1 ─┐
//	client eth1 10.1.0.100 ──────────────────────────────────────── switch ┼─ s1 10.1.0.11
//	                                                                       └─ s2 10.1.0.12
//
// The same with 2001:db8:c::/64 and 2001:db8:1::/64. The virtual addresses are
// 203.0.113.10 and 2001:db8:f::10.
type network struct {
	client, director *nstest.NS
	servers          []*nstest.NS
	lan              *nstest.Switch
}

const (
	vip4 = "203.0.113.10"
	vip6 = "2001:db8:f::10"
)

func newNetwork(t testing.TB) *network {
	n := &network{client: nstest.New(t), director: nstest.New(t)}
	lan := nstest.NewSwitch(t)
	n.lan = lan
	nstest.Join(t, n.client, "eth0", n.director, "eth0")
	lan.Plug(t, n.client, "eth1")
	lan.Plug(t, n.director, "eth1")
	for _, ns := range []*nstest.NS{n.client, n.director} {
		ns.Sysctl(t, "net/ipv4/conf/all/rp_filter", "0")
		ns.Sysctl(t, "net/ipv4/conf/eth0/rp_filter", "0")
		ns.Sysctl(t, "net/ipv4/conf/eth1/rp_filter", "0")
	}
	n.client.Addr(t, "eth0", "198.51.100.2/24")
	n.client.Addr(t, "eth0", "2001:db8:c::2/64")
	n.client.Addr(t, "eth1", "10.1.0.100/24")
	n.client.Addr(t, "eth1", "2001:db8:1::100/64")
	n.director.Addr(t, "eth0", "198.51.100.1/24")
	n.director.Addr(t, "eth0", "2001:db8:c::1/64")
	n.director.Addr(t, "eth1", "10.1.0.1/24")
	n.director.Addr(t, "eth1", "2001:db8:1::1/64")
	n.client.Route(t, "203.0.113.0/24", "198.51.100.1")
	n.client.Route(t, "2001:db8:f::/48", "2001:db8:c::1")
	n.director.Sysctl(t, "net/ipv4/ip_forward", "1")
	n.director.Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	for i := range 2 {
		s := nstest.New(t)
		lan.Plug(t, s, "eth0")
		s.Addr(t, "eth0", fmt.Sprintf("10.1.0.1%d/24", i+1))
		s.Addr(t, "eth0", fmt.Sprintf("2001:db8:1::1%d/64", i+1))
		s.Sysctl(t, "net/ipv4/conf/all/arp_ignore", "1")
		s.Sysctl(t, "net/ipv4/conf/all/rp_filter", "0")
		s.Sysctl(t, "net/ipv4/conf/eth0/rp_filter", "0")
		n.servers = append(n.servers, s)
	}
	return n
}

// behind makes the director the servers' way to the client, as NAT needs it,
// and has them serve port 80 as s1 and s2.
func (n *network) behind(t testing.TB) {
	for i, s := range n.servers {
		s.Route(t, "default", "10.1.0.1")
		s.Route(t, "default", "2001:db8:1::1")
		serve(t, s, fmt.Sprintf("s%d", i+1), "80", fmt.Sprintf("10.1.0.1%d", i+1), fmt.Sprintf("2001:db8:1::1%d", i+1))
	}
}

// beside makes the servers answer past the director, as the virtual address.
func (n *network) beside(t testing.TB) {
	for i, s := range n.servers {
		s.Route(t, "default", "10.1.0.100")
		s.Route(t, "default", "2001:db8:1::100")
		s.Addr(t, "lo", vip4+"/32")
		s.Addr(t, "lo", vip6+"/128")
		serve(t, s, fmt.Sprintf("s%d", i+1), "80", vip4, vip6)
	}
}

// serve has a host answer TCP connections and UDP datagrams on a port, of the
// addresses given, with its name.
func serve(t testing.TB, ns *nstest.NS, name, port string, addrs ...string) {
	t.Helper()
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { // after those below
		cancel()
		wg.Wait()
	})
	for _, a := range addrs {
		var l net.Listener
		var p net.PacketConn
		ns.Do(t, func() {
			var err error
			if l, err = net.Listen("tcp", hostPort(a, port)); err != nil {
				t.Error(err)
				return
			}
			if p, err = net.ListenPacket("udp", hostPort(a, port)); err != nil {
				t.Error(err)
			}
		})
		if t.Failed() {
			t.FailNow()
		}
		wg.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				wg.Go(func() { answer(ctx, c, name) })
			}
		})
		wg.Go(func() {
			b := make([]byte, 1<<16)
			for {
				m, from, err := p.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = p.WriteTo(append([]byte(name+" "), b[:m]...), from)
			}
		})
		t.Cleanup(func() {
			l.Close()
			_ = p.Close()
		})
	}
}

// answer answers each line with the server's name before it.
func answer(ctx context.Context, c net.Conn, name string) {
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		s, err := r.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, name+" "+s)
	}
}

// dial connects from a host, from an address of it where one is given.
func dial(t testing.TB, ns *nstest.NS, network, from, to string) (c net.Conn, err error) {
	t.Helper()
	d := net.Dialer{Timeout: time.Minute}
	if ip := net.ParseIP(from); ip != nil {
		d.LocalAddr = &net.TCPAddr{IP: ip}
		if network == "udp" {
			d.LocalAddr = &net.UDPAddr{IP: ip}
		}
	}
	ns.Do(t, func() { c, err = d.Dial(network, to) })
	return c, err
}

// ask connects, says s and returns what is answered, or the error.
func ask(t testing.TB, ns *nstest.NS, network, to, s string) string {
	t.Helper()
	return askFrom(t, ns, network, "", to, s)
}

func askFrom(t testing.TB, ns *nstest.NS, network, from, to, s string) string {
	t.Helper()
	c, err := dial(t, ns, network, from, to)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	return say(c, s)
}

// say says s on a connection and returns what is answered, or the error.
func say(c net.Conn, s string) string {
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if c.RemoteAddr().Network() == "tcp" {
		if _, err := io.WriteString(c, s+"\n"); err != nil {
			return err.Error()
		}
		got, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			return err.Error()
		}
		return strings.TrimSuffix(got, "\n")
	}
	if _, err := io.WriteString(c, s); err != nil {
		return err.Error()
	}
	b := make([]byte, 1<<16)
	n, err := c.Read(b)
	if err != nil {
		return err.Error()
	}
	return string(b[:n])
}

// daemon is a running daemon.
type daemon struct {
	socket string
	mu     sync.Mutex
	log    []string
	heard  func(string) // nil: nobody
	stop   func() error
}

// onLog has what is logged from now on told.
func (d *daemon) onLog(f func(string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = f
}

// run runs the daemon on a host with a setup.
func run(t testing.TB, ns *nstest.NS, text string, io ...queue.IO) *daemon {
	t.Helper()
	o := live.Options{Socket: filepath.Join(t.TempDir(), "sock")}
	for _, o.IO = range io {
	}
	d, err := tryRun(t, ns, o, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func tryRun(t testing.TB, ns *nstest.NS, o live.Options, text string) (*daemon, error) {
	t.Helper()
	var err error
	if o.Setup, err = setup.Parse("setup", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	d := &daemon{socket: o.Socket}
	ready, done := make(chan struct{}), make(chan error, 1)
	o.Ready = func() { close(ready) }
	o.Log = func(s string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.log = append(d.log, s)
		if d.heard != nil {
			d.heard(s)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	go ns.Do(t, func() { done <- live.Run(ctx, o) })
	d.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	select {
	case err := <-done:
		cancel()
		return nil, err
	case <-ready:
	}
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	})
	return d, nil
}

// bothIO runs a test with each way of taking packets from queues.
func bothIO(t *testing.T, f func(*testing.T, queue.IO)) {
	for _, io := range []queue.IO{queue.Batch, queue.NFQueue} {
		t.Run(io.String(), func(t *testing.T) { f(t, io) })
	}
}

func hostPort(addr, port string) string { return net.JoinHostPort(addr, port) }

func family(addr string) string {
	if netip.MustParseAddr(addr).Is6() {
		return "IPv6"
	}
	return "IPv4"
}
