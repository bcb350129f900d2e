package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"goipvs/hooks"
)

// labDirPrefix begins the names of laboratories' directories.
const labDirPrefix = "goipvs-lab-"

// Options is what a Lab is started with.
type Options struct {
	Self string // the goipvs binary
	Keep bool   // hosts and processes stay when this process ends
	// Kernel is the version whose rules the director follows.
	Kernel hooks.Kernel
}

// Lab is a network whose hosts live: servers serve, and the director can run
// the daemon.
type Lab struct {
	*Network
	Dir    string // for the control socket, logs and setup files
	Socket string // the daemon's control socket
	Daemon *Process
	Hosts  []*Process

	o Options
}

// Start builds the plan's network and starts its servers. Stop ends it all;
// where Start fails it has cleaned up.
func Start(p Plan, o Options) (l *Lab, err error) {
	l = &Lab{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Stop())
			l = nil
		}
	}()
	if l.Dir, err = os.MkdirTemp("", labDirPrefix); err != nil {
		return l, err
	}
	l.Socket = filepath.Join(l.Dir, "goipvs.sock")
	if l.Network, err = Build(p); err != nil {
		return l, err
	}
	for _, n := range l.All() {
		if len(n.Serves) == 0 && !n.Unwrap.IsValid() && !o.Keep {
			continue
		}
		host, err := l.startHost(n)
		if err != nil {
			return l, err
		}
		l.Hosts = append(l.Hosts, host)
	}
	return l, nil
}

// Direct starts the daemon with the director's setup, and more flags of goipvs run.
func (l *Lab) Direct(ctx context.Context, flags ...string) error {
	file := filepath.Join(l.Dir, "director.setup")
	if err := os.WriteFile(file, []byte(l.Plan.Director().Setup), 0o644); err != nil {
		return err
	}
	return l.StartDaemon(ctx, append(flags, "--setup", file)...)
}

// Stop ends the processes and lets go of the hosts, which vanish.
func (l *Lab) Stop() error {
	var errs []error
	if l.Daemon != nil {
		errs = append(errs, l.Daemon.Stop())
	}
	for _, h := range l.Hosts {
		errs = append(errs, h.Stop())
	}
	if l.Network != nil {
		l.Network.Close()
	}
	return errors.Join(append(errs, os.RemoveAll(l.Dir))...)
}

// Admin runs goipvs ipvsadm against the daemon and returns what it printed.
func (l *Lab) Admin(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, l.o.Self)
	cmd.Args = append([]string{"goipvs", "--socket", l.Socket, "ipvsadm"}, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", errors.New("ipvsadm " + strings.Join(args, " ") + ": " + strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
