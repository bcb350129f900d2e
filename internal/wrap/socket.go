package wrap

import (
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// socket is a generic-netlink socket of the program, borrowed for a call.
type socket struct {
	fd    int
	ns    int    // a descriptor of its network namespace
	netns uint64 // and that's inode
	inode uint64
	port  uint32 // its port id; 0: it has none yet
	owner int    // the process that calls
}

func (k *socket) close() {
	unix.Close(k.fd)
	unix.Close(k.ns)
}

// netlink borrows the socket that the call is about. Without an error, nil means
// that the descriptor is no generic-netlink socket.
func (c *call) netlink() (*socket, error) {
	fd, err := c.borrow(c.fd())
	if err != nil {
		return nil, err
	}
	if !isGenericNetlink(fd) {
		unix.Close(fd)
		return nil, nil
	}
	k := &socket{fd: fd}
	if k.ns, err = netnsOfSocket(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if k.netns, err = inodeOf(k.ns); err == nil {
		if k.inode, err = inodeOf(fd); err == nil {
			k.owner, err = c.pid()
		}
	}
	if err != nil {
		k.close()
		return nil, err
	}
	k.port = portOf(fd)
	return k, nil
}

func isGenericNetlink(fd int) bool {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || domain != unix.AF_NETLINK {
		return false
	}
	proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err == nil && proto == unix.NETLINK_GENERIC
}

// portOf returns a netlink socket's port id.
func portOf(fd int) uint32 {
	sa, err := unix.Getsockname(fd)
	if a, ok := sa.(*unix.SockaddrNetlink); err == nil && ok {
		return a.Pid
	}
	return 0
}

// toKernel reports whether what the socket sends without an address goes to the
// kernel.
func (k *socket) toKernel() bool {
	sa, err := unix.Getpeername(k.fd)
	a, ok := sa.(*unix.SockaddrNetlink)
	return err != nil || !ok || a.Pid == 0
}

// option reports whether an option of netlink sockets is on.
func (k *socket) option(name int) bool {
	v, err := unix.GetsockoptInt(k.fd, unix.SOL_NETLINK, name)
	return err == nil && v != 0
}

// bind gives the socket a port id, as its first send does: the process's id, or
// where that is taken any below -4096.
//
// Kernel: af_netlink.c, netlink_autobind (6.1).
func (k *socket) bind() error {
	if k.port != 0 {
		return nil
	}
	port := uint32(k.owner)
	for {
		err := unix.Bind(k.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port})
		if err == nil || err == unix.EINVAL { // the latter if another thread was first
			k.port = portOf(k.fd)
			return nil
		}
		if err != unix.EADDRINUSE {
			return err
		}
		port = 1<<31 | rand.Uint32N(1<<31-4096)
	}
}

// socket makes a generic-netlink socket for the program, in the calling thread's
// network namespace, at a number that is watched.
func (c *call) socket() outcome {
	if c.s.window == allDescriptors {
		return pass
	}
	number, err := c.freeNumber(0)
	if err != nil {
		return fails(err)
	}
	ns, err := c.netns()
	if err != nil {
		return fails(err)
	}
	defer unix.Close(ns)
	typ := c.flag(1)
	var fd int
	err = c.s.home.within(ns, func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, typ|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
		return err
	})
	if err != nil {
		return fails(err)
	}
	defer unix.Close(fd)
	if !c.valid() {
		return fails(unix.ESRCH)
	}
	return c.give(fd, number, typ&unix.SOCK_CLOEXEC != 0)
}

// give makes a descriptor the program's, and the call's result.
func (c *call) give(fd, number int, cloexec bool) outcome {
	n, err := c.s.listener.add(c.id, fd, number, cloexec)
	if err != nil {
		return fails(err)
	}
	return returns(n)
}

// dup keeps copies of watched sockets at watched numbers. It serves dup and
// fcntl's F_DUPFD. The numbers that dup2 and dup3 are given can't be changed.
func (c *call) dup() outcome {
	if c.s.window == allDescriptors {
		return pass
	}
	least, cloexec := 0, false
	if c.nr == unix.SYS_FCNTL {
		least, cloexec = c.flag(2), c.args[1] == unix.F_DUPFD_CLOEXEC
	}
	fd, err := c.borrow(c.fd())
	if err != nil {
		return pass
	}
	defer unix.Close(fd)
	if !isGenericNetlink(fd) || least < 0 {
		return pass
	}
	number, err := c.freeNumber(least)
	if err != nil {
		return pass
	}
	return c.give(fd, number, cloexec)
}

// The layout of struct sockaddr_nl.
const (
	nlAddrSize   = 12
	nlAddrPort   = 4
	nlAddrGroups = 8
)

// connect to the kernel makes no difference but that the socket then refuses
// messages of others, ours among them: it is bound as connect would, and that is
// all.
//
// Kernel: af_netlink.c, netlink_connect (6.1).
func (c *call) connect() outcome {
	if c.args[2] < nlAddrSize {
		return pass
	}
	a, err := c.read(c.args[1], nlAddrSize)
	if err != nil || ne.Uint16(a) != unix.AF_NETLINK || ne.Uint32(a[nlAddrPort:]) != 0 || ne.Uint32(a[nlAddrGroups:]) != 0 {
		return pass
	}
	k, err := c.netlink()
	if k == nil || err != nil {
		return pass
	}
	defer k.close()
	if !k.toKernel() { // away from another process, which the kernel must undo
		return pass
	}
	if err := k.bind(); err != nil {
		return fails(err)
	}
	return returns(0)
}
