package nstest

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// value is struct ethtool_value.
//
// Kernel: include/uapi/linux/ethtool.h.
type value struct{ cmd, data uint32 }

// The commands that switch an offload on or off, those first that others need.
var offloads = []struct {
	name string
	cmd  uint32
}{
	{"rx checksum", 0x15}, {"tx checksum", 0x17}, {"scatter-gather", 0x19},
	{"tcp segmentation", 0x1f}, {"segmentation", 0x24}, {"receive offload", 0x2c},
}

// setOffloads switches an interface's offloads on or off.
func setOffloads(name string, on bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, o := range offloads {
		v := value{cmd: o.cmd}
		if on {
			v.data = 1
		}
		var req struct {
			name [16]byte
			data uintptr
			_    [16]byte
		}
		copy(req.name[:], name)
		req.data = uintptr(unsafe.Pointer(&v))
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); e != 0 && e != unix.EOPNOTSUPP {
			return fmt.Errorf("%s: %w", o.name, e)
		}
	}
	return nil
}
