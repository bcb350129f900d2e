package inject

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// Datagram is what to send.
type Datagram struct {
	Family packet.Family
	Data   []byte // from its IP header on, its transport checksum complete
	To     packet.Addr
	OutIf  int         // interface to leave by, where To is a neighbour there; 0: as routed
	MTU    int         // more than that is cut into fragments; 0: nothing is
	DF     bool        // fragments keep DF
	Ours   bool        // IPVS is done with it: no queue takes it again
	Mark   uint32      // the user's mark
	Link   int         // interface that the route leaves by, and
	Hop    packet.Addr // its next hop: for the packet socket
}

// Sender sends datagrams. It is safe for concurrent use, but one for each
// goroutine is faster.
type Sender struct {
	bit    uint32
	random func() uint32

	mu      sync.Mutex
	sockets [2][2]*socket // ours or not, IPv4 or IPv6
	packet  *packetSocket // nil: everything by raw socket
}

// Open makes a sender for the calling thread's network namespace. bit is the
// bit of the mark that says "ours", random is for identifications. Errors:
// unix.EPERM without CAP_NET_RAW. With direct, what IPVS is done with goes by
// packet socket where its neighbour is known and nothing has to be cut: octet
// for octet as it is, and past the rules in OUTPUT and POSTROUTING.
func Open(bit uint32, random func() uint32, direct bool) (*Sender, error) {
	s := &Sender{bit: bit, random: random}
	if direct {
		k, err := openPacket()
		if err != nil {
			return nil, err
		}
		s.packet = k
	}
	for ours := range s.sockets {
		for v6 := range s.sockets[ours] {
			k, err := newSocket(v6 == 1)
			if v6 == 1 && errors.Is(err, unix.EAFNOSUPPORT) {
				continue // without IPv6 there is nothing to send
			}
			if err == nil && ours == 1 {
				err = k.setMark(bit)
			}
			s.sockets[ours][v6] = k
			if err != nil {
				return nil, errors.Join(err, s.Close())
			}
		}
	}
	return s, nil
}

// Close closes the sockets.
func (s *Sender) Close() error {
	var errs error
	if s.packet != nil {
		errs = s.packet.close()
	}
	for _, of := range s.sockets {
		for _, k := range of {
			if k != nil {
				errs = errors.Join(errs, unix.Close(k.fd))
			}
		}
	}
	return errs
}

// Send sends a datagram, which it doesn't keep. It never waits: what the kernel
// has no room for is an error like any other that sendto(2) gives: EPERM where
// a rule of the user's dropped it, EHOSTUNREACH, …
func (s *Sender) Send(d *Datagram) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ours, v6 := 0, 0
	if d.Ours {
		ours = 1
	}
	if d.Family == packet.IPv6 {
		v6 = 1
	}
	k := s.sockets[ours][v6]
	if k == nil {
		return unix.EAFNOSUPPORT
	}
	whole := d.MTU == 0 || len(d.Data) <= d.MTU
	if s.packet != nil && d.Ours && whole && d.Link != 0 && s.packet.send(d) {
		return nil
	}
	if err := k.prepare(d); err != nil {
		return err
	}
	send := func(b []byte) error { return k.send(b, d) }
	switch {
	case whole:
		return send(d.Data)
	case d.Family == packet.IPv6:
		return Fragments6(d.Data, d.MTU, s.random(), send)
	}
	return Fragments(d.Data, d.MTU, d.DF, uint16(s.random())|1, send)
}

// socket is a raw socket whose datagrams have their header. It remembers the
// options that were set last.
type socket struct {
	fd       int
	v6       bool
	mark     uint32
	priority uint32
	outIf    int
	to4      unix.SockaddrInet4
	to6      unix.SockaddrInet6
}

func newSocket(v6 bool) (*socket, error) {
	domain, level, discover := unix.AF_INET, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
	if v6 {
		domain, level, discover = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	const buffer = 16 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, buffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, buffer) // as much as is allowed
	}
	// The path's MTU was looked at already. An error that the kernel made of
	// it here would go to the client and quote what the client never sent.
	if err := unix.SetsockoptInt(fd, level, discover, unix.IP_PMTUDISC_PROBE); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	return &socket{fd: fd, v6: v6}, nil
}

// prepare sets the socket's options for d.
func (k *socket) prepare(d *Datagram) error {
	if !d.Ours {
		if d.Mark != k.mark {
			if err := k.setMark(d.Mark); err != nil {
				return err
			}
		}
	} else if d.Mark != k.priority {
		if err := unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_PRIORITY, int(int32(d.Mark))); err != nil {
			return fmt.Errorf("SO_PRIORITY: %w", err)
		}
		k.priority = d.Mark
	}
	if d.OutIf == k.outIf {
		return nil
	}
	level, opt := unix.IPPROTO_IP, unix.IP_UNICAST_IF
	if k.v6 {
		level, opt = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_IF
	}
	if err := unix.SetsockoptInt(k.fd, level, opt, int(int32(swap(uint32(d.OutIf))))); err != nil {
		return fmt.Errorf("interface %d: %w", d.OutIf, err)
	}
	k.outIf = d.OutIf
	return nil
}

func (k *socket) setMark(m uint32) error {
	if err := unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_MARK, int(int32(m))); err != nil {
		return fmt.Errorf("SO_MARK: %w", err)
	}
	k.mark = m
	return nil
}

func (k *socket) send(b []byte, d *Datagram) error {
	if k.v6 {
		k.to6.Addr, k.to6.ZoneId = d.To, 0
		if d.To.IsLinkLocal6() {
			k.to6.ZoneId = uint32(d.OutIf)
		}
		return unix.Sendto(k.fd, b, unix.MSG_DONTWAIT, &k.to6)
	}
	k.to4.Addr = [4]byte(d.To[:4])
	return unix.Sendto(k.fd, b, unix.MSG_DONTWAIT, &k.to4)
}

// swap gives a number in network byte order, as the options for an interface
// want it.
func swap(v uint32) uint32 {
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, v))
}
