package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// Interfaces of a tunnel's end.
const (
	tunnelIf = "tunnel0" // where the kernel unwraps
	wireIf   = "tunnel1" // where what was unwrapped here arrives
	feedIf   = "feed0"   // where it is put in
)

// guePort is the UDP port of GUE tunnels' ends.
const guePort = 6080

// openTunnels makes this host the end of tunnels to local: of IP in IP by the
// kernel's own interface where it has one, and of GRE and GUE, with and without
// checksums, by unwrappers. Their sockets take the wrapped packets, and a veth
// pair whose far end is this host, too, brings what was in them before the
// stack as if it had come by wire. That works without a TUN device and the
// stack verifies checksums.
func openTunnels(local netip.Addr) (all []server, err error) {
	defer func() {
		if err != nil {
			for _, s := range all {
				s.Close()
			}
			all = nil
		}
	}()
	ip := net.IP(local.AsSlice())
	suffix := map[bool]string{true: "4", false: "6"}[local.Is4()]
	open := func(strip func([]byte) []byte, listen func() (net.PacketConn, error)) error {
		c, err := listen()
		if err != nil {
			return err
		}
		f, err := newFeeder()
		if err != nil {
			return errors.Join(err, c.Close())
		}
		all = append(all, &unwrapper{c, f, strip})
		return nil
	}
	raw := func(proto uint8) func() (net.PacketConn, error) {
		return func() (net.PacketConn, error) {
			return net.ListenPacket(fmt.Sprintf("ip%s:%d", suffix, proto), local.String())
		}
	}
	if err := makeFeed(); err != nil {
		return all, err
	}
	switch err := kernelTunnel(ip); {
	case errors.Is(err, unix.EOPNOTSUPP):
		proto := uint8(packet.ProtoIPIP)
		if local.Is6() {
			proto = packet.ProtoIPv6
		}
		if err := open(func(b []byte) []byte { return b }, raw(proto)); err != nil {
			return all, err
		}
	case err != nil:
		return all, fmt.Errorf("%s: %w", tunnelIf, err)
	}
	if err := open(stripGRE, raw(packet.ProtoGRE)); err != nil {
		return all, err
	}
	return all, open(stripGUE, func() (net.PacketConn, error) {
		return unsummed.ListenPacket(context.Background(), "udp"+suffix, netip.AddrPortFrom(local, guePort).String())
	})
}

// unsummed takes datagrams without a checksum in IPv6, too, as tunnels may send
// them (RFC 6936).
var unsummed = net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		if network == "udp6" {
			set = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_NO_CHECK6_RX, 1)
		}
	})
	return errors.Join(err, set)
}}

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

// makeFeed makes the veth pair.
func makeFeed() error {
	pair := netlink.NewVeth(netlink.LinkAttrs{Name: wireIf, MTU: 65535})
	pair.PeerName, pair.PeerMTU = feedIf, 65535
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("%s: %w", wireIf, unsupported(err, "veth interfaces"))
	}
	for _, name := range []string{wireIf, feedIf} {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(l); err != nil {
			return err
		}
	}
	return nil
}

// unwrapper takes packets out of tunnels of a kind. Close ends run.
type unwrapper struct {
	net.PacketConn // wrapped packets, without the outer IP header, and UDP's
	feed           *feeder
	strip          func([]byte) []byte // returns the packet within, nil if there is none
}

// run unwraps packets until the socket is closed.
func (u *unwrapper) run() error {
	defer unix.Close(u.feed.fd)
	buf := make([]byte, 1<<16)
	for {
		n, _, err := u.ReadFrom(buf)
		if err != nil {
			return err
		}
		u.feed.put(u.strip(buf[:n]))
	}
}

// feeder puts packets before the stack.
type feeder struct {
	fd    int // packet socket on feedIf
	to    unix.SockaddrLinklayer
	frame []byte
}

func newFeeder() (*feeder, error) {
	wire, err := net.InterfaceByName(wireIf)
	if err != nil {
		return nil, err
	}
	feed, err := net.InterfaceByName(feedIf)
	if err != nil {
		return nil, err
	}
	f := &feeder{frame: make([]byte, 14, 14+65535), to: unix.SockaddrLinklayer{Ifindex: feed.Index, Halen: 6}}
	copy(f.frame[0:], wire.HardwareAddr)
	copy(f.frame[6:], feed.HardwareAddr)
	f.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	return f, os.NewSyscallError("packet socket", err)
}

// put puts a packet before the stack. One that is none is dropped, as is one
// that the stack has no room for.
func (f *feeder) put(b []byte) {
	if len(b) == 0 {
		return
	}
	switch b[0] >> 4 {
	case 4:
		f.frame[12], f.frame[13] = 0x08, 0x00
	case 6:
		f.frame[12], f.frame[13] = 0x86, 0xdd
	default:
		return
	}
	f.frame = append(f.frame[:14], b...)
	_ = unix.Sendto(f.fd, f.frame, 0, &f.to)
}

// stripGRE takes off a GRE header (RFC 2784), with or without a checksum, which
// must be right.
func stripGRE(b []byte) []byte {
	const checksum = 0x8000
	if len(b) < 4 {
		return nil
	}
	switch flags := binary.BigEndian.Uint16(b); {
	case flags == 0:
		return b[4:]
	case flags == checksum && len(b) >= 8 && packet.Fold(packet.Sum(b, 0)) == 0:
		return b[8:]
	}
	return nil
}

// stripGUE takes off a GUE header of version 0 without options, whose control
// bit is off (draft-ietf-intarea-gue).
func stripGUE(b []byte) []byte {
	if len(b) < 4 || b[0] != 0 || b[1] != packet.ProtoIPIP && b[1] != packet.ProtoIPv6 || b[2]|b[3] != 0 {
		return nil
	}
	return b[4:]
}
