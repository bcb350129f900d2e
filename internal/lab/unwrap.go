package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Interfaces of a tunnel's end.
const (
	tunnelIf = "tunnel0" // where unwrapped packets arrive
	feedIf   = "feed0"   // where the unwrapper puts them in
)

// openTunnel makes this host the end of IP-in-IP tunnels to local: by the
// kernel's own tunnel interface where it has one, and then there is nothing to
// run; else by an unwrapper. Its raw socket takes the wrapped packets, and a
// veth pair whose far end is this host, too, brings what was in them before the
// stack as if it had come by wire. That works without a TUN device and the
// stack verifies checksums.
func openTunnel(local netip.Addr) (*unwrapper, error) {
	ip := net.IP(local.AsSlice())
	err := kernelTunnel(ip)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return newUnwrapper(ip)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tunnelIf, err)
	}
	return nil, nil
}

// kernelTunnel makes a tunnel interface that takes packets from anybody.
func kernelTunnel(local net.IP) error {
	var l netlink.Link = &netlink.Iptun{LinkAttrs: netlink.LinkAttrs{Name: tunnelIf}, Local: local, Remote: net.IPv4zero}
	if local.To4() == nil {
		l = &netlink.Ip6tnl{LinkAttrs: netlink.LinkAttrs{Name: tunnelIf}, Local: local, Remote: net.IPv6zero}
	}
	if err := netlink.LinkAdd(l); err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

// unwrapper takes packets out of tunnels.
type unwrapper struct {
	in    *net.IPConn // wrapped packets
	out   int         // packet socket on feedIf
	to    unix.SockaddrLinklayer
	frame []byte
}

func newUnwrapper(local net.IP) (*unwrapper, error) {
	pair := netlink.NewVeth(netlink.LinkAttrs{Name: tunnelIf, MTU: 65535})
	pair.PeerName, pair.PeerMTU = feedIf, 65535
	if err := netlink.LinkAdd(pair); err != nil {
		return nil, fmt.Errorf("%s: %w", tunnelIf, unsupported(err, "veth interfaces"))
	}
	for _, name := range []string{tunnelIf, feedIf} {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return nil, err
		}
		if err := netlink.LinkSetUp(l); err != nil {
			return nil, err
		}
	}
	tunnel, err := net.InterfaceByName(tunnelIf)
	if err != nil {
		return nil, err
	}
	feed, err := net.InterfaceByName(feedIf)
	if err != nil {
		return nil, err
	}
	u := &unwrapper{frame: make([]byte, 14, 14+65535)}
	copy(u.frame[0:], tunnel.HardwareAddr)
	copy(u.frame[6:], feed.HardwareAddr)
	network := "ip6:41"
	if local.To4() != nil {
		network = "ip4:4"
	}
	if u.in, err = net.ListenIP(network, &net.IPAddr{IP: local}); err != nil {
		return nil, err
	}
	u.to = unix.SockaddrLinklayer{Ifindex: feed.Index, Halen: 6}
	if u.out, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, errors.Join(os.NewSyscallError("packet socket", err), u.in.Close())
	}
	return u, nil
}

// Close ends run.
func (u *unwrapper) Close() error { return u.in.Close() }

// run unwraps packets until the socket is closed.
func (u *unwrapper) run() error {
	defer unix.Close(u.out)
	buf := make([]byte, 1<<16)
	for {
		n, _, err := u.in.ReadFromIP(buf) // without the outer header
		if err != nil {
			return err
		}
		u.feed(buf[:n])
	}
}

// feed puts a packet before the stack. One that is none is dropped, as is one
// that the stack has no room for.
func (u *unwrapper) feed(b []byte) {
	if len(b) == 0 {
		return
	}
	switch b[0] >> 4 {
	case 4:
		u.frame[12], u.frame[13] = 0x08, 0x00
	case 6:
		u.frame[12], u.frame[13] = 0x86, 0xdd
	default:
		return
	}
	u.frame = append(u.frame[:14], b...)
	_ = unix.Sendto(u.out, u.frame, 0, &u.to)
}
