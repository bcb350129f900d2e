package inject

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// packetSocket sends datagrams straight to a neighbour on a link, past
// LOCAL_OUT, routing and POSTROUTING: octet for octet as they are.
type packetSocket struct {
	fd    int
	route *netlink.Handle
	known map[hop]neighbour
}

// hop is a next hop on a link.
type hop struct {
	link int
	addr packet.Addr
}

// neighbour is a next hop's link-layer address, as it was at a time.
type neighbour struct {
	mac  [8]byte
	ok   bool // it is known
	when time.Time
}

// Neighbours are asked for again after a second, so that one that moved is found;
// so many are remembered at most.
const (
	neighbourLife = time.Second
	maxNeighbours = 4096
)

func openPacket() (*packetSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("rtnetlink: %w", err), unix.Close(fd))
	}
	return &packetSocket{fd: fd, route: h, known: map[hop]neighbour{}}, nil
}

func (k *packetSocket) close() error {
	k.route.Close()
	return unix.Close(k.fd)
}

// send reports whether it sent the datagram: not if its neighbour's address
// isn't known, which sending it otherwise makes the kernel find out.
func (k *packetSocket) send(d *Datagram) bool {
	n := k.neighbour(d.Family, hop{d.Link, d.Hop})
	if !n.ok {
		return false
	}
	proto := uint16(unix.ETH_P_IP)
	if d.Family == packet.IPv6 {
		proto = unix.ETH_P_IPV6
	}
	to := unix.SockaddrLinklayer{Protocol: proto<<8 | proto>>8, Ifindex: d.Link, Halen: 6, Addr: n.mac}
	return unix.Sendto(k.fd, d.Data, unix.MSG_DONTWAIT, &to) == nil
}

func (k *packetSocket) neighbour(f packet.Family, h hop) neighbour {
	now := time.Now()
	if n, ok := k.known[h]; ok && now.Sub(n.when) < neighbourLife {
		return n
	}
	if len(k.known) >= maxNeighbours {
		clear(k.known)
	}
	n := neighbour{when: now}
	family := unix.AF_INET
	if f == packet.IPv6 {
		family = unix.AF_INET6
	}
	const usable = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_PERMANENT
	list, err := k.route.NeighList(h.link, family)
	if err != nil {
		list = nil // as if none were known: the raw socket takes over
	}
	want := h.addr.Netip(f)
	for _, x := range list {
		if x.IP.Equal(want.AsSlice()) && x.State&usable != 0 && len(x.HardwareAddr) == 6 {
			copy(n.mac[:], x.HardwareAddr)
			n.ok = true
		}
	}
	if n.ok {
		k.known[h] = n
	}
	return n
}
