package inject

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"goipvs/packet"
)

// packetSocket sends datagrams straight to a neighbour on a link, past
// LOCAL_OUT, routing and POSTROUTING: octet for octet as they are, and
// super-packets whole.
type packetSocket struct {
	*batch
	mark       uint32
	neighbours *Neighbours
	known      [256]known // by hop.slot
}

// known is a link-layer header that was found before.
type known struct {
	hop hop
	gen uint32 // of the neighbours, when it was
	eth ethernet
}

func openPacket(n *Neighbours, r *Count) (*packetSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("packet socket: PACKET_VNET_HDR: %w", err)
	}
	sendBuffer(fd)
	return &packetSocket{batch: newBatch(fd, r), neighbours: n}, nil
}

// header finds the link-layer header for a hop.
func (k *packetSocket) header(h hop) (*ethernet, bool) {
	c := &k.known[h.slot()]
	gen := k.neighbours.gen.Load()
	if c.gen == gen && c.hop == h {
		return &c.eth, true
	}
	eth, ok := k.neighbours.find(h)
	if !ok {
		return nil, false
	}
	*c = known{h, gen, eth}
	return &c.eth, true
}

// prepare makes d's mark that of what follows: queueing disciplines see it.
func (k *packetSocket) prepare(d *Datagram) error {
	if d.Mark == k.mark {
		return nil
	}
	k.flush()
	if err := unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_MARK, int(int32(d.Mark))); err != nil {
		return fmt.Errorf("SO_MARK: %w", err)
	}
	k.mark = d.Mark
	return nil
}

// send adds a datagram, which lies in body or begins in head, behind room for
// what is put before it here; see batch.add. A super-packet is to be cut into
// segments with so many octets of payload.
func (k *packetSocket) send(head, body []byte, d *Datagram, eth *ethernet, segment int) {
	k.address(d, eth)
	vnet(head, d, segment)
	copy(head[sizeVnet:], eth[:])
	k.add(head, body)
}

// address sets the next message's address.
func (k *packetSocket) address(d *Datagram, eth *ethernet) {
	n := k.name(unix.SizeofSockaddrLinklayer)
	clear(n[:unix.SizeofSockaddrLinklayer])
	binary.NativeEndian.PutUint16(n[0:], unix.AF_PACKET)
	copy(n[2:4], eth[12:14])
	binary.NativeEndian.PutUint32(n[4:], uint32(d.Link))
}

// Lengths of what stands before a datagram on a packet socket.
const (
	sizeVnet     = 10
	sizeEthernet = 14
	frameSize    = sizeVnet + sizeEthernet
)

// Kernel: include/uapi/linux/virtio_net.h, struct virtio_net_hdr.
const (
	vnetNeedsCsum = 1
	vnetTCPv4     = 1
	vnetTCPv6     = 4
	vnetECN       = 0x80
)

// vnet writes what the kernel is to do with a datagram: finish its checksum, and
// cut a super-packet, or have the network card do it.
//
// Kernel: include/linux/virtio_net.h, virtio_net_hdr_to_skb (6.1).
func vnet(h []byte, d *Datagram, segment int) {
	clear(h[:sizeVnet])
	if d.Partial != 0 {
		h[0] = vnetNeedsCsum
		binary.NativeEndian.PutUint16(h[6:], uint16(sizeEthernet+d.Partial))
		binary.NativeEndian.PutUint16(h[8:], uint16(d.Check))
	}
	if segment == 0 {
		return
	}
	h[1] = vnetTCPv4
	if d.Family == packet.IPv6 {
		h[1] = vnetTCPv6
	}
	tcp := d.Data[d.Partial:]
	if tcp[13]&flagCWR != 0 {
		h[1] |= vnetECN
	}
	binary.NativeEndian.PutUint16(h[2:], uint16(sizeEthernet+d.Partial+int(tcp[12]>>4)*4))
	binary.NativeEndian.PutUint16(h[4:], uint16(segment))
}
