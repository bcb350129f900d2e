package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"goipvs/internal/bench/load"
	"goipvs/internal/lab"
)

// site is a set of hosts with servers that serve, for one balancer's turn.
type site struct {
	*lab.Lab
	o      *Options
	target string      // what the client asks: the virtual address, or a server's own
	procs  []*exec.Cmd // servers and balancers, for close
	pids   []int       // of the balancer; none where it is the kernel
}

// build makes the hosts and starts the servers.
func build(p lab.Plan, frames Frames, o *Options) (s *site, err error) {
	l, err := lab.Start(p, lab.Options{Self: o.GoIPVS})
	if err != nil {
		return nil, err
	}
	s = &site{Lab: l, o: o, target: vipAddr}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	if err := offload(l.Network, frames); err != nil {
		return s, err
	}
	if err := l.Client().Sysctl("net/ipv4/ip_local_port_range", "10000 65000"); err != nil {
		return s, err
	}
	for _, h := range p.Servers() {
		if err := s.serve(l.Nodes[h.Name]); err != nil {
			return s, err
		}
	}
	return s, nil
}

// serve starts a server and waits until it is ready.
func (s *site) serve(n *lab.Node) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = s.start(n, w, s.o.Self, "serve")
	w.Close()
	if err != nil {
		return err
	}
	if line, _ := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
		return fmt.Errorf("%s does not serve", n.Name)
	}
	return nil
}

// start starts a process on a host. It dies with this one, or with close.
func (s *site) start(n *lab.Node, stdout *os.File, program string, args ...string) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(s.Dir, fmt.Sprintf("%s-%d.log", n.Name, len(s.procs))))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = stdout, log
	if stdout == nil {
		cmd.Stdout = log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := n.Start(cmd); err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	s.procs = append(s.procs, cmd)
	return cmd, nil
}

// run runs a program on a host to its end.
func (s *site) run(ctx context.Context, n *lab.Node, program string, args ...string) ([]byte, error) {
	var out, complaint strings.Builder
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := n.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return []byte(out.String()), nil
}

// load has the client carry out a task. flags are further ones for the load.
func (s *site) load(ctx context.Context, kind load.Kind, conns int, d time.Duration, flags ...string) (r load.Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, d+30*time.Second)
	defer cancel()
	out, err := s.run(ctx, s.Client(), s.o.Self, append([]string{"load", string(kind), "--to", at(s.target).String(),
		"--conns", strconv.Itoa(conns), "--for", d.String()}, flags...)...)
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	return r, err
}

// answers waits until the target takes connections.
func (s *site) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		var c net.Conn
		c, err := s.Client().Dial(ctx, "tcp", at(s.target).String())
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", s.target, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// close ends the processes and takes the hosts away.
func (s *site) close() error {
	for _, c := range s.procs {
		_ = unix.Kill(-c.Process.Pid, unix.SIGTERM) // it may have ended
	}
	for _, c := range s.procs {
		t := time.AfterFunc(3*time.Second, func() { _ = unix.Kill(-c.Process.Pid, unix.SIGKILL) })
		_ = c.Wait() // ended by a signal, as it should
		t.Stop()
	}
	return s.Stop()
}
