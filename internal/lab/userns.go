package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// userNamespaceEnv tells a process that it is in a user namespace made for it.
const userNamespaceEnv = "GOIPVS_LAB_USERNS"

// Privileged reports whether this process may make network namespaces.
func Privileged() bool {
	err := onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) })
	return !errors.Is(err, unix.EPERM)
}

// InUserNamespace runs this program again with the same arguments as root of a
// user namespace of its own, where anybody may make network namespaces. It
// returns the exit code. The error is a *MissingError where this machine
// doesn't let it.
func InUserNamespace(self string, args []string) (int, error) {
	if os.Getenv(userNamespaceEnv) != "" {
		return 0, &MissingError{"this user may not make network namespaces, not even in a user namespace"}
	}
	cmd := exec.Command(self)
	cmd.Args = args
	cmd.Env = append(os.Environ(), userNamespaceEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, &MissingError{fmt.Sprintf("this user may not make user namespaces (%v)", err)}
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its ProcessState
		close(ended)
	}()
	for {
		select {
		case sig := <-signals:
			_ = cmd.Process.Signal(sig) // Ctrl-C reaches it anyway; a second one does no harm
		case <-ended:
			return cmd.ProcessState.ExitCode(), nil
		}
	}
}
