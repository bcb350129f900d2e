package lab

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is what ethtool's commands that switch a feature take.
//
// Kernel: include/uapi/linux/ethtool.h, struct ethtool_value.
type ethtoolValue struct{ cmd, data uint32 }

// offloads are the ethtool commands that switch an offload. The order counts:
// what needs checksums or scatter-gather goes first.
var offloads = []struct {
	name string
	cmd  uint32
}{
	{"tcp segmentation", 0x1f},
	{"segmentation", 0x24},
	{"receive offload", 0x2c},
	{"scatter-gather", 0x19},
	{"tx checksum", 0x17},
}

// OffloadsOff switches an interface's offloads off: what it sends is then what
// would go over a wire, complete and with checksums that receivers verify.
func (n *Netns) OffloadsOff(name string) error {
	return n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, o := range offloads {
			v := ethtoolValue{cmd: o.cmd}
			var req struct { // struct ifreq
				name [unix.IFNAMSIZ]byte
				data unsafe.Pointer
				_    [16]byte
			}
			copy(req.name[:unix.IFNAMSIZ-1], name)
			req.data = unsafe.Pointer(&v)
			_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
			if e != 0 && e != unix.EOPNOTSUPP {
				return fmt.Errorf("%s: %s off: %w", name, o.name, e)
			}
		}
		return nil
	})
}
