package wrap

import (
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// administers reports whether the calling thread has CAP_NET_ADMIN over a
// network namespace, of which ns is a descriptor.
//
// Differs: the kernel's IPVS wants it in the machine's first user namespace. A
// goipvs that runs in another serves that one.
//
// Kernel: genetlink.c, genl_family_rcv_msg; capability.c, ns_capable (6.1).
func (c *call) administers(ns int) bool {
	s, err := c.status("CapEff", "Uid")
	if err != nil {
		return false
	}
	caps, err := strconv.ParseUint(s["CapEff"], 16, 64)
	if err != nil {
		return false
	}
	var real, euid uint32
	if n, _ := fmt.Sscan(s["Uid"], &real, &euid); n != 2 {
		return false
	}
	has := caps&(1<<unix.CAP_NET_ADMIN) != 0
	var st unix.Stat_t
	if unix.Stat(fmt.Sprintf("/proc/%d/ns/user", c.tid), &st) != nil || !c.valid() {
		return false
	}
	return governs(ns, st.Ino, has, euid)
}

// governs reports whether who is in a user namespace rules over a network
// namespace: the user namespace that this belongs to, or one above it, must be
// theirs, or made by them in theirs.
//
// Kernel: commoncap.c, cap_capable (6.1).
func governs(ns int, user uint64, capable bool, euid uint32) bool {
	owner, err := nsIoctl(ns, unix.NS_GET_USERNS)
	for err == nil {
		id, stat := inodeOf(owner)
		if stat == nil && id == user {
			unix.Close(owner)
			return capable
		}
		maker, known := ownerOf(owner)
		var above int
		above, err = nsIoctl(owner, unix.NS_GET_PARENT)
		unix.Close(owner)
		if err != nil {
			return false // as high as we can see
		}
		if id, stat = inodeOf(above); stat == nil && id == user && known && maker == euid {
			unix.Close(above)
			return true
		}
		owner = above
	}
	return false
}

func nsIoctl(fd int, req uintptr) (int, error) {
	n, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, 0)
	if e != 0 {
		return -1, e
	}
	return int(n), nil
}

// ownerOf returns the user who made a user namespace.
func ownerOf(fd int) (uid uint32, ok bool) {
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.NS_GET_OWNER_UID, uintptr(unsafe.Pointer(&uid)))
	return uid, e == 0
}
