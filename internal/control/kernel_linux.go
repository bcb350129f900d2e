package control

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoKernel is that the kernel has no ip_vs, or has not loaded it.
var ErrNoKernel = errors.New("the kernel has no ip_vs")

// procIPVS is there where the kernel has ip_vs. Asking for the family would load
// the module.
const procIPVS = "/proc/thread-self/net/ip_vs"

// DialKernel connects to the kernel's own IPVS in the calling thread's network
// namespace. Errors: ErrNoKernel; unix.EPERM comes with the first request, without
// CAP_NET_ADMIN.
func DialKernel() (Conn, error) {
	if _, err := os.Stat(procIPVS); err != nil {
		return nil, ErrNoKernel
	}
	f, err := netlink.GenlFamilyGet(FamilyName)
	if errors.Is(err, unix.ENOENT) {
		return nil, ErrNoKernel
	} else if err != nil {
		return nil, fmt.Errorf("generic netlink family %s: %w", FamilyName, err)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, err
	}
	wait := unix.NsecToTimeval(int64(kernelTime))
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &kernelConn{fd: fd, family: f.ID, buf: make([]byte, MaxRequest)}, nil
}

// kernelTime is how long the next datagram of an answer is waited for.
const kernelTime = 30 * time.Second

// kernelConn puts the family's number in messages, which is another at each boot.
type kernelConn struct {
	turns
	fd     int
	family uint16
	buf    []byte
}

// Close implements Conn.
func (c *kernelConn) Close() error { return unix.Close(c.fd) }

// Request implements Conn.
func (c *kernelConn) Request(msg []byte, answer func([]byte) error) error {
	return c.request(msg, answer, c.exchange)
}

func (c *kernelConn) exchange(msg []byte, answer func([]byte)) error {
	out := append([]byte(nil), msg...)
	if ne.Uint16(out[4:]) == FamilyID {
		ne.PutUint16(out[4:], c.family)
	}
	if err := unix.Send(c.fd, out, 0); err != nil {
		return err
	}
	for {
		n, _, flags, _, err := unix.Recvmsg(c.fd, c.buf, nil, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("the kernel's answer: %w", err)
		case flags&unix.MSG_TRUNC != 0:
			return unix.EMSGSIZE
		}
		b := c.buf[:n]
		for h, m := range messages(b) {
			if h.typ == c.family {
				ne.PutUint16(m[4:], FamilyID)
			}
		}
		answer(b)
		if ends(b) {
			return nil
		}
	}
}
