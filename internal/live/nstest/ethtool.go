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

// The commands that switch an offload on or off.
var offloads = map[string]uint32{
	"rx checksum": 0x15, "tx checksum": 0x17, "scatter-gather": 0x19,
	"tcp segmentation": 0x1f, "segmentation": 0x24, "receive offload": 0x2c,
}

// offloadsOff switches an interface's offloads off.
func offloadsOff(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for what, cmd := range offloads {
		v := value{cmd: cmd}
		var req struct {
			name [16]byte
			data uintptr
			_    [16]byte
		}
		copy(req.name[:], name)
		req.data = uintptr(unsafe.Pointer(&v))
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); e != 0 && e != unix.EOPNOTSUPP {
			return fmt.Errorf("%s off: %w", what, e)
		}
	}
	return nil
}
