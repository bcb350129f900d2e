package inject

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// Neighbours are the link-layer addresses of neighbours on Ethernet, as the
// kernel knows them, in the network namespace that they were opened in. They are
// safe for concurrent use.
type Neighbours struct {
	nl     *netlink.Handle
	socket *nl.NetlinkSocket
	closed atomic.Bool
	done   chan struct{}
	gen    atomic.Uint32 // changes whenever an address may have

	mu    sync.RWMutex
	links map[int][6]byte // Ethernet interfaces that are up, with their addresses
	hops  map[hop]*neighbour
}

// hop is a next hop on a link.
type hop struct {
	link int
	v6   bool
	addr packet.Addr
}

// slot spreads hops over 256 slots.
func (h *hop) slot() uint8 {
	x := binary.NativeEndian.Uint64(h.addr[:]) ^ binary.NativeEndian.Uint64(h.addr[8:]) ^ uint64(h.link)
	return uint8(x * 0x9e3779b97f4a7c15 >> 56)
}

// neighbour is who a next hop is.
type neighbour struct {
	mac   [6]byte
	doubt atomic.Bool // nobody confirmed the address lately
}

// ethernet is a frame's header.
type ethernet [sizeEthernet]byte

// OpenNeighbours begins to follow the neighbours of the calling thread's
// network namespace.
func OpenNeighbours() (*Neighbours, error) {
	n := &Neighbours{done: make(chan struct{})}
	var err error
	if n.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	if n.socket, err = nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_NEIGH, unix.RTNLGRP_LINK); err != nil {
		n.nl.Close()
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	if err := n.read(); err != nil {
		n.socket.Close()
		n.nl.Close()
		return nil, err
	}
	go n.follow()
	return n, nil
}

// Close ends it.
func (n *Neighbours) Close() {
	n.closed.Store(true)
	n.socket.Close()
	<-n.done
	n.nl.Close()
}

// read reads all links and neighbours anew.
func (n *Neighbours) read() error {
	links, err := n.nl.LinkList()
	if err != nil {
		return fmt.Errorf("links: %w", err)
	}
	all, err := n.nl.NeighList(0, unix.AF_UNSPEC)
	if err != nil {
		return fmt.Errorf("neighbours: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links, n.hops = map[int][6]byte{}, map[hop]*neighbour{}
	for _, l := range links {
		a := l.Attrs()
		if a.EncapType == "ether" && a.RawFlags&unix.IFF_UP != 0 && len(a.HardwareAddr) == 6 {
			n.links[a.Index] = [6]byte(a.HardwareAddr)
		}
	}
	for i := range all {
		n.update(&all[i])
	}
	n.gen.Add(1)
	return nil
}

// follow hears of changes until the socket is closed.
func (n *Neighbours) follow() {
	defer close(n.done)
	for {
		msgs, _, err := n.socket.Receive()
		if n.closed.Load() {
			return
		}
		if err != nil {
			n.reread() // some news are lost
			continue
		}
		for i := range msgs {
			n.news(msgs[i].Header.Type, msgs[i].Data)
		}
	}
}

// reread is read where there is nobody to tell: what can't be read is unknown.
func (n *Neighbours) reread() {
	if n.read() != nil {
		n.mu.Lock()
		n.links, n.hops = map[int][6]byte{}, map[hop]*neighbour{}
		n.gen.Add(1)
		n.mu.Unlock()
	}
}

// news takes a message of rtnetlink's.
func (n *Neighbours) news(typ uint16, data []byte) {
	if typ != unix.RTM_NEWNEIGH && typ != unix.RTM_DELNEIGH {
		n.reread()
		return
	}
	x, err := netlink.NeighDeserialize(data)
	if err != nil {
		return
	}
	if typ == unix.RTM_DELNEIGH {
		x.State = unix.NUD_NONE
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.update(x)
}

// Knows reports whether the link-layer address of a next hop is known.
func (n *Neighbours) Knows(f packet.Family, link int, a packet.Addr) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	x := n.hops[hop{link, f == packet.IPv6, a}]
	return x != nil && !x.doubt.Load()
}

// update notes what is said about a neighbour. It is called with the lock held.
func (n *Neighbours) update(x *netlink.Neigh) {
	// What nobody needs to confirm, or is being confirmed: it works still.
	const sure = unix.NUD_REACHABLE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_PERMANENT
	if x.Family != unix.AF_INET && x.Family != unix.AF_INET6 {
		return // of a bridge
	}
	h := hop{link: x.LinkIndex, v6: x.Family == unix.AF_INET6}
	if h.v6 {
		copy(h.addr[:], x.IP.To16())
	} else {
		copy(h.addr[:], x.IP.To4())
	}
	was := n.hops[h]
	if x.State&(sure|unix.NUD_STALE) == 0 || len(x.HardwareAddr) != 6 {
		if was != nil {
			delete(n.hops, h)
			n.gen.Add(1)
		}
		return
	}
	mac, doubt := [6]byte(x.HardwareAddr), x.State&sure == 0
	if was == nil || was.mac != mac || doubt {
		is := &neighbour{mac: mac}
		is.doubt.Store(doubt)
		n.hops[h] = is
		n.gen.Add(1)
	}
}

// find returns the header for frames to a hop, if it is known. One that nobody
// confirmed lately is taken for unknown once: what is sent otherwise, then,
// makes the kernel ask for it.
func (n *Neighbours) find(h hop) (e ethernet, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	to, from := n.hops[h], n.links[h.link]
	if to == nil || from == ([6]byte{}) || to.doubt.CompareAndSwap(true, false) {
		return e, false
	}
	copy(e[0:], to.mac[:])
	copy(e[6:], from[:])
	e[12], e[13] = 0x08, 0x00
	if h.v6 {
		e[12], e[13] = 0x86, 0xdd
	}
	return e, true
}
