package wrap

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"goipvs/internal/control"
)

// Options are how a program is wrapped.
type Options struct {
	Socket string // the daemon's control socket; those of other network namespaces lie beside it
	Files  bool   // the files of IPVS under /proc are there, too
	Daemon bool   // where a network namespace has no daemon, one is started, until the program ends
	AllFDs bool   // netlink sockets are watched at any number, which costs each read and write of the program
	Log    string // a file for what goes wrong; "": nowhere
}

// Errors of Exec.
var (
	// ErrOtherListener is returned where the process has a seccomp filter with
	// a listener that is not ours, such as a container runtime's. There can't be
	// two.
	ErrOtherListener = errors.New("something else supervises this process's system calls by seccomp")
	// ErrNoFiles is returned where the process is wrapped already, but without
	// Files.
	ErrNoFiles = errors.New("this process is wrapped already, without the files of /proc")
)

// hello is what the supervisor is told, along with the listener.
type hello struct {
	Options
	Window Window
	Probe  uintptr // where the program's memory holds probe
}

// probe is read by the supervisor, to see that it may.
var probe = [8]byte{'g', 'o', 'i', 'p', 'v', 's', '\n', 0}

// Exec makes this process the program at path, with argv as its arguments
// (argv[0] is its name), wrapped. It returns only where that fails. A process
// that is wrapped already stays so, by the supervisor that it has.
func Exec(path string, argv []string, o Options) error {
	if wrapped, files := already(); wrapped {
		if o.Files && !files {
			return ErrNoFiles
		}
		return syscall.Exec(path, argv, os.Environ())
	}
	if !o.Daemon {
		c, err := control.Dial(o.Socket)
		if err != nil {
			return fmt.Errorf("no daemon at %s: %w", o.Socket, err)
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	h := hello{Options: o, Window: allDescriptors, Probe: uintptr(unsafe.Pointer(&probe))}
	if !o.AllFDs {
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return fmt.Errorf("limit of descriptors: %w", err)
		}
		h.Window = windowBelow(limit.Cur)
	}
	supervisor, err := startSupervisor()
	if err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	// execve leaves this thread, with its filter, and ends all others.
	runtime.LockOSThread()
	listener, err := install(program(rules(h.Window, o.Files)))
	if errors.Is(err, unix.EBUSY) {
		return ErrOtherListener
	} else if err != nil {
		return err
	}
	// A thread without the filter hands the listener over: this one might be
	// asked about, and then wait for a supervisor that knows of nothing.
	done := make(chan error)
	go func() { done <- handOver(supervisor, h, listener) }()
	if err := <-done; err != nil {
		return fmt.Errorf("supervisor: %w", err)
	}
	return syscall.Exec(path, argv, os.Environ())
}

// already reports whether this process is wrapped, and if so with Files.
func already() (wrapped, files bool) {
	var b [4]byte
	n := uint32(len(b))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, ^uintptr(0), unix.SOL_IP, control.SockoptFirst,
		uintptr(unsafe.Pointer(&b)), uintptr(unsafe.Pointer(&n)), 0)
	return e == wrappedAlready || e == wrappedWithFiles, e == wrappedWithFiles
}

// handOver sends the supervisor what it needs and waits until it serves.
func handOver(supervisor *os.File, h hello, listener int) error {
	defer supervisor.Close()
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(int(supervisor.Fd()), b, unix.UnixRights(listener), nil, 0); err != nil {
		return err
	}
	// Ours alone would keep calls waiting for a supervisor that died.
	if err := unix.Close(listener); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, err := supervisor.Read(answer)
	if err != nil {
		return fmt.Errorf("it ended: %w", err)
	}
	if s := string(answer[:n]); s != ready {
		return errors.New(s)
	}
	return nil
}
