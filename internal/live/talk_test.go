package live_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// converse has the client talk with the servers.
func (n *network) converse(t *testing.T, vip string) {
	for _, network := range []string{"tcp", "udp"} {
		if got := ask(t, n.client, network, hostPort(vip, "80"), "hello"); got != "s2 hello" {
			t.Error(got)
		}
	}
}

// wrap has the client ask servers that don't unwrap, and send a datagram that is too
// big for the tunnel. In IPv4 the servers say so, and the director tells the client.
func (n *network) wrap(t *testing.T, vip string) {
	to, sizes, header := hostPort(vip, "80"), []int{1490}, packet.SizeIPv4
	if vip == vip4 {
		for _, network := range []string{"tcp", "udp"} {
			// A server whose kernel has IPIP, but no such tunnel, says port unreachable.
			if got := ask(t, n.client, network, to, "hello"); !strings.HasSuffix(got, "protocol not available") && !strings.HasSuffix(got, "connection refused") {
				t.Error(got)
			}
		}
	} else {
		n.client.Do(t, func() { knock(t, netip.MustParseAddrPort(to)) })
		sizes, header = []int{100, 1490}, packet.SizeIPv6
	}
	c, err := dial(t, n.client, "udp", "", to)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	for _, size := range sizes {
		if _, err := c.Write(make([]byte, size-header-packet.SizeUDP)); err != nil {
			t.Errorf("%d octets: %v", size, err)
		}
	}
}

// knock sends the SYN of a connection of IPv6 that is given up at once.
func knock(t *testing.T, at netip.AddrPort) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrInet6{Addr: at.Addr().As16(), Port: int(at.Port())}); err != unix.EINPROGRESS {
		t.Errorf("connect: %v", err)
	}
}

// miss has a server tell the client, and the client tell a server, that nobody
// is there.
func (n *network) miss(t *testing.T, vip string) {
	if got := ask(t, n.client, "udp", hostPort(vip, "82"), "hello"); !strings.HasSuffix(got, "connection refused") {
		t.Error(got)
	}
	local := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(hostPort(map[string]string{vip4: "10.1.0.11", vip6: "2001:db8:1::11"}[vip], "83")))
	if err := n.late(t, hostPort(vip, "83"), local); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a server whose client is gone hears %v", err)
	}
}

// late has the client say something and leave, the first server answer it from its
// address local, and returns what that is told then.
func (n *network) late(t *testing.T, to string, local *net.UDPAddr) (err error) {
	var s *net.UDPConn
	n.servers[0].Do(t, func() { s, err = net.ListenUDP("udp", local) })
	if err != nil {
		return err
	}
	c, err := dial(t, n.client, "udp", "", to)
	if err == nil {
		_, err = io.WriteString(c, "hello")
		c.Close()
	}
	end := time.Now().Add(time.Minute)
	var from *net.UDPAddr
	if err == nil {
		_ = s.SetDeadline(end)
		_, from, err = s.ReadFromUDP(make([]byte, 100))
	}
	s.Close()
	if err != nil {
		return err
	}
	n.servers[0].Do(t, func() { s, err = net.DialUDP("udp", local, from) }) // who is connected is told of errors
	if err != nil {
		return err
	}
	defer s.Close()
	_ = s.SetDeadline(end)
	if _, err = io.WriteString(s, "world"); err != nil {
		return err
	}
	_, err = s.Read(make([]byte, 100))
	return err
}
