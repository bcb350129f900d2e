package wrap

import (
	"golang.org/x/sys/unix"
)

// maxReceive is how much is received at a time. No message is longer.
const maxReceive = 1 << 20

// receive receives in the program's place: IPVS's answers must look as if the
// kernel had sent them.
func (c *call) receive() outcome {
	m, flags, err := c.incoming()
	if err != nil {
		return pass // the kernel says what is wrong
	}
	k, err := c.netlink()
	if k == nil || err != nil {
		return pass
	}
	sp := c.s.space(k)
	sp.pump(k)
	o := c.take(k, sp, m, flags)
	if o.errno != unix.EAGAIN || !k.blocks(flags) {
		k.close()
		return o
	}
	return waits(func() outcome {
		defer k.close()
		return c.park(k, func() outcome { return c.take(k, sp, m, flags) })
	})
}

// incoming reads what the program receives into. Of recvmmsg it is the first
// message: the call is answered as one that found no more.
func (c *call) incoming() (m *message, flags int, err error) {
	switch c.nr {
	case unix.SYS_READ:
		m, err = onePiece(c.args[1], c.args[2])
	case unix.SYS_READV:
		m, err = c.vector()
	case unix.SYS_RECVFROM:
		m, err = onePiece(c.args[1], c.args[2])
		flags = c.flag(3)
	case unix.SYS_RECVMSG:
		m, err = c.readMessage(c.args[1])
		flags = c.flag(2)
	case unix.SYS_RECVMMSG:
		if uint32(c.args[2]) == 0 {
			return nil, 0, unix.EINVAL
		}
		m, err = c.readMessage(c.args[1])
		flags = c.flag(3) &^ unix.MSG_WAITFORONE
	}
	return m, flags, err
}

// blocks reports whether a receive on the socket waits where there is nothing.
func (k *socket) blocks(flags int) bool {
	f, err := unix.FcntlInt(uintptr(k.fd), unix.F_GETFL, 0)
	return err == nil && f&unix.O_NONBLOCK == 0 && flags&unix.MSG_DONTWAIT == 0
}

// take receives what is there, or fails with EAGAIN.
func (c *call) take(k *socket, sp *space, m *message, flags int) outcome {
	buf := make([]byte, min(m.size, maxReceive))
	ctl := make([]byte, min(m.controlLen, 1<<16))
	var n, nctl, got int
	var from unix.Sockaddr
	err := error(unix.EINTR)
	for err == unix.EINTR {
		n, nctl, got, from, err = unix.Recvmsg(k.fd, buf, ctl, flags|unix.MSG_DONTWAIT)
	}
	if err != nil {
		return fails(err)
	}
	if flags&unix.MSG_PEEK == 0 {
		sp.pump(k)
	}
	ctl = ctl[:nctl]
	var name [nlAddrSize]byte
	ne.PutUint16(name[:], unix.AF_NETLINK)
	if a, ok := from.(*unix.SockaddrNetlink); ok {
		if c.s.isOurs(a.Pid) {
			anonymise(ctl)
		} else {
			ne.PutUint32(name[nlAddrPort:], a.Pid)
			ne.PutUint32(name[nlAddrGroups:], a.Groups)
		}
	}
	if err := c.scatter(m.pieces, buf[:min(n, len(buf))]); err != nil {
		return fails(err)
	}
	if err := c.describe(m, name[:], ctl, got); err != nil {
		return fails(err)
	}
	if c.nr == unix.SYS_RECVMMSG {
		if err := c.writeUint32(m.at+msgSize, uint32(n)); err != nil { // msg_len
			return fails(err)
		}
		return returns(1)
	}
	return returns(n)
}

// describe tells who sent, and what else recvmsg and recvfrom say.
func (c *call) describe(m *message, name, ctl []byte, flags int) error {
	switch {
	case m.at != 0:
		if m.name != 0 {
			if err := c.write(m.name, name[:min(int(m.nameLen), len(name))]); err != nil {
				return err
			}
			if err := c.writeUint32(m.at+msgNameLen, nlAddrSize); err != nil {
				return err
			}
		}
		if err := c.write(m.control, ctl); err != nil {
			return err
		}
		if err := c.write(m.at+msgControlLen, ne.AppendUint64(nil, uint64(len(ctl)))); err != nil {
			return err
		}
		return c.writeUint32(m.at+msgFlags, uint32(flags))
	case c.nr == unix.SYS_RECVFROM && c.args[4] != 0:
		b, err := c.read(c.args[5], 4)
		if err != nil {
			return err
		}
		n := int(int32(ne.Uint32(b)))
		if n < 0 {
			return unix.EINVAL
		}
		if err := c.write(c.args[4], name[:min(n, len(name))]); err != nil {
			return err
		}
		return c.writeUint32(c.args[5], nlAddrSize)
	}
	return nil
}

// The layout of struct cmsghdr, and what the kernel's messages have in a struct
// ucred.
const (
	cmsgLevel = 8
	cmsgType  = 12
	cmsgData  = 16
	ucredSize = 12
)

// anonymise puts the kernel's credentials in the place of ours, for sockets with
// SO_PASSCRED.
func anonymise(ctl []byte) {
	for len(ctl) >= cmsgData {
		n := ne.Uint64(ctl)
		if n < cmsgData || n > uint64(len(ctl)) {
			return
		}
		if ne.Uint32(ctl[cmsgLevel:]) == unix.SOL_SOCKET && ne.Uint32(ctl[cmsgType:]) == unix.SCM_CREDENTIALS && n >= cmsgData+ucredSize {
			clear(ctl[cmsgData : cmsgData+ucredSize])
		}
		ctl = ctl[min((n+7)&^7, uint64(len(ctl))):]
	}
}
