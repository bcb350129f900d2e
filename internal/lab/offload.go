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

// Offload is something that a network interface does for the kernel, by the
// ethtool command that switches it.
type Offload uint32

// The offloads.
const (
	TxChecksum    Offload = 0x17
	ScatterGather Offload = 0x19
	TSO           Offload = 0x1f // TCP segmentation
	GSO           Offload = 0x24 // segmentation
	GRO           Offload = 0x2c // receive offload
)

// offloads are all of them. The order counts: what needs checksums or
// scatter-gather goes first.
var offloads = []Offload{TSO, GSO, GRO, ScatterGather, TxChecksum}

// String names an offload.
func (o Offload) String() string {
	return map[Offload]string{
		TxChecksum: "tx checksum", ScatterGather: "scatter-gather", TSO: "tcp segmentation",
		GSO: "segmentation", GRO: "receive offload",
	}[o]
}

// OffloadsOff switches an interface's offloads off: what it sends is then what
// would go over a wire, complete and with checksums that receivers verify.
func (n *Netns) OffloadsOff(name string) error { return n.SetOffloads(name, false, offloads...) }

// SetOffloads switches offloads of an interface, in the order given. What the
// interface doesn't have stays off.
func (n *Netns) SetOffloads(name string, on bool, which ...Offload) error {
	return n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, o := range which {
			v := ethtoolValue{cmd: uint32(o)}
			if on {
				v.data = 1
			}
			var req struct { // struct ifreq
				name [unix.IFNAMSIZ]byte
				data unsafe.Pointer
				_    [16]byte
			}
			copy(req.name[:unix.IFNAMSIZ-1], name)
			req.data = unsafe.Pointer(&v)
			_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
			if e != 0 && e != unix.EOPNOTSUPP {
				return fmt.Errorf("%s: %v to %v: %w", name, o, on, e)
			}
		}
		return nil
	})
}
