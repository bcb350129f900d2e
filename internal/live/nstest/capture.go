package nstest

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Capture is what arrives at an interface and what leaves it.
type Capture struct{ f *os.File }

// Capture begins to capture the frames of an interface.
func (ns *NS) Capture(t testing.TB, name string) *Capture {
	t.Helper()
	c := &Capture{}
	ns.Do(t, func() {
		const all = 0x0300 // ETH_P_ALL in network byte order
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all)
		if err != nil {
			t.Errorf("packet socket: %v", err)
			return
		}
		c.f = os.NewFile(uintptr(fd), "packet socket")
		i, err := net.InterfaceByName(name)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() { c.f.Close() })
	return c
}

// TryPacket returns the next datagram that was captured, or nil.
func (c *Capture) TryPacket(t testing.TB) []byte {
	t.Helper()
	rc, err := c.f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<17)
	n := 0
	if err := rc.Control(func(fd uintptr) { n, err = unix.Read(int(fd), b) }); err != nil {
		t.Fatal(err)
	}
	if errors.Is(err, unix.EAGAIN) || n < 14 {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	return b[14:n]
}

// Packet waits for the next frame whose IP datagram matches and returns that,
// or nil where none comes within a minute.
func (c *Capture) Packet(t testing.TB, match func(datagram []byte) bool) []byte {
	t.Helper()
	if err := c.f.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<16)
	for {
		n, err := c.f.Read(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			t.Fatal(err)
		}
		if n > 14 && match(b[14:n]) {
			return b[14:n]
		}
	}
}
