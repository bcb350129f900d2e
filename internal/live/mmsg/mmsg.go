package mmsg

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Message is a message to be sent, or a place for one to be received.
//
// Kernel: include/linux/socket.h, struct mmsghdr.
type Message struct {
	Header unix.Msghdr
	Len    uint32 // octets received or sent
}

// Receive waits for a message and takes what else has come by then, as many as
// there is place for. It returns how many came, with their lengths in Len.
func Receive(fd int, m []Message) (int, error) {
	n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_WAITFORONE, 0, 0)
	return result(n, e)
}

// TryReceive is Receive without waiting, unix.EAGAIN if nothing has come. Go's
// scheduler isn't told of it, since it is short.
func TryReceive(fd int, m []Message) (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	return result(n, e)
}

// Send sends messages without waiting and returns how many were taken. An error
// is about the first one, which then was not.
func Send(fd int, m []Message) (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	return result(n, e)
}

// SendOne sends one message, waiting for room. Go's scheduler isn't told of it:
// it is for sockets that take messages at once.
func SendOne(fd int, h *unix.Msghdr) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(h)), 0); e != 0 {
		return e
	}
	return nil
}

func result(n uintptr, e unix.Errno) (int, error) {
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}
