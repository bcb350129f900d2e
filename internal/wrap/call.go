package wrap

import (
	"errors"

	"golang.org/x/sys/unix"
)

// call is a system call that the supervisor is asked about.
type call struct {
	notification
	s *Supervisor
}

// outcome is what becomes of a call.
type outcome struct {
	value int64
	errno unix.Errno
	pass  bool           // the kernel shall do it, as if nobody had been asked
	later func() outcome // runs beside other calls, since it may have to wait; nil: this is all
}

// pass lets the kernel do the call.
var pass = outcome{pass: true}

func returns(n int) outcome { return outcome{value: int64(n)} }

// fails ends a call with the number in err, EIO where it has none.
func fails(err error) outcome {
	var e unix.Errno
	if !errors.As(err, &e) {
		e = unix.EIO
	}
	return outcome{errno: e}
}

func waits(f func() outcome) outcome { return outcome{later: f} }

// handlers by system call.
var handlers = allHandlers()

func allHandlers() map[uint32]func(*call) outcome {
	h := map[uint32]func(*call) outcome{
		unix.SYS_SOCKET:     (*call).socket,
		unix.SYS_CONNECT:    (*call).connect,
		unix.SYS_DUP:        (*call).dup,
		unix.SYS_FCNTL:      (*call).dup,
		unix.SYS_SENDTO:     (*call).send,
		unix.SYS_SENDMSG:    (*call).send,
		unix.SYS_SENDMMSG:   (*call).send,
		unix.SYS_WRITE:      (*call).send,
		unix.SYS_WRITEV:     (*call).send,
		unix.SYS_RECVFROM:   (*call).receive,
		unix.SYS_RECVMSG:    (*call).receive,
		unix.SYS_RECVMMSG:   (*call).receive,
		unix.SYS_READ:       (*call).receive,
		unix.SYS_READV:      (*call).receive,
		unix.SYS_GETSOCKOPT: (*call).getsockopt,
		unix.SYS_SETSOCKOPT: (*call).setsockopt,
	}
	for nr := range pathCalls {
		h[nr] = (*call).onPath
	}
	return h
}

// handle decides about a call.
func (c *call) handle() outcome {
	h := handlers[c.nr]
	if h == nil || c.arch != auditArch {
		return pass
	}
	return h(c)
}

// fd returns the descriptor that the call names first.
func (c *call) fd() int { return int(int32(c.args[0])) }

// flag returns an argument of flags.
func (c *call) flag(arg int) int { return int(int32(c.args[arg])) }

// valid reports whether the thread still waits in this very call; only then what
// was found under its id is its own.
func (c *call) valid() bool { return c.s.listener.valid(c.id) }
