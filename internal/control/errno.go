package control

import (
	"errors"
	"syscall"

	"goipvs/hooks"
	"goipvs/sched"
)

// errnos are the kernel's numbers for the engine's errors.
var errnos = []struct {
	err   error
	errno syscall.Errno
}{
	{sched.ErrServiceExists, syscall.EEXIST},
	{sched.ErrDestExists, syscall.EEXIST},
	{sched.ErrNoService, syscall.ESRCH},
	{sched.ErrNoDest, syscall.ENOENT},
	{sched.ErrNoScheduler, syscall.ENOENT},
	{sched.ErrRange, syscall.ERANGE},
	{sched.ErrInvalid, syscall.EINVAL},
	{hooks.ErrNoSetting, syscall.ENOENT},
}

// errnoOf returns the number that stands for err; 0 for nil, EINVAL for what has
// none.
func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	for _, e := range errnos {
		if errors.Is(err, e.err) {
			return e.errno
		}
	}
	return syscall.EINVAL
}
