package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Netns is a network namespace that this process holds open. It ends with the
// last process or file that holds it. Methods are safe for concurrent use.
type Netns struct {
	name string
	file *os.File
}

// NewNetns makes a network namespace with nothing but a loopback interface that
// is down. The name is for messages only. Errors: *MissingError.
func NewNetns(name string) (*Netns, error) {
	n := &Netns{name: name}
	err := onThread(func() error {
		switch err := unix.Unshare(unix.CLONE_NEWNET); err {
		case nil:
		case unix.EPERM:
			return &MissingError{"this user may not make network namespaces"}
		case unix.EINVAL:
			return &MissingError{"the kernel has no network namespaces"}
		default:
			return fmt.Errorf("network namespace for %s: %w", name, err)
		}
		var err error
		n.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	return n, err
}

// Close lets go of the namespace.
func (n *Netns) Close() error { return n.file.Close() }

// Do runs f on a thread that is in the namespace: sockets that f makes and
// processes that it starts belong to it, and /proc/sys/net is its own. f must
// do so itself, not by goroutines.
func (n *Netns) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace of %s: %w", n.name, err)
		}
		return f()
	})
}

// onThread runs f on a thread of its own, which may leave the network namespace
// that it was in. The thread goes back there and lives on, because processes
// started on it may be told to die with it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		err = f()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
			runtime.UnlockOSThread()
		} else if err == nil {
			err = fmt.Errorf("leave network namespace: %w", back)
		}
		done <- err
	}()
	return <-done
}

// Dial connects from the namespace. The address is numeric.
func (n *Netns) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.DialFrom(ctx, nil, network, address)
}

// DialFrom connects from a local address, or with nil from any.
func (n *Netns) DialFrom(ctx context.Context, local net.Addr, network, address string) (c net.Conn, err error) {
	err = n.Do(func() error {
		c, err = (&net.Dialer{LocalAddr: local}).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen listens in the namespace. The address is numeric.
func (n *Netns) Listen(network, address string) (l net.Listener, err error) {
	err = n.Do(func() error {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// ListenPacket is Listen for datagrams.
func (n *Netns) ListenPacket(network, address string) (c net.PacketConn, err error) {
	err = n.Do(func() error {
		c, err = net.ListenPacket(network, address)
		return err
	})
	return c, err
}

// Start starts a process in the namespace.
func (n *Netns) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// Sysctl sets a kernel parameter of the namespace, named as sysctl(8) does but
// with slashes: net/ipv4/ip_forward.
func (n *Netns) Sysctl(name, value string) error {
	return n.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
	})
}

// netnsDir is where ip-netns(8) looks for named namespaces.
const netnsDir = "/run/netns"

// Publish gives the namespace a name for ip-netns(8), which keeps it alive
// until Unpublish.
func (n *Netns) Publish(name string) error {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(netnsDir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	defer f.Close()
	from := fmt.Sprintf("/proc/self/fd/%d", n.file.Fd())
	if err := unix.Mount(from, path, "none", unix.MS_BIND, ""); err != nil {
		os.Remove(path)
		return fmt.Errorf("mount %s: %w", path, err)
	}
	return nil
}

// Unpublish takes a name away again.
func Unpublish(name string) error {
	path := filepath.Join(netnsDir, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	return os.Remove(path)
}
