package wrap_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The program's exit status and the signals that end it are its own, and so is
// its environment.
func TestExit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for script, want := range map[string]int{"exit 7": 7, "kill -TERM $$": 128 + 15, "true": 0} {
		if got := s.wrapped("sh", "-c", script); got.Code != want || got.Out != "" {
			t.Errorf("%s: %+v, want %d", script, got, want)
		}
	}
	if r := s.wrapped(filepath.Join(s.dir, "nosuch")); r.Code != 2 || !strings.Contains(r.Out, "no such file") {
		t.Errorf("no such program: %+v", r)
	}
	cmd := s.command("--", "env")
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	if r := s.run(cmd); r.Out != "PATH=/usr/bin:/bin\n" {
		t.Errorf("environment %q", r.Out)
	}
}

// The program has the process id, the parent and the descriptors that it has
// without wrap, and no child.
func TestIdentity(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// Of builtins alone: what the shell starts is a child of it, and has its own process id.
	script := `echo $$ $PPID; for f in /proc/$$/fd/*; do echo fd ${f##*/}; done
		read -r children </proc/$$/task/$$/children; echo children: $children; while read -r l; do case $l in NoNewPrivs:*) echo "$l";; esac; done </proc/$$/status`
	outputs := map[string]string{}
	for name, cmd := range map[string]*exec.Cmd{"wrapped": s.command("--", "sh", "-c", script), "bare": exec.Command("sh", "-c", script)} {
		cmd.ExtraFiles = []*os.File{w}
		got := s.run(cmd)
		pid, rest, _ := strings.Cut(got.Out, " ")
		if pid != strconv.Itoa(cmd.Process.Pid) {
			t.Errorf("%s: process %s, want %d", name, pid, cmd.Process.Pid)
		}
		outputs[name] = rest
	}
	w.Close()
	if outputs["wrapped"] != outputs["bare"] {
		t.Errorf("wrapped\n%s\nbare\n%s", outputs["wrapped"], outputs["bare"])
	}
}

// As the first process of a container the program stays that, and inherits the
// supervisor.
func TestFirstProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const script = `mount -t proc proc /proc && exec "$@"`
	const program = `read -r children </proc/1/task/1/children; set -- $children; echo $$ has $#`
	args := append([]string{"-ec", script, "sh"}, s.command("--", "sh", "-c", program).Args...)
	cmd := exec.Command("sh", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
	if got := s.run(cmd); got.Code != 0 || got.Out != "1 has 1\n" {
		t.Errorf("%+v", got)
	}
}

// Who reads what the program writes sees its end, though the supervisor may
// live on with what it started.
func TestPipeEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := s.command("--", "sh", "-c", `sleep 60 >/dev/null 2>&1 <&- & echo $!`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.begin(cmd)
	var b bytes.Buffer
	if _, err := b.ReadFrom(out); err != nil { // to its end
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

// A program that becomes a daemon stays wrapped, and the supervisor with it.
func TestDaemonised(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm", "setsid")
	s := newSite(t)
	done := filepath.Join(s.dir, "done")
	s.sh(fmt.Sprintf(`setsid sh -c '(while ! ipvsadm -Sn | grep -q 10.0.0.1; do sleep 0.05; done; ipvsadm -A -t 10.0.0.2:80 -s rr; echo $? >%s) &' </dev/null >/dev/null 2>&1`, done))
	s.sh("ipvsadm -A -t 10.0.0.1:80 -s rr")
	wait(t, "the daemonised program", func() bool { b, err := os.ReadFile(done); return err == nil && string(b) == "0\n" })
	if got := s.sh("ipvsadm -Sn"); !strings.Contains(got, "10.0.0.2:80") {
		t.Error(got)
	}
}

// A wrapped program may itself be started by wrap.
func TestNested(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm")
	s := newSite(t)
	wrap := fmt.Sprintf("%s --socket %s wrap", self, s.socket)
	if got := s.sh(wrap + " -- ipvsadm -A -t 10.0.0.1:80 -s rr; env -i " + wrap + " -- /sbin/ipvsadm -Sn"); got != "-A -t 10.0.0.1:80 -s rr\n" {
		t.Error(got)
	}
	if r := s.wrapped("sh", "-c", wrap+" --files -- true"); r.Code != 1 || !strings.Contains(r.Out, "wrapped already") {
		t.Errorf("%+v", r)
	}
}

// Where something else has a listener, there can be no second one.
func TestOtherListener(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(me)
	cmd.Env = append(os.Environ(), envExec+"="+s.socket, envSelf+"="+self)
	if r := s.run(cmd); r.Code != 1 || !strings.Contains(r.Out, "something else supervises") {
		t.Errorf("%+v", r)
	}
}

// underListener makes this process goipvs wrap, under a filter that asks about
// nothing but has a listener that stays open.
func underListener(socket string) error {
	runtime.LockOSThread()
	f := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	fd, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER,
		uintptr(unsafe.Pointer(&unix.SockFprog{Len: 1, Filter: &f})))
	if e != 0 {
		return e
	}
	if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
		return err
	}
	goipvs := os.Getenv(envSelf)
	return syscall.Exec(goipvs, []string{"goipvs", "--socket", socket, "wrap", "--", "true"}, os.Environ())
}

// Privileges are looked at as the kernel does: by thread, and over the network
// namespace that the socket is in.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm", "setpriv", "unshare")
	s := newSite(t)
	if r := s.wrapped("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "ipvsadm", "-Ln"); !strings.Contains(r.Out, "Permission denied (you must be root)") {
		t.Errorf("without CAP_NET_ADMIN: %+v", r)
	}
	// With all capabilities, but of another user namespace.
	if r := s.wrapped("unshare", "-Ur", "ipvsadm", "-Ln"); !strings.Contains(r.Out, "Permission denied (you must be root)") {
		t.Errorf("in a user namespace: %+v", r)
	}
	if r := s.wrapped("ipvsadm", "-Ln"); r.Code != 0 {
		t.Errorf("%+v", r)
	}
}

// Without CAP_SYS_ADMIN the kernel wants no_new_privs.
func TestNoNewPrivileges(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm", "setpriv")
	s := newSite(t)
	cmd := s.command("--", "sh", "-c", "grep NoNewPrivs /proc/self/status; ipvsadm -Sn")
	cmd.Args = append([]string{"setpriv", "--bounding-set=-sys_admin"}, cmd.Args...)
	cmd.Path = "/usr/bin/setpriv"
	if r := s.run(cmd); r != (result{"NoNewPrivs:\t1\n", 0}) {
		t.Errorf("%+v", r)
	}
}

// Descriptors' numbers are limited, before and after wrap.
func TestDescriptorLimits(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm")
	s := newSite(t)
	s.sh("ipvsadm -A -t 10.0.0.1:80 -s rr")
	const want = "-A -t 10.0.0.1:80 -s rr\n"
	cmd := s.command("--", "ipvsadm", "-Sn")
	cmd.Args = append([]string{"sh", "-c", `ulimit -n 256; exec "$@"`, "sh"}, cmd.Args...)
	cmd.Path = "/bin/sh"
	if r := s.run(cmd); r != (result{want, 0}) {
		t.Errorf("limited before: %+v", r)
	}
	// ipvsadm goes over to the old interface then.
	if got := s.sh("ulimit -n 256; ipvsadm -Sn"); got != want {
		t.Errorf("limited afterwards: %s", got)
	}
}

// The old interface serves where there is no other.
func TestOldInterface(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm")
	s := newSite(t)
	got := s.sh(`ulimit -n 256
		ipvsadm -A -t 10.0.0.1:80 -s wrr -p 60
		ipvsadm -a -t 10.0.0.1:80 -r 10.1.0.1:8080 -m -w 3 -x 9 -y 5
		ipvsadm -A -f 7 -s sh
		ipvsadm --set 100 20 30
		ipvsadm -Ln; ipvsadm -L --timeout; ipvsadm -L --daemon
		ipvsadm -d -t 10.0.0.1:80 -r 10.1.0.1:8080; ipvsadm -D -f 7; ipvsadm -Sn
		ipvsadm -a -t 10.0.0.9:80 -r 10.1.0.1:80 -m 2>&1 || echo = $?`)
	const want = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.0.0.1:80 wrr persistent 60
  -> 10.1.0.1:8080                Masq    3      0          0         
FWM  7 sh
Timeout (tcp tcpfin udp): 100 20 30
-A -t 10.0.0.1:80 -s wrr -p 60
Service not defined
= 255
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Other namespaces of the program are no obstacle.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm", "unshare")
	s := newSite(t)
	s.sh("ipvsadm -A -t 10.0.0.1:80 -s rr")
	for _, how := range []string{"-m", "-pf", "-pf --mount-proc", "-i", "-u"} {
		if got := s.sh("unshare " + how + " ipvsadm -Sn"); got != "-A -t 10.0.0.1:80 -s rr\n" {
			t.Errorf("unshare %s: %s", how, got)
		}
	}
}

// Each network namespace has the director that runs in it, also for a program
// from elsewhere; where none runs, there is no IPVS.
func TestNetworkNamespaces(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm", "unshare", "nsenter")
	a, b := newSite(t), newSite(t)
	// Their sockets lie in one folder.
	b.stop(syscall.SIGTERM)
	b.socket = filepath.Join(a.dir, "other.sock")
	b.daemon = exec.Command(self, "--socket", b.socket, "run")
	b.begin(b.daemon)
	wait(t, "the other daemon", func() bool {
		links, err := os.ReadDir(filepath.Join(a.dir, "goipvs.netns"))
		return err == nil && len(links) == 2
	})
	a.sh("ipvsadm -A -t 10.0.0.1:80 -s rr")
	holder := exec.Command("sleep", "60")
	b.begin(holder)
	defer func() { _ = holder.Process.Kill(); _ = holder.Wait() }()
	in := fmt.Sprintf("nsenter -t %d -n ", holder.Process.Pid)
	a.sh(in + "ipvsadm -A -t 10.0.0.2:80 -s rr")
	if got := a.sh("ipvsadm -Sn; " + in + "ipvsadm -Sn"); got != "-A -t 10.0.0.1:80 -s rr\n-A -t 10.0.0.2:80 -s rr\n" {
		t.Error(got)
	}
	if r := a.wrapped("unshare", "-n", "ipvsadm", "-Ln"); !strings.Contains(r.Out, "Can't initialize ipvs: Protocol not available") {
		t.Errorf("without a daemon: %+v", r)
	}
}

// Nothing is wrapped where nobody would answer.
func TestNoDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.stop(syscall.SIGTERM)
	if r := s.wrapped("true"); r.Code != 1 || !strings.HasPrefix(r.Out, "goipvs: no daemon at "+s.socket) {
		t.Errorf("%+v", r)
	}
	s.start()
}

// A request that finds the daemon gone, by its end or killed, waits for the
// next one.
func TestDaemonRestarts(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			s := newSite(t)
			in, err := os.Create(filepath.Join(s.dir, "go"))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			cmd := s.command("--", "sh", "-c", fmt.Sprintf(
				`ipvsadm -Sn; echo here >%[1]s.1; while [ ! -s %[1]s ]; do sleep 0.01; done; ipvsadm -A -t 10.0.0.9:80 -s rr; ipvsadm -Sn`, in.Name()))
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			s.begin(cmd)
			wait(t, "the program", func() bool { _, err := os.Stat(in.Name() + ".1"); return err == nil })
			s.stop(sig)
			if _, err := in.WriteString("go"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // for a request to be made meanwhile; none made yet is no failure
			s.start()
			if r := ended(t, cmd, &out); r != (result{"-A -t 10.0.0.9:80 -s rr\n", 0}) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// supervisor returns the process that supervises a program: the one that has a
// seccomp listener, and the program's log.
func (s *site) supervisor() int {
	s.t.Helper()
	pid := 0
	wait(s.t, "the supervisor", func() bool {
		logs, err := filepath.Glob("/proc/[0-9]*/fd/*")
		if err != nil {
			s.t.Fatal(err)
		}
		for _, f := range logs {
			if to, err := os.Readlink(f); err == nil && to == s.log() {
				pid, _ = strconv.Atoi(strings.Split(f, "/")[2])
				return true
			}
		}
		return false
	})
	return pid
}

// When somebody kills the supervisor, the program's other calls go on, and those
// that were watched fail.
func TestSupervisorKilled(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm")
	s := newSite(t)
	fifo := filepath.Join(s.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.command("--", "sh", "-c", "read line <"+fifo+"; ipvsadm -Ln; echo $?; cat /dev/null && echo goes on")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	s.begin(cmd)
	pid := s.supervisor()
	// It is out of reach of what ends a service.
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGKILL} {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
	}
	wait(t, "its end", func() bool { return syscall.Kill(pid, 0) != nil })
	if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	r := ended(t, cmd, &out)
	if !strings.Contains(r.Out, "Can't initialize ipvs: Function not implemented") || !strings.HasSuffix(r.Out, "2\ngoes on\n") {
		t.Errorf("%+v", r)
	}
}

// The supervisor keeps nothing of short-lived programs: no descriptor, thread
// or namespace.
func TestSupervisorKeepsNothing(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm", "unshare")
	s := newSite(t)
	fifo := filepath.Join(s.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.command("--", "sh", "-c", `
		many() { i=0; while [ $i -lt $1 ]; do ipvsadm -Ln >/dev/null; unshare -n ipvsadm -Ln >/dev/null 2>&1; i=$((i+1)); done; }
		many 20; echo; read line <`+fifo+`; many 150; echo; read line <`+fifo)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.begin(cmd)
	count := func() (fds, threads int) {
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		pid := s.supervisor()
		for _, c := range []struct {
			dir string
			n   *int
		}{{"fd", &fds}, {"task", &threads}} {
			names, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, c.dir))
			if err != nil {
				t.Fatal(err)
			}
			*c.n = len(names)
		}
		if err := os.WriteFile(fifo, []byte("\n"), 0); err != nil {
			t.Fatal(err)
		}
		return fds, threads
	}
	fds, threads := count()
	fds2, threads2 := count()
	if fds2 > fds || threads2 > threads+8 { // Go's runtime starts some more as it goes
		t.Errorf("descriptors %d, then %d; threads %d, then %d", fds, fds2, threads, threads2)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// Signals that rain on the supervisor change nothing: no descriptor gets lost,
// no call is answered wrongly.
func TestSupervisorUnderSignals(t *testing.T) {
	t.Parallel()
	need(t, "ipvsadm")
	s := newSite(t)
	var lines strings.Builder
	const n = 300
	for i := range n {
		fmt.Fprintf(&lines, "-A -t 10.0.%d.%d:80 -s rr\n-a -t 10.0.%[1]d.%[2]d:80 -r 10.1.0.1:80 -m\n", i>>8, i&255)
	}
	cmd := s.command("--", "sh", "-c", "ipvsadm -R && ipvsadm -Sn | wc -l")
	cmd.Stdin = strings.NewReader(lines.String())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	s.begin(cmd)
	pid := s.supervisor()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for pause := 100 * time.Microsecond; ; {
			select {
			case <-stop:
				return
			case <-time.After(pause):
			}
			begin := time.Now()
			tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // gone: the end
			for _, k := range tasks {
				tid, _ := strconv.Atoi(k.Name())
				_ = unix.Tgkill(pid, tid, unix.SIGURG)
			}
			pause = max(pause, time.Since(begin)) // on a slow machine they would leave no time for more than them
		}
	}()
	r := ended(t, cmd, &out)
	close(stop)
	<-stopped
	if r != (result{fmt.Sprintln(2 * n), 0}) {
		t.Errorf("%+v", r)
	}
}
