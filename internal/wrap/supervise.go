package wrap

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// self is this program, also where its file was replaced since.
const self = "/proc/self/exe"

// supervisorFD is where the supervisor finds its end of the socket to who
// started it.
const supervisorFD = 3

// ready is what the supervisor says when it serves; anything else is an error.
const ready = "ready"

// The subcommand of goipvs that calls Detach and, with SupervisorFlag, Supervise.
const (
	SupervisorCommand = "supervise"
	SupervisorFlag    = "--serve"
)

// startSupervisor starts a supervisor and returns a socket to it.
//
// The program must not see a child that it didn't start, so the supervisor is a
// child's child, whom init inherits. It has a session of its own, out of reach of
// the terminal's signals, and nothing of the program open, whose reader would
// otherwise wait for its end.
func startSupervisor() (*os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "supervisor"), os.NewFile(uintptr(fds[1]), "wrap")
	defer theirs.Close()
	cmd := exec.Command(self)
	cmd.Args = []string{"goipvs", SupervisorCommand}
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	return ours, nil
}

// Detach starts the supervisor and leaves it alone.
func Detach() error {
	cmd := exec.Command(self)
	cmd.Args = []string{"goipvs", SupervisorCommand, SupervisorFlag}
	cmd.ExtraFiles = []*os.File{os.NewFile(supervisorFD, "wrap")}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

// Supervise is the supervisor: it takes a listener over and serves until the
// program and all that it started have ended.
func Supervise() error {
	// A service manager may end all processes of a service at once; the program
	// still wants its answers then.
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGPIPE)
	conn := os.NewFile(supervisorFD, "wrap")
	unix.CloseOnExec(supervisorFD)
	h, l, pid, err := takeOver(conn)
	if errors.Is(err, errNobody) { // the wrapper didn't get that far
		return nil
	}
	if err != nil {
		return answer(conn, err)
	}
	s, err := newSupervisor(h, l, pid)
	if err != nil {
		return answer(conn, err)
	}
	defer s.close()
	if err := answer(conn, nil); err != nil {
		return err
	}
	return s.serve()
}

var errNobody = errors.New("nobody is there to be supervised")

// answer tells the wrapper how it is, and nothing more.
func answer(conn *os.File, err error) error {
	text := ready
	if err != nil {
		text = err.Error()
	}
	_, werr := conn.WriteString(text)
	return errors.Join(err, werr, conn.Close())
}

// takeOver receives a listener and what goes with it.
func takeOver(conn *os.File) (h hello, l listener, pid int, err error) {
	b, oob := make([]byte, 1<<16), make([]byte, unix.CmsgSpace(4))
	n, noob, _, _, err := unix.Recvmsg(int(conn.Fd()), b, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return h, -1, 0, err
	}
	if n == 0 {
		return h, -1, 0, errNobody
	}
	m, err := unix.ParseSocketControlMessage(oob[:noob])
	if err != nil || len(m) != 1 {
		return h, -1, 0, errors.Join(errors.New("no listener came"), err)
	}
	fds, err := unix.ParseUnixRights(&m[0])
	if err != nil || len(fds) != 1 {
		return h, -1, 0, errors.Join(errors.New("no listener came"), err)
	}
	cred, err := unix.GetsockoptUcred(int(conn.Fd()), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return h, -1, 0, err
	}
	return h, listener(fds[0]), int(cred.Pid), json.Unmarshal(b[:n], &h)
}

// newSupervisor returns the supervisor of a process that is not the program yet.
func newSupervisor(h hello, l listener, pid int) (*Supervisor, error) {
	if err := mayRead(pid, h.Probe); err != nil {
		return nil, err
	}
	home, err := openHome()
	if err != nil {
		return nil, err
	}
	s := &Supervisor{
		listener: l, window: h.Window, home: home,
		log:    func(string, ...any) {},
		spaces: map[uint64]*space{}, ports: map[uint32]bool{},
		// Far from process ids, which are the ports of other sockets.
		port: 1<<31 | rand.Uint32(),
		pool: &daemonPool{socket: h.Socket, patience: patience, by: map[uint64]*daemon{}},
	}
	if h.Log != "" {
		if err := s.logTo(h.Log, pid); err != nil {
			return nil, err
		}
	}
	if h.Daemon {
		s.started = &startedDaemons{socket: h.Socket, home: home}
		s.pool.start = s.started.start
	}
	if h.Files {
		if s.files, err = mountFiles(); err != nil {
			return nil, fmt.Errorf("files of /proc: %w", err)
		}
	}
	return s, nil
}

// close lets go of everything. No call is under way any more.
func (s *Supervisor) close() {
	s.pool.close()
	if s.files != nil {
		s.files.close()
	}
	if s.started != nil {
		s.started.stop()
	}
}

// mayRead makes sure that the supervisor can read the program's memory.
func mayRead(pid int, at uintptr) error {
	var got [len(probe)]byte
	n, err := unix.ProcessVMReadv(pid,
		[]unix.Iovec{{Base: &got[0], Len: uint64(len(got))}},
		[]unix.RemoteIovec{{Base: at, Len: int(unsafe.Sizeof(probe))}}, 0)
	if err != nil {
		return fmt.Errorf("reading the program's memory: %w (CAP_SYS_PTRACE is needed)", err)
	}
	if n != len(got) || got != probe {
		return errors.New("the program's memory is not what it should be")
	}
	return nil
}

// logTo appends what goes wrong to a file.
func (s *Supervisor) logTo(name string, pid int) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	s.log = func(format string, args ...any) {
		_, _ = fmt.Fprintf(f, "wrap %d: %s\n", pid, fmt.Sprintf(format, args...)) // nowhere to tell
	}
	return nil
}
