package snapshot

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"goipvs/internal/control"
)

// IPVS is where services come from.
type IPVS struct {
	Conn control.Conn // nil: there is none
	Name string       // what it is, in words
	// Settings are those under net.ipv4.vs of a daemon; nil: the kernel's.
	Settings []control.Setting
}

// Take writes the setup of the calling thread's network namespace. Its errors are
// those of asking for it, and of w.
func Take(w io.Writer, v IPVS) error {
	s := &shot{out: bufio.NewWriter(w), links: map[int]*link{}}
	var err error
	if s.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("rtnetlink: %w", err)
	}
	defer s.nl.Close()
	s.say("# The director as goipvs snapshot found it, for goipvs replay and explain --setup.")
	s.say("# Lines that begin with a # and a word in capitals say what is left out.")
	for _, part := range []func() error{s.interfaces, s.addresses, s.routes, s.rules, s.neighbours, s.sysctls} {
		if err := part(); err != nil {
			return err
		}
	}
	if err := s.ipvs(v); err != nil {
		return err
	}
	return s.out.Flush()
}

// shot is a snapshot being taken.
type shot struct {
	nl    *netlink.Handle
	out   *bufio.Writer // whose error comes with Flush
	links map[int]*link
}

// say writes a line.
func (s *shot) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// leave writes that something is left out.
func (s *shot) leave(what any, why string) { s.say("# LEFT OUT, %s: %v", why, what) }

// link is an interface that lines may name.
type link struct {
	name     string
	up       bool
	loopback bool
	dummy    bool
}

// interfaces writes those that carry Ethernet frames. They are up last, when they
// have addresses, as on a machine that starts.
func (s *shot) interfaces() error {
	all, err := s.nl.LinkList()
	if err != nil {
		return fmt.Errorf("interfaces: %w", err)
	}
	for _, l := range all {
		a := l.Attrs()
		x := &link{name: a.Name, up: a.RawFlags&unix.IFF_UP != 0, loopback: a.RawFlags&unix.IFF_LOOPBACK != 0, dummy: l.Type() == "dummy"}
		switch {
		case x.loopback:
		case len(a.HardwareAddr) != 6 || a.EncapType != "ether":
			if x.up {
				s.leave(fmt.Sprintf("interface %s of type %s", a.Name, l.Type()), "NO ETHERNET")
			}
			continue
		case !nameable(a.Name):
			s.leave(fmt.Sprintf("interface %q", a.Name), "ITS NAME CAN'T BE SAID")
			continue
		case x.dummy:
			s.say("ip link add %s type dummy", a.Name)
		default:
			s.say("ip link set %s address %s", a.Name, a.HardwareAddr)
		}
		s.links[a.Index] = x
		if !x.loopback && a.MTU != 1500 {
			s.say("ip link set %s mtu %d", a.Name, a.MTU)
		}
		if x.up && !x.loopback {
			s.say("ip link set %s up", a.Name)
		}
		if l.Type() == "bridge" || a.MasterIndex != 0 {
			s.say("# REMARK: frames within a bridge or bond aren't emulated: %s", a.Name)
		}
	}
	return nil
}

// addresses writes those that the user gave, and the machine itself.
func (s *shot) addresses() error {
	all, err := s.nl.AddrList(nil, unix.AF_UNSPEC)
	if err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	for _, a := range all {
		l := s.links[a.LinkIndex]
		p, ok := prefix(a.IPNet)
		switch {
		case l == nil || !ok:
			continue // the interface is left out
		case l.loopback && p.Addr().IsLoopback():
			continue // each host has them
		case a.Peer != nil && a.Peer.String() != a.IPNet.String():
			s.leave(fmt.Sprintf("address %s peer %s on %s", p, a.Peer, l.name), "A PEER'S ADDRESS")
			continue
		}
		if p.Addr().Is6() {
			s.say("ip -6 addr add %s dev %s nodad", p, l.name)
		} else {
			s.say("ip addr add %s dev %s", p, l.name)
		}
	}
	return nil
}

// neighbours writes those whose Ethernet addresses are known.
func (s *shot) neighbours() error {
	all, err := s.nl.NeighList(0, unix.AF_UNSPEC)
	if err != nil {
		return fmt.Errorf("neighbours: %w", err)
	}
	const known = unix.NUD_PERMANENT | unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE
	for _, n := range all {
		l := s.links[n.LinkIndex]
		a, ok := netip.AddrFromSlice(n.IP)
		a = a.Unmap()
		if l == nil || l.loopback || !ok || n.State&known == 0 || len(n.HardwareAddr) != 6 || a.IsMulticast() {
			continue
		}
		if n.Flags&unix.NTF_PROXY != 0 {
			s.leave(fmt.Sprintf("neighbour %s on %s", a, l.name), "PROXY")
			continue
		}
		six := ""
		if a.Is6() {
			six = "-6 "
		}
		s.say("ip %sneigh add %s lladdr %s dev %s", six, a, n.HardwareAddr, l.name)
	}
	return nil
}

// prefix returns an address with the length of its network.
func prefix(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if !ok || bits == 0 {
		return netip.Prefix{}, false
	}
	if bits == 32 {
		a = a.Unmap()
	}
	return netip.PrefixFrom(a, ones), true
}
