package wrap

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pathCall is a system call with a path: which argument that is, and others. In
// front of a path that isn't the first argument is the descriptor of the folder
// that it starts from, which doesn't matter: only absolute paths are looked at.
type pathCall struct {
	path  int
	do    func(*call, pathCall, *file) outcome
	flags int // or the mode that is asked for
	out   int // what is filled in
}

// pathCalls are those that are watched with Options.Files. Filters can't look at
// strings, so the supervisor is asked about each.
var pathCalls = withLegacy(map[uint32]pathCall{
	unix.SYS_OPENAT:     {path: 1, do: (*call).open, flags: 2},
	unix.SYS_OPENAT2:    {path: 1, do: (*call).open2},
	unix.SYS_FACCESSAT:  {path: 1, do: (*call).access, flags: 2},
	unix.SYS_FACCESSAT2: {path: 1, do: (*call).access, flags: 2},
	sysFstatat:          {path: 1, do: (*call).stat, out: 2},
	unix.SYS_STATX:      {path: 1, do: (*call).statx, flags: 3, out: 4},
	unix.SYS_READLINKAT: {path: 1, do: (*call).readlink},
	unix.SYS_GETXATTR:   {path: 0, do: (*call).xattr},
	unix.SYS_LGETXATTR:  {path: 0, do: (*call).xattr},
	unix.SYS_LISTXATTR:  {path: 0, do: (*call).xattr},
	unix.SYS_LLISTXATTR: {path: 0, do: (*call).xattr},
})

func withLegacy(calls map[uint32]pathCall) map[uint32]pathCall {
	maps.Copy(calls, legacyPaths)
	return calls
}

// file is a file, or folder, that the kernel's IPVS would have under /proc.
type file struct {
	name  string // in the tree of files
	whose string // what under /proc says in which network namespace
	ns    int    // that
}

// maxPath is PATH_MAX.
const maxPath = 4096

// onPath answers for IPVS's files, and passes all others.
func (c *call) onPath() outcome {
	p := pathCalls[c.nr]
	const proc = "/proc/"
	if b, err := c.read(c.args[p.path], len(proc)); err != nil || string(b) != proc {
		return pass
	}
	name, err := c.readString(c.args[p.path], maxPath)
	if err != nil {
		return pass
	}
	f := c.resolve(name)
	if f == nil {
		return pass
	}
	return waits(func() outcome {
		var err error
		if f.ns, err = unix.Open(f.whose, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil || !c.valid() {
			return pass
		}
		defer unix.Close(f.ns)
		id, err := inodeOf(f.ns)
		if err != nil {
			return fails(err)
		}
		d, err := c.s.pool.find(f.ns, id)
		if d == nil || err != nil {
			return pass
		}
		if err := c.s.files.have(id, d); err != nil {
			return fails(err)
		}
		f.name = fmt.Sprintf("%d/%s", id, f.name)
		return p.do(c, p, f)
	})
}

var netFile = regexp.MustCompile(`^(?:(self|thread-self|[0-9]+(?:/task/[0-9]+)?)/)?net/(ip_vs|ip_vs_app|ip_vs_conn|ip_vs_conn_sync|ip_vs_stats|ip_vs_stats_percpu)$`)

// resolve returns the file that a path leads to, nil where that is none of
// IPVS's.
func (c *call) resolve(name string) *file {
	rest := strings.TrimPrefix(path.Clean(name), "/proc/")
	own := fmt.Sprintf("/proc/%d/ns/net", c.tid)
	if r, ok := strings.CutPrefix(rest, "sys/net/ipv4/vs"); ok && (r == "" || r[0] == '/') {
		return &file{name: "vs" + r, whose: own}
	}
	m := netFile.FindStringSubmatch(rest)
	if m == nil {
		return nil
	}
	f := &file{name: "net/" + m[2], whose: own}
	switch m[1] {
	case "thread-self":
	case "", "self": // the process's, whatever its threads are in
		pid, err := c.pid()
		if err != nil {
			return nil
		}
		f.whose = fmt.Sprintf("/proc/%d/ns/net", pid)
	default: // a number in the program's own /proc
		f.whose = fmt.Sprintf("/proc/%d/root/proc/%s/ns/net", c.tid, m[1])
	}
	return f
}

func (c *call) open(p pathCall, f *file) outcome { return c.openAs(f, c.flag(p.flags)) }

func (c *call) creat(_ pathCall, f *file) outcome {
	return c.openAs(f, unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC)
}

// open2 is openat2, whose flags are the first member of what it points to.
func (c *call) open2(_ pathCall, f *file) outcome {
	b, err := c.read(c.args[2], 8)
	if err != nil {
		return fails(err)
	}
	return c.openAs(f, int(ne.Uint64(b)))
}

// openAs opens a file for the program.
//
// Kernel: fs/proc/proc_net.c, seq_open_net (6.1).
func (c *call) openAs(f *file, flags int) outcome {
	mode, err := c.s.files.mode(f)
	switch {
	case err != nil:
		return fails(err)
	case flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL:
		return fails(unix.EEXIST)
	case flags&(unix.O_ACCMODE|unix.O_TRUNC) != unix.O_RDONLY && (mode&0o222 == 0 || !c.granted(f, mode, 2)):
		return fails(unix.EACCES) // what nobody writes root can't open for that either
	}
	fd, err := unix.Openat(c.s.files.root, f.name, flags&^unix.O_CREAT|unix.O_CLOEXEC, 0)
	if err != nil {
		return fails(err)
	}
	defer unix.Close(fd)
	return c.give(fd, anyNumber, flags&unix.O_CLOEXEC != 0)
}

// granted reports whether the program may do to a file what the bits say, as of
// a mode's last digit.
//
// Kernel: proc_net.c; sysctl_net.c, net_ctl_permissions (6.1).
func (c *call) granted(f *file, mode uint32, bits uint32) bool {
	if mode&bits == bits {
		return true
	}
	exec := mode&unix.S_IFMT == unix.S_IFDIR
	return (bits&1 == 0 || exec) && (bits&2 == 0 || !exec) && c.administers(f.ns)
}

func (c *call) access(p pathCall, f *file) outcome {
	mode, err := c.s.files.mode(f)
	if err != nil {
		return fails(err)
	}
	if !c.granted(f, mode, uint32(c.args[p.flags])&7) {
		return fails(unix.EACCES)
	}
	return returns(0)
}

func (c *call) stat(p pathCall, f *file) outcome {
	var st unix.Stat_t
	if err := unix.Fstatat(c.s.files.root, f.name, &st, 0); err != nil {
		return fails(err)
	}
	return c.fill(p, unsafe.Slice((*byte)(unsafe.Pointer(&st)), unsafe.Sizeof(st)))
}

func (c *call) statx(p pathCall, f *file) outcome {
	var st unix.Statx_t
	if err := unix.Statx(c.s.files.root, f.name, 0, c.flag(p.flags), &st); err != nil {
		return fails(err)
	}
	return c.fill(p, unsafe.Slice((*byte)(unsafe.Pointer(&st)), unsafe.Sizeof(st)))
}

func (c *call) fill(p pathCall, b []byte) outcome {
	if err := c.write(c.args[p.out], b); err != nil {
		return fails(err)
	}
	return returns(0)
}

// readlink says that it is no link.
func (c *call) readlink(_ pathCall, f *file) outcome {
	if _, err := c.s.files.mode(f); err != nil {
		return fails(err)
	}
	return fails(unix.EINVAL)
}

// xattr says that there are no extended attributes.
func (c *call) xattr(_ pathCall, f *file) outcome {
	if _, err := c.s.files.mode(f); err != nil {
		return fails(err)
	}
	return fails(unix.EOPNOTSUPP)
}
