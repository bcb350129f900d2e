package wrap

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification is a system call that waits for what the supervisor says.
//
// Kernel: include/uapi/linux/seccomp.h, struct seccomp_notif.
type notification struct {
	id    uint64
	tid   uint32 // the thread's id as the supervisor sees it
	flags uint32
	nr    uint32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	errno int32 // negative
	flags uint32
}

// addFD is struct seccomp_notif_addfd.
type addFD struct {
	id    uint64
	flags uint32
	src   uint32
	dst   uint32
	cloex uint32
}

// listener is the supervisor's end of a filter. Its methods are safe for
// concurrent use.
type listener int

func (l listener) ioctl(req uintptr, p unsafe.Pointer) (int, unix.Errno) {
	r, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(l), req, uintptr(p))
	return int(r), e
}

// errEnded says that no process has the filter any more.
var errEnded = errors.New("no process left")

// open makes calls and answers follow each other faster where the kernel can
// (6.6).
func (l listener) open() {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(l), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS, unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
}

// receive waits for a call. It returns errEnded at the end.
func (l listener) receive() (notification, error) {
	p := []unix.PollFd{{Fd: int32(l), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(p, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return notification{}, err
		}
		if p[0].Revents&unix.POLLIN == 0 {
			return notification{}, errEnded
		}
		// The kernel wants zeros, and a later one may have more to say.
		var b struct {
			notification
			_ [176]byte
		}
		switch _, e := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&b)); e {
		case 0:
			return b.notification, nil
		case unix.ENOENT, unix.EINTR: // it died meanwhile
		default:
			return notification{}, e
		}
	}
}

// respond ends a call. It returns unix.ENOENT if it ended otherwise: the thread
// was killed or, before 5.19, took a signal.
func (l listener) respond(r response) error {
	for {
		switch _, e := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)); e {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return e
		}
	}
}

// valid reports whether a call still waits. While it does, its thread's id is
// nobody else's.
func (l listener) valid(id uint64) bool {
	for {
		_, e := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id))
		if e != unix.EINTR { // of a signal while it waits for the filter's lock
			return e == 0
		}
	}
}

// anyNumber has the kernel choose the lowest free descriptor.
const anyNumber = -1

// add gives the thread that waits in a call a descriptor, with a number, and
// returns that.
//
// The call is answered afterwards, with that number. SECCOMP_ADDFD_FLAG_SEND
// would do both at once, but it marks the call as answered before the thread has
// taken the descriptor: a signal here in between withdraws the descriptor, not
// the answer, and the program's call returns 0.
func (l listener) add(id uint64, fd, number int, cloexec bool) (int, error) {
	a := addFD{id: id, src: uint32(fd)}
	if number != anyNumber {
		a.flags, a.dst = unix.SECCOMP_ADDFD_FLAG_SETFD, uint32(number)
	}
	if cloexec {
		a.cloex = unix.O_CLOEXEC
	}
	for {
		n, e := l.ioctl(unix.SECCOMP_IOCTL_NOTIF_ADDFD, unsafe.Pointer(&a))
		switch e {
		case 0:
			return n, nil
		case unix.EINTR:
		case unix.EBADF: // the program may have no such number any more
			return -1, unix.EMFILE
		default:
			return -1, e
		}
	}
}
