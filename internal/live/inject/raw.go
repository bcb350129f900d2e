package inject

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// rawSocket is a raw socket whose datagrams have their header. It remembers the
// options that were set last.
type rawSocket struct {
	*batch
	v6       bool
	mark     uint32
	priority uint32
	outIf    int
}

func openRaw(v6 bool, r *Count) (*rawSocket, error) {
	domain, level, discover := unix.AF_INET, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
	if v6 {
		domain, level, discover = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	sendBuffer(fd)
	// The path's MTU was looked at already. An error that the kernel made of
	// it here would go to the client and quote what the client never sent.
	if err := unix.SetsockoptInt(fd, level, discover, unix.IP_PMTUDISC_PROBE); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	return &rawSocket{batch: newBatch(fd, r), v6: v6}, nil
}

// sendBuffer makes a socket's send buffer large enough for a few batches, or as
// large as is allowed.
func sendBuffer(fd int) {
	const size = 16 << 20
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size)
	}
}

// prepare sets the socket's options for d, after what waits with others.
func (k *rawSocket) prepare(d *Datagram) error {
	mark, priority := k.mark, d.Mark
	if !d.Ours {
		mark, priority = d.Mark, k.priority
	}
	if mark == k.mark && priority == k.priority && d.OutIf == k.outIf {
		return nil
	}
	k.flush()
	if mark != k.mark {
		if err := k.setMark(mark); err != nil {
			return err
		}
	}
	if priority != k.priority {
		if err := unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_PRIORITY, int(int32(priority))); err != nil {
			return fmt.Errorf("SO_PRIORITY: %w", err)
		}
		k.priority = priority
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

func (k *rawSocket) setMark(m uint32) error {
	if err := unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_MARK, int(int32(m))); err != nil {
		return fmt.Errorf("SO_MARK: %w", err)
	}
	k.mark = m
	return nil
}

// send adds a datagram in one piece or two; see batch.add.
func (k *rawSocket) send(head, body []byte, d *Datagram) {
	if !k.v6 {
		n := k.name(unix.SizeofSockaddrInet4)
		binary.NativeEndian.PutUint16(n[:], unix.AF_INET)
		copy(n[4:8], d.To[:4])
		k.add(head, body)
		return
	}
	n := k.name(unix.SizeofSockaddrInet6)
	binary.NativeEndian.PutUint16(n[:], unix.AF_INET6)
	copy(n[8:24], d.To[:])
	scope := uint32(0)
	if d.To.IsLinkLocal6() {
		scope = uint32(d.OutIf)
	}
	binary.NativeEndian.PutUint32(n[24:], scope)
	k.add(head, body)
}

// fragments sends a datagram in fragments. They lie in memory of their own,
// which is why they are sent at once.
func (k *rawSocket) fragments(d *Datagram, id uint32) {
	send := func(b []byte) error {
		k.room(0)
		k.send(nil, b, d)
		k.flush()
		return nil
	}
	k.flush()
	if d.Family == packet.IPv6 {
		_ = Fragments6(d.Data, d.MTU, id, send) // send gives no error
		return
	}
	_ = Fragments(d.Data, d.MTU, d.DF, uint16(id)|1, send)
}

// swap gives a number in network byte order, as the options for an interface
// want it.
func swap(v uint32) uint32 {
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, v))
}
