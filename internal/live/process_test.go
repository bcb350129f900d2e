package live_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"goipvs/internal/live"
	"goipvs/internal/live/nstest"
	"goipvs/internal/setup"
)

// With these in its environment the test program is a daemon.
const (
	envSocket = "GOIPVS_TEST_SOCKET"
	envSetup  = "GOIPVS_TEST_SETUP"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(envSocket) != "":
		os.Exit(daemonMain())
	case os.Getenv(envAdmin) != "":
		os.Exit(adminMain())
	case os.Getenv(envSpin) != "":
		os.Exit(spinMain())
	}
	goleak.VerifyTestMain(m)
}

// daemonMain is a daemon until SIGTERM. It prints a line when it is ready.
func daemonMain() int {
	lines, err := setup.Parse("setup", strings.NewReader(os.Getenv(envSetup)))
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = live.Run(ctx, live.Options{
			Setup: lines, Socket: os.Getenv(envSocket), Queues: 2,
			Log:   func(s string) { fmt.Fprintln(os.Stderr, s) },
			Ready: func() { fmt.Println("ready") },
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a daemon in a process of its own.
type process struct {
	cmd *exec.Cmd
	t   testing.TB
}

// start starts one on a host and waits until it is ready.
func start(t testing.TB, ns *nstest.NS, socket, text string) *process {
	t.Helper()
	p := &process{cmd: exec.Command("/proc/self/exe"), t: t}
	p.cmd.Env = append(os.Environ(), envSocket+"="+socket, envSetup+"="+text)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	ns.Do(t, func() { err = p.cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	if s, err := bufio.NewReader(out).ReadString('\n'); s != "ready\n" {
		t.Fatalf("daemon said %q, %v", s, err)
	}
	return p
}

// end sends a signal and waits for the end.
func (p *process) end(sig os.Signal) *os.ProcessState {
	_ = p.cmd.Process.Signal(sig) // it may have ended already
	_ = p.cmd.Wait()
	return p.cmd.ProcessState
}

// A daemon that is killed leaves silence, not the local stack's refusals, and
// the next one takes over.
func TestKilled(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	socket := filepath.Join(t.TempDir(), "sock")
	before := machineOf(t, n.director)
	p := start(t, n.director, socket, services("-m"))
	if got := ask(t, n.client, "tcp", hostPort(vip4, "80"), "0"); got != "s2 0" {
		t.Fatal(got)
	}
	for range 3 {
		p.end(syscall.SIGKILL)
		for _, vip := range []string{vip4, vip6} {
			if err, ok := errors.AsType[net.Error](refused(t, n.client, hostPort(vip, "80"))); !ok || !err.Timeout() {
				t.Errorf("%s without a daemon: %v", family(vip), err)
			}
		}
		// What is no service is the local stack's as ever.
		if err := refused(t, n.client, hostPort(vip4, "81")); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("another port: %v", err)
		}
		p = start(t, n.director, socket, services("-m"))
		for _, vip := range []string{vip4, vip6} {
			for _, network := range []string{"tcp", "udp"} {
				if got := ask(t, n.client, network, hostPort(vip, "80"), "1"); got != "s2 1" {
					t.Errorf("%s %s with the next daemon: %s", family(vip), network, got)
				}
			}
		}
	}
	if s := p.end(syscall.SIGTERM); !s.Success() {
		t.Error(s)
	}
	if d := cmp.Diff(before, machineOf(t, n.director)); d != "" {
		t.Errorf("left behind (-before +after):\n%s", d)
	}
	if files, _ := filepath.Glob(filepath.Dir(socket) + "/*"); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// refused tries for a short time to connect.
func refused(t *testing.T, ns *nstest.NS, to string) (err error) {
	t.Helper()
	ns.Do(t, func() {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", to, 100*time.Millisecond); err == nil {
			c.Close()
		}
	})
	return err
}

// machineOf is what a host has of what the daemon changes: addresses, links,
// routes, tables of nftables.
func machineOf(t *testing.T, ns *nstest.NS) (all []string) {
	t.Helper()
	ns.Do(t, func() {
		links, err := netlink.LinkList()
		if err != nil {
			t.Error(err)
		}
		for _, l := range links {
			all = append(all, fmt.Sprint("link ", l.Attrs().Name, l.Attrs().RawFlags&unix.IFF_UP))
			addrs, err := netlink.AddrList(l, unix.AF_UNSPEC)
			if err != nil {
				t.Error(err)
			}
			for _, a := range addrs {
				all = append(all, fmt.Sprint("addr ", l.Attrs().Name, a.IPNet))
			}
		}
		routes, err := netlink.RouteList(nil, unix.AF_UNSPEC)
		if err != nil {
			t.Error(err)
		}
		for _, r := range routes {
			all = append(all, fmt.Sprint("route ", r))
		}
		tables, err := (&nftables.Conn{}).ListTables()
		if err != nil {
			t.Error(err)
		}
		for _, x := range tables {
			all = append(all, fmt.Sprint("table ", x.Family, x.Name))
		}
	})
	return all
}

// A connection survives nothing, but what is there when the daemon ends in
// order is gone with it.
func TestTerminated(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	before := machineOf(t, n.director)
	d := run(t, n.director, services("-m")+"sysctl -w net.ipv4.vs.conntrack=1\nip rule add fwmark 1 lookup 100\niptables -t mangle -A PREROUTING -p tcp --dport 99 -j MARK --set-mark 1\n")
	if got := ask(t, n.client, "tcp", hostPort(vip4, "80"), "0"); got != "s2 0" {
		t.Fatal(got)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(before, machineOf(t, n.director)); d != "" {
		t.Errorf("left behind (-before +after):\n%s", d)
	}
	if files, _ := filepath.Glob(filepath.Dir(d.socket) + "/*"); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// In a user namespace, with capabilities over its network alone.
func TestUserNamespace(t *testing.T) {
	nstest.Root(t)
	cmd := exec.Command("/proc/self/exe")
	socket := filepath.Join(t.TempDir(), "sock")
	cmd.Env = append(os.Environ(), envSocket+"="+socket, envSetup+"="+dummy+"ipvsadm -A -t 203.0.113.10:80 -s rr\nipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:80 -m\n")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	if s, _ := r.ReadString('\n'); s != "ready\n" {
		t.Errorf("daemon said %q", s)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, r)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, log.String())
	}
}
