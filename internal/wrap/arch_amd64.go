package wrap

import "golang.org/x/sys/unix"

// auditArch is how seccomp names system calls of this machine. Calls of another
// architecture (i386, x32) have other numbers and are not watched.
const auditArch = unix.AUDIT_ARCH_X86_64

// legacyPaths are path system calls without a directory descriptor, which newer
// machines don't have.
var legacyPaths = map[uint32]pathCall{
	unix.SYS_OPEN:     {path: 0, do: (*call).open, flags: 1},
	unix.SYS_CREAT:    {path: 0, do: (*call).creat},
	unix.SYS_ACCESS:   {path: 0, do: (*call).access, flags: 1},
	unix.SYS_STAT:     {path: 0, do: (*call).stat, out: 1},
	unix.SYS_LSTAT:    {path: 0, do: (*call).stat, out: 1},
	unix.SYS_READLINK: {path: 0, do: (*call).readlink},
}

// sysFstatat fills in a struct stat.
const sysFstatat = unix.SYS_NEWFSTATAT
