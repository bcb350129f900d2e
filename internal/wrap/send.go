package wrap

import (
	"bytes"

	"golang.org/x/sys/unix"

	"goipvs/internal/control"
)

// maxSend is how much is looked at. Longer is no request to IPVS.
const maxSend = 1 << 20

// send hands what the program sends to the kernel over to the daemon, if it is
// for IPVS, and puts the answers into the socket's queue. What is not goes to
// the kernel.
func (c *call) send() outcome {
	m, err := c.outgoing()
	if err != nil || m.size < control.HeaderSize || m.size > maxSend || !c.addressed(m) {
		return pass
	}
	data, err := c.gather(m.pieces, m.size)
	if err != nil {
		return pass
	}
	concern := control.Nothing
	for msg := range control.Messages(data) {
		concern = max(concern, control.Concern(msg))
	}
	if concern == control.Nothing {
		return pass
	}
	k, err := c.netlink()
	if k == nil || err != nil {
		return pass
	}
	if m.name == 0 && !k.toKernel() {
		k.close()
		return pass
	}
	return waits(func() outcome {
		defer k.close()
		if concern == control.Families {
			return c.listFamilies(k, data)
		}
		return c.request(k, m, data)
	})
}

// outgoing reads what is sent. Of sendmmsg it is the first message: the call is
// answered as one that took no more than that, and is made again for the rest.
func (c *call) outgoing() (*message, error) {
	switch c.nr {
	case unix.SYS_WRITE:
		return onePiece(c.args[1], c.args[2])
	case unix.SYS_WRITEV:
		return c.vector()
	case unix.SYS_SENDTO:
		m, err := onePiece(c.args[1], c.args[2])
		if err == nil {
			m.name, m.nameLen = c.args[4], uint32(c.args[5])
		}
		return m, err
	case unix.SYS_SENDMMSG:
		if uint32(c.args[2]) == 0 {
			return nil, unix.EINVAL
		}
	}
	return c.readMessage(c.args[1])
}

// vector reads the pieces of readv and writev.
func (c *call) vector() (*message, error) {
	if c.args[2] > maxPieces {
		return nil, unix.EINVAL
	}
	m := &message{}
	return m, c.readPieces(m, c.args[1], int(c.args[2]))
}

// addressed reports whether a message is for the kernel, as far as its address
// says.
func (c *call) addressed(m *message) bool {
	if m.name == 0 {
		return true
	}
	if m.nameLen < nlAddrSize {
		return false
	}
	a, err := c.read(m.name, nlAddrSize)
	return err == nil && ne.Uint16(a) == unix.AF_NETLINK && ne.Uint32(a[nlAddrPort:]) == 0 && ne.Uint32(a[nlAddrGroups:]) == 0
}

// request has a datagram's messages answered.
func (c *call) request(k *socket, m *message, data []byte) outcome {
	d, err := c.s.pool.find(k.ns, k.netns)
	if err != nil {
		return fails(err)
	}
	if d == nil {
		return pass
	}
	if err := k.bind(); err != nil {
		return fails(err)
	}
	admin := c.administers(k.ns)
	// DumpSize stays 0: how long the reads of a socket were the kernel knows, and we
	// keep nothing of a socket that would have to be thrown away with it. The
	// messages are the same, in more datagrams.
	from := control.Caller{
		PortID: k.port, Unprivileged: !admin,
		CapAck: k.option(unix.NETLINK_CAP_ACK), ExtAck: k.option(unix.NETLINK_EXT_ACK),
	}
	for msg := range control.Messages(data) {
		if control.Concern(msg) != control.Requests {
			if !admin { // whom the kernel would take for us
				return fails(unix.EPERM)
			}
			if err := unix.Sendto(k.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
				return fails(err)
			}
			continue
		}
		if len(msg) > control.MaxRequest {
			return fails(unix.EMSGSIZE)
		}
		var answers [][]byte
		err := d.do(func(conn control.Conn) error {
			answers = nil
			return control.Relay(conn, msg, from, func(b []byte) error {
				answers = append(answers, bytes.Clone(b))
				return nil
			})
		})
		if err != nil {
			c.s.log("request: %v", err)
			return fails(err)
		}
		if err := c.s.space(k).deliver(k, answers); err != nil {
			return fails(err)
		}
	}
	return c.sent(m)
}

// sent is the result of a call that sent all of a message.
func (c *call) sent(m *message) outcome {
	if c.nr != unix.SYS_SENDMMSG {
		return returns(m.size)
	}
	if err := c.writeUint32(m.at+msgSize, uint32(m.size)); err != nil { // msg_len
		return fails(err)
	}
	return returns(1)
}

// listFamilies puts IPVS's entry ahead of the list of all families that the
// kernel is asked for.
func (c *call) listFamilies(k *socket, data []byte) outcome {
	d, err := c.s.pool.find(k.ns, k.netns)
	if d == nil || err != nil {
		return pass
	}
	if err := k.bind(); err != nil {
		return pass
	}
	for msg := range control.Messages(data) {
		if control.Concern(msg) != control.Families {
			continue
		}
		if err := c.s.space(k).deliver(k, [][]byte{control.FamilyEntry(msg, k.port)}); err != nil {
			break
		}
	}
	return pass
}
