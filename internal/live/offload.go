package live

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// groWarning says which interfaces that packets come in by don't put segments
// of TCP together (generic receive offload); "": all do. Without it each frame
// is a packet in a queue, and TCP's throughput a fraction. It is about the
// calling thread's network namespace.
func groWarning() (string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return "", fmt.Errorf("links: %w", err)
	}
	var off []string
	for _, l := range links {
		a := l.Attrs()
		// What is built on other interfaces gets what those put together.
		real := l.Type() == "device" || l.Type() == "veth"
		if !real || a.EncapType != "ether" || a.RawFlags&unix.IFF_UP == 0 {
			continue
		}
		if on, err := gro(a.Name); err == nil && !on {
			off = append(off, a.Name)
		}
	}
	if len(off) == 0 {
		return "", nil
	}
	return fmt.Sprintf("generic receive offload is off on %s: TCP that comes in frames by the wire is slow (ethtool -K %s gro on)",
		strings.Join(off, ", "), off[0]), nil
}

// gro reports whether an interface's generic receive offload is on.
//
// Kernel: include/uapi/linux/ethtool.h, ETHTOOL_GGRO.
func gro(name string) (bool, error) {
	const get = 0x2b
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	value := struct{ cmd, data uint32 }{cmd: get}
	var req struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	if len(name) >= len(req.name) {
		return false, errors.New(name + ": no interface's name")
	}
	copy(req.name[:], name)
	req.data = unsafe.Pointer(&value)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); e != 0 {
		return false, e
	}
	return value.data != 0, nil
}
