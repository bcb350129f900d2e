package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is a process on one of the hosts.
type Process struct {
	Name string
	cmd  *exec.Cmd
	log  string // file of its standard error
	done chan struct{}
}

// stopTime is how long a process may take to end when asked to; then it is
// killed.
const stopTime = 10 * time.Second

// start starts goipvs with arguments on a host. Unless keep is set it dies with
// this process, however that ends.
func (l *Lab) start(on *Node, name string, stdout *os.File, args ...string) (*Process, error) {
	p := &Process{Name: name, log: filepath.Join(l.Dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(l.o.Self)
	p.cmd.Args = append([]string{"goipvs"}, args...)
	p.cmd.Stderr = log
	if stdout != nil { // a nil *os.File in an interface is not nil
		p.cmd.Stdout = stdout
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for us, who then end it in order
	if !l.o.Keep {
		p.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if err := on.Start(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in its ProcessState
		close(p.done)
	}()
	return p, nil
}

// PID returns the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Log returns what the process wrote to standard error so far.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(b))
}

// Stop asks the process to end, waits for it, and kills it where that takes too
// long, in a way that has it write to its log what it was doing.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTime):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-p.done:
		case <-time.After(stopTime):
			p.Kill()
		}
		return fmt.Errorf("%s did not end within %v of SIGTERM", p.Name, stopTime)
	}
}

// Kill ends the process at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// failed is the error of a process that should have been ready and is not.
func (p *Process) failed(why string) error {
	if log := p.Log(); log != "" {
		return fmt.Errorf("%s %s: %s", p.Name, why, log)
	}
	return fmt.Errorf("%s %s", p.Name, why)
}

// startHost starts what serves and unwraps on a host and waits until it does.
func (l *Lab) startHost(n *Node) (*Process, error) {
	args := []string{"lab", "host", n.Name}
	for _, a := range n.Serves {
		args = append(args, "--serve", a.String())
	}
	if n.Unwrap.IsValid() {
		args = append(args, "--unwrap", n.Unwrap.String())
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p, err := l.start(n, n.Name, w, args...)
	w.Close()
	if err != nil {
		return nil, err
	}
	if line, _ := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
		p.Kill()
		return nil, p.failed("did not start")
	}
	return p, nil
}

// StartDaemon starts goipvs run on the director and waits until its control
// socket answers. The rest of args goes to it.
func (l *Lab) StartDaemon(ctx context.Context, args ...string) error {
	args = append([]string{"--socket", l.Socket, "run", "--kernel", l.o.Kernel.String()}, args...)
	p, err := l.start(l.Director(), "daemon", nil, args...)
	if err != nil {
		return err
	}
	l.Daemon = p
	for {
		c, err := net.Dial("unixpacket", l.Socket)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return p.failed("did not start")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
