package wrap

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// home is the network namespace that the supervisor's threads are in.
type home struct {
	file *os.File
	id   uint64
}

func openHome() (*home, error) {
	f, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	id, err := inodeOf(int(f.Fd()))
	return &home{f, id}, err
}

// within runs f on a thread in a network namespace, which ns is a descriptor of.
// f must do its work itself, not by goroutines.
func (h *home) within(ns int, f func() error) error {
	if id, err := inodeOf(ns); err == nil && id == h.id {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		err := f()
		// A thread that can't go back ends here, with the goroutine.
		if unix.Setns(int(h.file.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// netnsOfSocket returns a descriptor of the network namespace that a socket
// belongs to.
func netnsOfSocket(fd int) (int, error) {
	ns, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGSKNS, 0)
	if e != 0 {
		return -1, fmt.Errorf("network namespace of a socket: %w", e)
	}
	return int(ns), nil
}

// netns returns a descriptor of the calling thread's network namespace.
func (c *call) netns() (int, error) {
	return unix.Open(fmt.Sprintf("/proc/%d/ns/net", c.tid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
}
