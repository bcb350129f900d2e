package wrap

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"goipvs/internal/control"
)

// startedDaemons are daemons that run because the program asked in a network
// namespace that had none.
type startedDaemons struct {
	socket string // beside which theirs lie
	home   *home

	mu  sync.Mutex
	all []*exec.Cmd
}

// startTime is how long a daemon may take until it serves.
const startTime = 20 * time.Second

// start starts a daemon in a network namespace and waits until it serves.
func (d *startedDaemons) start(ns int, netns uint64) error {
	base := filepath.Join(filepath.Dir(d.socket), fmt.Sprintf("goipvs.%d.%d", os.Getpid(), netns))
	log, err := os.CreateTemp("", "goipvs-run-")
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd := exec.Command(self)
	cmd.Args = []string{"goipvs", "--socket", base + ".sock", "run"}
	cmd.Stderr = log
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := d.home.within(ns, cmd.Start); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its ProcessState
		close(ended)
	}()
	for end := time.Now().Add(startTime); time.Now().Before(end); {
		if _, err := os.Readlink(control.SocketOf(d.socket, netns)); err == nil {
			d.mu.Lock()
			d.all = append(d.all, cmd)
			d.mu.Unlock()
			return nil
		}
		select {
		case <-ended:
			b, err := os.ReadFile(log.Name())
			return errors.Join(fmt.Errorf("goipvs run: %s", b), err)
		case <-time.After(retryEvery):
		}
	}
	return errors.Join(fmt.Errorf("goipvs run did not serve within %v", startTime), cmd.Process.Kill())
}

// stop ends the daemons.
func (d *startedDaemons) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.all {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended already
	}
}
