package wrap

import (
	"fmt"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// install puts the filter on the calling thread, for ever, and returns its
// listener, which closes on exec. Errors: unix.EBUSY where the thread has a
// filter with a listener already.
//
// no_new_privs is set only where the kernel insists for want of CAP_SYS_ADMIN,
// so that the program's set-user-ID helpers go on working.
func install(p []bpf.Instruction) (listener int, err error) {
	raw, err := bpf.Assemble(p)
	if err != nil {
		return -1, err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	prog := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	set := func() unix.Errno {
		var fd uintptr
		var e unix.Errno
		fd, _, e = unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(prog)))
		listener = int(fd)
		return e
	}
	e := set()
	if e == unix.EINVAL { // before 5.19
		flags &^= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
		e = set()
	}
	if e == unix.EACCES {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return -1, fmt.Errorf("no_new_privs: %w", err)
		}
		e = set()
	}
	if e != 0 {
		return -1, fmt.Errorf("seccomp: %w", e)
	}
	return listener, nil
}
