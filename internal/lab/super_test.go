package lab

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// upload is what is sent in TestTunnelSuperPackets, in octets.
const upload = 4 << 20

// Super-packets that go into tunnels of every kind, by wide ways and by one that
// is narrower than the segments they are made of, are cut so that every piece
// fits, and arrive as they were sent, with either way of taking packets. What
// leaves the director is checked on the server's link; the server's stack
// verifies the checksums within.
func TestTunnelSuperPackets(t *testing.T) {
	// By less than 1320 nothing goes into a tunnel of IPv6: what is left within is
	// below the least MTU of IPv6, and the kernel drops such packets, too.
	const narrow = 1400
	gue := fmt.Sprintf("--tun-type gue --tun-port %d ", guePort)
	for _, io := range []string{"batch", "nfqueue"} {
		t.Run(io, func(t *testing.T) {
			eachFamily(t, Tunnel, func(t *testing.T, l *Lab) {
				if io != "batch" {
					check(t, l.Daemon.Stop())
					check(t, l.StartDaemon(t.Context(), "--setup", filepath.Join(l.Dir, "director.setup"), "--queue-io", io))
				}
				check(t, l.Client().SetOffloads("eth0", true, TxChecksum, ScatterGather, TSO, GSO))
				port := uint16(9000)
				for _, mtu := range []int{1500, narrow} {
					l.narrow(t, "server1", mtu)
					for _, options := range []string{"--tun-type ipip", "--tun-type gre", "--tun-type gre --tun-csum", gue, gue + "--tun-csum", gue + "--tun-remcsum"} {
						port++
						virtual, real := l.service(t, "t", port)
						at := numbersOf(l.Plan.Family).server[0].Addr()
						l.admin(t, fmt.Sprintf("-e -t %v -r %s -i %s", virtual, net.JoinHostPort(at.String(), fmt.Sprint(port)), options))
						largest := l.largestTo(t, "server1")
						if err := l.upload(t, virtual.String(), real.String()); err != nil {
							t.Errorf("%s by %d: %v", options, mtu, err)
						}
						if n := largest(); n > mtu || n < mtu-100 {
							t.Errorf("%s: the largest packet by %d is of %d octets", options, mtu, n)
						}
					}
				}
			})
		})
	}
}

// narrow gives the director's way to a server an MTU.
func (l *Lab) narrow(t *testing.T, server string, mtu int) {
	t.Helper()
	dir := l.Director()
	at := l.Nodes[server].Unwrap
	dst := netlink.NewIPNet(at.AsSlice())
	var out netlink.Link
	check(t, dir.Do(func() (err error) {
		out, err = netlink.LinkByName("eth1")
		return err
	}))
	check(t, dir.nl.RouteReplace(&netlink.Route{LinkIndex: out.Attrs().Index, Dst: dst, MTU: mtu}))
}

// largestTo looks at what comes to a server from now on. What it returns tells
// how long the longest datagram was, and ends it.
func (l *Lab) largestTo(t *testing.T, server string) func() int {
	t.Helper()
	n := l.Nodes[server]
	var f io.ReadCloser
	check(t, n.Do(func() (err error) {
		f, err = packetSocket("eth0")
		return err
	}))
	var longest atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			size, err := f.Read(buf)
			if err != nil {
				return
			}
			if !noise(buf[:size]) && bytes.Contains(buf[14:min(size, 60)], n.Unwrap.AsSlice()) {
				longest.Store(max(longest.Load(), int64(size-14)))
			}
		}
	}()
	return func() int {
		f.Close()
		<-done
		return int(longest.Load())
	}
}

// upload sends random octets to a service and compares what its server got.
func (l *Lab) upload(t *testing.T, virtual, real string) error {
	listener, err := l.Nodes["server1"].Listen("tcp", real)
	if err != nil {
		return err
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err == nil {
			defer c.Close()
			h := sha256.New()
			if _, err = io.Copy(h, c); err == nil {
				_, err = c.Write(h.Sum(nil))
			}
		}
		served <- err
	}()
	c, err := l.Client().Dial(t.Context(), "tcp", virtual)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(c, h), io.LimitReader(rand.NewChaCha8([32]byte{1}), upload)); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if err := <-served; err != nil {
		return err
	}
	if !bytes.Equal(got, h.Sum(nil)) {
		return fmt.Errorf("the server got something else")
	}
	return nil
}
