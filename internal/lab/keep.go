package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// namePrefix begins the names of namespaces that are kept.
const namePrefix = "goipvs-"

// keep leaves the hosts standing and says how to enter and how to remove them:
// by name where this process may mount, else by their processes.
func (d *demo) keep() error {
	l := d.lab
	var published []string
	for _, n := range l.All() {
		name := namePrefix + n.name
		err := n.Publish(name)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || os.Getenv(userNamespaceEnv) != "" {
			return d.keepByProcess()
		}
		if err != nil {
			for _, p := range published {
				err = errors.Join(err, Unpublish(p))
			}
			return fmt.Errorf("%w (goipvs lab --remove takes an old laboratory away)", err)
		}
		published = append(published, name)
	}
	d.printf("All this stays. To enter a host, and to talk to its daemon:\n")
	for _, name := range published {
		d.printf("  ip netns exec %s bash\n", name)
	}
	d.printf("  export GOIPVS_SOCKET=%s; goipvs ipvsadm -Ln\n", l.Socket)
	d.printf("Logs are in %s. To remove it all:\n  goipvs lab --remove\n", l.Dir)
	return nil
}

// keepByProcess says how to enter hosts that have no names.
func (d *demo) keepByProcess() error {
	l := d.lab
	d.printf("All this stays. To enter a host, and to talk to its daemon:\n")
	pids := []string{strconv.Itoa(l.Daemon.PID())}
	for _, p := range l.Hosts {
		d.printf("  nsenter --preserve-credentials --user --net --target %d bash   # %s\n", p.PID(), p.Name)
		pids = append(pids, strconv.Itoa(p.PID()))
	}
	d.printf("  export GOIPVS_SOCKET=%s; goipvs ipvsadm -Ln\n", l.Socket)
	d.printf("To remove it all:\n  kill %s; rm -r %s\n", strings.Join(pids, " "), l.Dir)
	return nil
}

// Remove takes away what Keep left standing: it ends the processes in the named
// namespaces and the names. It returns how many namespaces there were.
func Remove() (int, error) {
	names, err := filepath.Glob(filepath.Join(netnsDir, namePrefix+"*"))
	if err != nil {
		return 0, err
	}
	var errs []error
	var pids []int
	dirs := map[string]bool{}
	for _, path := range names {
		in, err := processesIn(path)
		errs = append(errs, err)
		pids = append(pids, in...)
	}
	for _, pid := range pids {
		if dir := labDir(pid); dir != "" {
			dirs[dir] = true
		}
		errs = append(errs, end(pid))
	}
	for _, path := range names {
		errs = append(errs, Unpublish(filepath.Base(path)))
	}
	for dir := range dirs {
		errs = append(errs, os.RemoveAll(dir))
	}
	return len(names), errors.Join(errs...)
}

// processesIn returns the goipvs processes in the network namespace at path.
func processesIn(path string) (pids []int, err error) {
	var want unix.Stat_t
	if err := unix.Stat(path, &want); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		var got unix.Stat_t
		if unix.Stat(p+"/ns/net", &got) != nil || got.Ino != want.Ino || got.Dev != want.Dev {
			continue
		}
		cmdline, err := os.ReadFile(p + "/cmdline")
		pid, notPID := strconv.Atoi(filepath.Base(p))
		if err == nil && notPID == nil && strings.HasPrefix(string(cmdline), "goipvs\x00") {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// labDir returns the directory of the laboratory that a process belongs to:
// where its standard error goes.
func labDir(pid int) string {
	log, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/2", pid))
	if dir := filepath.Dir(log); err == nil && strings.HasPrefix(filepath.Base(dir), labDirPrefix) {
		return dir
	}
	return ""
}

// end asks a process that is no child of ours to end, and kills it where it
// doesn't in time.
func end(pid int) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(pid, sig) // it may have ended already
		for range stopTime / (10 * time.Millisecond) {
			if ended(pid) {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return fmt.Errorf("process %d does not end", pid)
}

// ended reports whether there is no such process, or only its remains.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, ok := strings.Cut(string(stat), ") ")
	return err != nil || ok && strings.HasPrefix(state, "Z")
}
