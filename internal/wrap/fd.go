package wrap

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// borrow takes a copy of one of the program's descriptors, for this call alone:
// a copy kept longer would keep a socket open that the program closes.
func (c *call) borrow(fd int) (int, error) {
	p, err := unix.PidfdOpen(int(c.tid), unix.PIDFD_THREAD)
	if err == unix.EINVAL { // before 6.9: of whole processes only
		var pid int
		if pid, err = c.pid(); err != nil {
			return -1, err
		}
		p, err = unix.PidfdOpen(pid, 0)
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(p)
	n, err := unix.PidfdGetfd(p, fd, 0)
	if err != nil {
		return -1, err
	}
	if !c.valid() {
		unix.Close(n)
		return -1, unix.ESRCH
	}
	return n, nil
}

// status returns lines of /proc/TID/status by their names.
func (c *call) status(names ...string) (map[string]string, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", c.tid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan() && len(found) < len(names); {
		name, value, _ := strings.Cut(s.Text(), ":")
		for _, n := range names {
			if n == name {
				found[n] = strings.TrimSpace(value)
			}
		}
	}
	return found, nil
}

// pid returns the process that the calling thread is of, as the supervisor sees
// it.
func (c *call) pid() (int, error) {
	s, err := c.status("Tgid")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(s["Tgid"])
}

// freeNumber returns a number of the window that the program has no descriptor
// at, not below least. Nobody else hands these numbers out, so it stays free.
func (c *call) freeNumber(least int) (int, error) {
	for n := c.s.window.End - 1; n >= max(c.s.window.First, least); n-- {
		if _, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", c.tid, n)); os.IsNotExist(err) {
			return n, nil
		}
	}
	return -1, unix.EMFILE
}

// inodeOf returns the inode of a descriptor.
func inodeOf(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}
