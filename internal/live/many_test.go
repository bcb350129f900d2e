package live_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goipvs/internal/control"
	"goipvs/internal/ipvsadm"
)

// With envAdmin in its environment the test program is ipvsadm, for the daemon
// at that socket; with envSpin it keeps a processor busy.
const (
	envAdmin = "GOIPVS_TEST_IPVSADM"
	envSpin  = "GOIPVS_TEST_SPIN"
)

func adminMain() int {
	return ipvsadm.Run(os.Args[1:], ipvsadm.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Dial: func() (control.Conn, error) { return control.Dial(os.Getenv(envAdmin)) },
	})
}

// lostAfter is when an answer is taken for lost.
const lostAfter = 5 * time.Second

// probe asks by UDP again and again until stop is set, and returns the longest
// time an answer took. It has a thread of its own: this process's other work
// must not be what keeps it waiting.
func probe(c *net.UDPConn, stop *atomic.Bool) (longest time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	answer := make([]byte, 64)
	ask := func(fd int) error {
		if _, err := syscall.Write(fd, []byte("probe")); err != nil {
			return err
		}
		start := time.Now()
		n, err := syscall.Read(fd, answer)
		// EINTR: of a signal that Go's scheduler sends.
		for err == syscall.EINTR || err == syscall.EAGAIN && time.Since(start) < lostAfter {
			n, err = syscall.Read(fd, answer)
		}
		if err == nil && string(answer[:n]) != "s1 probe" {
			err = fmt.Errorf("answer %q", answer[:n])
		}
		return err
	}
	controlled := raw.Control(func(fd uintptr) {
		// Reads wait in the kernel, but not for long: now and then it doesn't wake
		// who reads when the answer comes (Linux 6.18).
		err = syscall.SetNonblock(int(fd), false)
		if err == nil {
			err = syscall.SetsockoptTimeval(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Usec: 10_000})
		}
		for err == nil && !stop.Load() {
			start := time.Now()
			err = ask(int(fd))
			longest = max(longest, time.Since(start))
		}
	})
	if err == nil {
		err = controlled
	}
	return longest, err
}

// BenchmarkManyServices loads, lists, saves and deletes 5,000 services with
// twenty servers each, as ipvsadm does, and tells beside the times the longest
// that a probe had to wait for its answer meanwhile: of a daemon that has nothing
// else to do, also while another program keeps a processor busy, and of one that
// is told so much. All are processes of their own. Figures are medians over the
// rounds (-benchtime 3x), each with a new daemon.
func BenchmarkManyServices(b *testing.B) {
	const services, servers = 5000, 20
	n := newNetwork(b)
	n.behind(b)
	var rules, unload strings.Builder
	for i := range services {
		vip := fmt.Sprintf("10.%d.%d.1:80", 100+i/250, i%250)
		fmt.Fprintf(&rules, "-A -t %s -s wlc\n", vip)
		fmt.Fprintf(&unload, "-D -t %s\n", vip)
		for j := range servers {
			fmt.Fprintf(&rules, "-a -t %s -r 10.2.%d.%d:80 -m -w 1\n", vip, j, i%250+1)
		}
	}
	socket := filepath.Join(b.TempDir(), "sock")
	program := func(args ...string) *exec.Cmd {
		cmd := exec.Command("/proc/self/exe", args...)
		cmd.Env = append(os.Environ(), envAdmin+"="+socket)
		return cmd
	}
	spinner := exec.Command("/proc/self/exe")
	spinner.Env = append(os.Environ(), envSpin+"=2s")
	phases := []struct {
		name string
		cmd  *exec.Cmd
		in   string
	}{
		{"idle", exec.Command("sleep", "2"), ""},
		{"busy", spinner, ""},
		{"load", program("-R"), rules.String()},
		{"list", program("-Ln"), ""},
		{"save", program("-Sn"), ""},
		{"delete", program("-R"), unload.String()},
	}
	seconds, longest := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		d := start(b, n.director, socket, dummy+"ipvsadm -A -u 203.0.113.10:80 -s rr\nipvsadm -a -u 203.0.113.10:80 -r 10.1.0.11:80 -m\n")
		c, err := dial(b, n.client, "udp", "", hostPort(vip4, "80"))
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range phases {
			var stop atomic.Bool
			var waited time.Duration
			probed := make(chan error)
			go func() {
				var err error
				waited, err = probe(c.(*net.UDPConn), &stop)
				probed <- err
			}()
			cmd := *p.cmd // anew in each round
			var out bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(p.in), &out, &out
			start := time.Now()
			if err := cmd.Run(); err != nil {
				b.Fatalf("%s: %v: %s", p.name, err, out.String())
			}
			seconds[p.name] = append(seconds[p.name], time.Since(start).Seconds())
			stop.Store(true)
			if err := <-probed; err != nil {
				b.Errorf("%s: %v", p.name, err)
			}
			longest[p.name] = append(longest[p.name], float64(waited.Microseconds())/1000)
		}
		c.Close()
		d.end(syscall.SIGTERM)
	}
	for _, p := range phases {
		b.Logf("%s: longest %.1f ms", p.name, longest[p.name])
		b.ReportMetric(median(seconds[p.name]), p.name+"-s")
		b.ReportMetric(median(longest[p.name]), p.name+"-longest-ms")
	}
}

func median(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] }

func spinMain() int {
	d, err := time.ParseDuration(os.Getenv(envSpin))
	if err != nil {
		return 2
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
	return 0
}
