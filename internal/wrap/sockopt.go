package wrap

import (
	"golang.org/x/sys/unix"

	"goipvs/internal/control"
)

// The answers to a getsockopt of no descriptor, by which `goipvs wrap` learns
// that it is wrapped already. The kernel says EBADF.
const (
	wrappedAlready   = unix.EUCLEAN
	wrappedWithFiles = unix.ENOTUNIQ
)

// maxOption is how long an option's buffer may be: room for a million services.
const maxOption = 128 << 20

// getsockopt is the old interface's reading half.
func (c *call) getsockopt() outcome {
	if c.fd() == -1 {
		if c.s.files != nil {
			return fails(wrappedWithFiles)
		}
		return fails(wrappedAlready)
	}
	return c.option(func(d *daemon, opt int) outcome {
		b, err := c.read(c.args[4], 4)
		if err != nil {
			return fails(err)
		}
		length := int(int32(ne.Uint32(b)))
		n, ok := control.SockoptGetLen(opt)
		if !ok || length < n || length > maxOption {
			return fails(unix.EINVAL)
		}
		arg, err := c.read(c.args[3], n)
		if err != nil {
			return fails(err)
		}
		var value []byte
		var told int
		err = d.do(func(conn control.Conn) (err error) {
			value, told, err = control.NewClient(conn).GetSockopt(opt, length, arg)
			return err
		})
		if err != nil {
			return fails(err)
		}
		if c.write(c.args[3], value) != nil || c.writeUint32(c.args[4], uint32(told)) != nil {
			return fails(unix.EFAULT)
		}
		return returns(0)
	})
}

// setsockopt is the old interface's writing half.
func (c *call) setsockopt() outcome {
	return c.option(func(d *daemon, opt int) outcome {
		n, ok := control.SockoptSetLen(opt)
		if !ok || c.flag(4) != n {
			return fails(unix.EINVAL)
		}
		value, err := c.read(c.args[3], n)
		if err != nil {
			return fails(err)
		}
		err = d.do(func(conn control.Conn) error { return control.NewClient(conn).SetSockopt(opt, value) })
		if err != nil {
			return fails(err)
		}
		return returns(0)
	})
}

// option does what f does for an IPv4 socket of somebody who may.
//
// Kernel: ip_sockglue.c, ip_setsockopt; nf_sockopt.c; ip_vs_ctl.c,
// do_ip_vs_set_ctl (6.1).
func (c *call) option(f func(d *daemon, opt int) outcome) outcome {
	fd, err := c.borrow(c.fd())
	if err != nil {
		return pass
	}
	ns := -1
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err == nil && domain == unix.AF_INET {
		ns, err = netnsOfSocket(fd)
	}
	unix.Close(fd)
	if err != nil || ns < 0 {
		return pass
	}
	return waits(func() outcome {
		defer unix.Close(ns)
		id, err := inodeOf(ns)
		if err != nil {
			return fails(err)
		}
		d, err := c.s.pool.find(ns, id)
		switch {
		case err != nil:
			return fails(err)
		case d == nil:
			return pass
		case !c.administers(ns):
			return fails(unix.EPERM)
		}
		return f(d, c.flag(2))
	})
}
