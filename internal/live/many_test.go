package live_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"goipvs/internal/control"
	"goipvs/internal/ipvsadm"
)

// probe asks by UDP again and again until stop is closed, and returns the
// longest time an answer took and how many didn't come.
func probe(c net.Conn, stop <-chan struct{}) (longest time.Duration, lost int) {
	for {
		select {
		case <-stop:
			return longest, lost
		default:
		}
		start := time.Now()
		if got := say(c, "probe"); !strings.HasSuffix(got, "probe") {
			lost++
		}
		longest = max(longest, time.Since(start))
	}
}

// BenchmarkManyServices loads, lists, saves and deletes services with twenty
// servers each, as ipvsadm does, and tells beside the times the longest that a
// probe had to wait for its answer meanwhile.
func BenchmarkManyServices(b *testing.B) {
	const services, servers = 5000, 20
	n := newNetwork(b)
	n.behind(b)
	d := run(b, n.director, dummy+"ipvsadm -A -u 203.0.113.10:80 -s rr\nipvsadm -a -u 203.0.113.10:80 -r 10.1.0.11:80 -m\n")
	conn, err := control.Dial(d.socket)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	c, err := dial(b, n.client, "udp", "", hostPort(vip4, "80"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if got := say(c, "0"); got != "s1 0" {
		b.Fatal(got)
	}
	var rules, unload strings.Builder
	for i := range services {
		vip := fmt.Sprintf("10.%d.%d.1:80", 100+i/250, i%250)
		fmt.Fprintf(&rules, "-A -t %s -s wlc\n", vip)
		fmt.Fprintf(&unload, "-D -t %s\n", vip)
		for j := range servers {
			fmt.Fprintf(&rules, "-a -t %s -r 10.2.%d.%d:80 -m -w 1\n", vip, j, i%250+1)
		}
	}
	for b.Loop() {
		for _, phase := range []struct {
			name, stdin string
			args        []string
		}{
			{"idle", "", nil},
			{"load", rules.String(), []string{"-R"}},
			{"list", "", []string{"-Ln"}},
			{"save", "", []string{"-Sn"}},
			{"delete", unload.String(), []string{"-R"}},
		} {
			stop, done := make(chan struct{}), make(chan struct{})
			var longest time.Duration
			var lost int
			go func() {
				longest, lost = probe(c, stop)
				close(done)
			}()
			start := time.Now()
			if phase.args == nil {
				time.Sleep(2 * time.Second)
			} else if code := ipvsadm.Run(phase.args, ipvsadm.Env{Stdin: strings.NewReader(phase.stdin), Stdout: io.Discard, Stderr: io.Discard, Conn: conn}); code != 0 {
				b.Fatalf("%s: exit code %d", phase.name, code)
			}
			b.ReportMetric(time.Since(start).Seconds(), phase.name+"-s")
			close(stop)
			<-done
			b.ReportMetric(float64(longest.Microseconds())/1000, phase.name+"-longest-ms")
			if lost > 0 {
				b.Errorf("%s: %d probes without an answer", phase.name, lost)
			}
		}
	}
}
