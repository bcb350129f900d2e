package wrap

import "golang.org/x/sys/unix"

// auditArch is how seccomp names system calls of this machine. Calls of another
// architecture (32-bit ARM) have other numbers and are not watched.
const auditArch = unix.AUDIT_ARCH_AARCH64

// legacyPaths are path system calls without a directory descriptor. This machine
// has none.
var legacyPaths = map[uint32]pathCall{}

// sysFstatat fills in a struct stat.
const sysFstatat = unix.SYS_FSTATAT
