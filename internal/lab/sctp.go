package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sctpSocket makes an SCTP socket of the kind that has connections. Errors:
// *MissingError.
func sctpSocket(v6 bool) (int, error) {
	domain := unix.AF_INET
	if v6 {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ESOCKTNOSUPPORT) {
		return -1, &MissingError{"the kernel has no SCTP sockets"}
	}
	return fd, os.NewSyscallError("SCTP socket", err)
}

// canSCTP finds out whether the kernel has SCTP. Errors: *MissingError.
func canSCTP() error {
	fd, err := sctpSocket(false)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// listenSCTP listens at an address. Package net takes SCTP's sockets for TCP's,
// which they are like as far as it goes.
func listenSCTP(at netip.AddrPort) (net.Listener, error) {
	fd, err := sctpSocket(at.Addr().Is6())
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "sctp")
	defer f.Close()
	if err := freebind(fd, at.Addr().Is6()); err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return net.FileListener(f)
}

// dialSCTP makes an association from an address of a host's. It says nothing of
// other addresses, which NAT would not translate.
func dialSCTP(ns *Netns, from netip.Addr, to netip.AddrPort) (c net.Conn, err error) {
	err = ns.Do(func() error {
		fd, err := sctpSocket(to.Addr().Is6())
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "sctp")
		defer f.Close()
		wait := unix.NsecToTimeval(answerTime.Nanoseconds())
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait); err != nil {
			return err
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			return os.NewSyscallError("bind", err)
		}
		if err := unix.Connect(fd, sockaddr(to)); err != nil {
			return os.NewSyscallError("connect", err)
		}
		c, err = net.FileConn(f)
		return err
	})
	return c, err
}

// answerMessages answers each message with who answers whom.
func answerMessages(c net.Conn, name string, at netip.AddrPort) {
	buf := make([]byte, 1<<16)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
		if _, err := fmt.Fprintf(c, "%s at %v answers %v", name, at, c.RemoteAddr()); err != nil {
			return
		}
	}
}

// askSCTP makes an association, sends a message and returns the answer.
func askSCTP(ctx context.Context, ns *Netns, from netip.Addr, to netip.AddrPort) (string, error) {
	c, err := dialSCTP(ns, from, to)
	if err != nil {
		return "", err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := c.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		return "", err
	}
	buf := make([]byte, 1<<16)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}
