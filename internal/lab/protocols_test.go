package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goipvs/packet"
)

// eachFamily runs a test in a scenario with both families.
func eachFamily(t *testing.T, s Scenario, f func(t *testing.T, l *Lab)) {
	needRoot(t)
	for _, fam := range families {
		t.Run(fam.String(), func(t *testing.T) {
			t.Parallel()
			f(t, startLab(t, s, fam))
		})
	}
}

// clients gives the client n more addresses and returns them.
func (l *Lab) clients(t *testing.T, n int) (all []netip.Addr) {
	t.Helper()
	p := numbersOf(l.Plan.Family).client
	for a := p.Addr(); len(all) < n; {
		a = a.Next()
		all = append(all, a)
		check(t, l.Client().Configure("clients", addr(netip.PrefixFrom(a, p.Bits()), "eth0")))
	}
	return all
}

// queuesInUse returns how many of the daemon's queues got packets.
func (l *Lab) queuesInUse(t *testing.T) (n int) {
	t.Helper()
	check(t, l.Director().Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 7 && f[7] != "0" { // the last packet's number
				n++
			}
		}
		return err
	}))
	return n
}

// needQueues fails a test whose packets did not spread over several queues.
func (l *Lab) needQueues(t *testing.T) {
	t.Helper()
	if n := l.queuesInUse(t); n < 2 {
		t.Errorf("%d queues in use", n)
	}
}

// Files go both ways over data connections that text announces; the text's
// length changes on its way, and whatever is said after it must arrive. Sessions
// of several clients at once, over all queues.
//
// Features: 9.
func TestFTPTransfers(t *testing.T) {
	eachFamily(t, FTP, func(t *testing.T, l *Lab) {
		ways := []string{"PASV", "EPSV", "PORT", "EPRT"}
		if l.Plan.Family == packet.IPv6 {
			ways = []string{"EPSV", "EPRT"}
		}
		file := strings.Repeat("0123456789abcdef", 5000)
		var wg sync.WaitGroup
		for i, from := range l.clients(t, 8) {
			wg.Go(func() {
				if err := ftpRound(t.Context(), l, from, ways, fmt.Sprint(i, file)); err != nil {
					t.Errorf("%v: %v", from, err)
				}
			})
		}
		wg.Wait()
		l.needQueues(t)
	})
}

// ftpRound has a session in which a file goes to the server and back each way.
func ftpRound(ctx context.Context, l *Lab, from netip.Addr, ways []string, file string) error {
	var talk strings.Builder
	tell := func(format string, args ...any) { fmt.Fprintf(&talk, format+"\n", args...) }
	f, err := openFTP(ctx, l.Client().Netns, from, l.Plan.Service(), tell)
	if err != nil {
		return err
	}
	defer f.end()
	for _, way := range ways {
		peer, err := f.store(way, "file", file)
		if err != nil {
			return fmt.Errorf("%s, STOR: %w in\n%s", way, err, &talk)
		}
		if at := peer.(*net.TCPAddr).AddrPort().Addr().Unmap(); at != l.Plan.VIP {
			return fmt.Errorf("%s: data to %v", way, at)
		}
		back, _, err := f.retrieve(way, "file")
		if err != nil || back != file {
			return fmt.Errorf("%s, RETR: %d octets of %d, %w in\n%s", way, len(back), len(file), err, &talk)
		}
		if _, err := f.command("200", "NOOP %s", strings.Repeat("x", 3000)); err != nil {
			return fmt.Errorf("after %s: %w in\n%s", way, err, &talk)
		}
	}
	if l.Plan.Family == packet.IPv4 {
		said, _, err := f.retrieve(ways[0], ftpSaid)
		if err != nil || !strings.Contains(said, "227 Entering Passive Mode (10,1,0,1") {
			return fmt.Errorf("the server said %q, %w", said, err)
		}
	}
	_, err = f.command("221", "QUIT")
	return err
}

// Calls of several clients stay with their servers.
//
// Features: P6, O1.
func TestSIPCalls(t *testing.T) {
	eachFamily(t, SIP, func(t *testing.T, l *Lab) {
		servers := map[string]int{}
		for i, from := range l.clients(t, 6) {
			phone, err := openSIP(t.Context(), l.Client().Netns, netip.AddrPortFrom(from, sipPort), l.Plan.Service())
			check(t, err)
			defer phone.end()
			for j := range 4 {
				id := fmt.Sprintf("%d-%d@client", i, j)
				server, err := phone.invite(id)
				check(t, err)
				servers[server]++
				for range 2 {
					other, err := openSIP(t.Context(), l.Client().Netns, netip.AddrPortFrom(from, 0), l.Plan.Service())
					check(t, err)
					m, err := other.request("INFO", id, 2)
					check(t, err)
					other.end()
					if got := m.header("Server"); got != server {
						t.Errorf("%v: %s was with %s, is with %s", from, id, server, got)
					}
				}
			}
		}
		for i := range 3 {
			if servers[serverName(i)] != 8 {
				t.Errorf("calls by server: %v, want 8 each", servers)
				break
			}
		}
		l.needQueues(t)
	})
}

// Each datagram goes to the next server, also of one client's one socket, and no
// connection is kept. So with NAT nobody translates the answers; that is the
// kernel's way, too.
//
// Features: O1.
func TestOnePacketLive(t *testing.T) {
	eachWay(t, func(t *testing.T, l *Lab) {
		l.admin(t, fmt.Sprintf("-E -u %v -s rr -o", l.Plan.Echo()))
		c, err := l.Client().ListenPacket("udp", netip.AddrPortFrom(numbersOf(l.Plan.Family).client.Addr(), 0).String())
		check(t, err)
		defer c.Close()
		check(t, c.SetDeadline(time.Now().Add(2*answerTime)))
		for i := range 6 {
			_, err := c.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(l.Plan.Echo()))
			check(t, err)
			buf := make([]byte, 100)
			n, peer, err := c.ReadFrom(buf)
			check(t, err)
			server := 2 - i%3
			if want := serverName(server) + ": hello"; string(buf[:n]) != want {
				t.Errorf("datagram %d: %q, want %q", i, buf[:n], want)
			}
			want := l.Plan.Echo()
			if l.Plan.Scenario == NAT {
				want = netip.AddrPortFrom(numbersOf(l.Plan.Family).server[server].Addr(), natEchoPort)
			}
			if got := peer.(*net.UDPAddr).AddrPort(); got != want {
				t.Errorf("datagram %d: the answer comes from %v, want %v", i, got, want)
			}
		}
		conns, err := l.Admin(t.Context(), "-Lnc")
		check(t, err)
		if strings.Contains(conns, "UDP") {
			t.Errorf("connections:\n%s", conns)
		}
	})
}

// A client's connections stay with a server, and with a netmask those of its
// whole network.
//
// Features: P1.
func TestPersistenceLive(t *testing.T) {
	eachWay(t, func(t *testing.T, l *Lab) {
		clients := l.clients(t, 3)
		ask := func(from netip.Addr) string {
			a, err := Get(t.Context(), fromAddr{l.Client().Netns, from}, l.Plan.Web())
			check(t, err)
			return a.Server
		}
		l.admin(t, fmt.Sprintf("-E -t %v -s rr -p 100", l.Plan.Web()))
		for i, c := range clients {
			for range 3 {
				if got, want := ask(c), serverName(2-i); got != want {
					t.Errorf("client %d is with %s, want %s", i, got, want)
				}
			}
		}
		mask := map[packet.Family]string{packet.IPv4: "255.255.255.0", packet.IPv6: "64"}[l.Plan.Family]
		l.admin(t, "-C", "-A -t "+l.Plan.Web().String()+" -s rr -p 100 -M "+mask)
		for line := range strings.Lines(l.Plan.Director().Setup) {
			if rest, ok := strings.CutPrefix(line, "ipvsadm -a -t "); ok {
				l.admin(t, "-a -t "+rest)
			}
		}
		first := ask(clients[0])
		for i, c := range clients {
			if got := ask(c); got != first {
				t.Errorf("client %d is with %s, its network with %s", i, got, first)
			}
		}
	})
}

// fromAddr dials from an address.
type fromAddr struct {
	*Netns
	addr netip.Addr
}

// Dial implements Dialer.
func (f fromAddr) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return f.DialFrom(ctx, net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.addr, 0)), network, address)
}

// What a client's host says of a server's datagram, that nobody takes it,
// reaches the server's socket.
//
// Features: I2.
func TestICMPErrorReachesServer(t *testing.T) {
	eachWay(t, func(t *testing.T, l *Lab) {
		virtual, real := l.service(t, "u", 9)
		server := l.Nodes["server1"]
		listening, err := server.ListenPacket("udp", real.String())
		check(t, err)
		check(t, listening.SetDeadline(time.Now().Add(2*answerTime)))
		c, err := l.Client().Dial(t.Context(), "udp", virtual.String())
		check(t, err)
		_, err = io.WriteString(c, "hello")
		check(t, err)
		_, peer, err := listening.ReadFrom(make([]byte, 100))
		check(t, err)
		check(t, c.Close()) // nobody is there any more
		check(t, listening.Close())

		var back net.Conn
		for end := time.Now().Add(answerTime); ; time.Sleep(10 * time.Millisecond) {
			// The kernel gives the address back a moment after it is closed.
			back, err = server.DialFrom(t.Context(), net.UDPAddrFromAddrPort(real), "udp", peer.String())
			if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end) {
				break
			}
		}
		check(t, err)
		defer back.Close()
		check(t, back.SetDeadline(time.Now().Add(2*answerTime)))
		_, err = io.WriteString(back, "where are you?")
		check(t, err)
		if _, err := back.Read(make([]byte, 100)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want connection refused", err)
		}
	})
}
