package live_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goipvs/internal/control"
	"goipvs/internal/ipvsadm"
	"goipvs/internal/live"
	"goipvs/internal/setup"
)

// files are a daemon's files, which change, and the signal that tells it.
type files struct {
	mu   sync.Mutex
	text string
	hup  chan os.Signal
}

func (f *files) read() ([]setup.Line, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return setup.Parse("setup", strings.NewReader(f.text))
}

// TestReload: a reload makes services and servers what the files say now, and a
// connection that speaks all the while doesn't notice. What is wrong changes
// nothing.
func TestReload(t *testing.T) {
	n := newNetwork(t)
	n.behind(t)
	f := &files{text: services("-m"), hup: make(chan os.Signal, 1)}
	logged := make(chan string, 100)
	d, err := tryRun(t, n.director, live.Options{
		Socket: filepath.Join(t.TempDir(), "sock"), Reload: f.hup, Reread: f.read,
	}, f.text)
	if err != nil {
		t.Fatal(err)
	}
	d.onLog(func(s string) { logged <- s })
	reload := func(text, want string) {
		t.Helper()
		f.mu.Lock()
		f.text = text
		f.mu.Unlock()
		f.hup <- syscall.SIGHUP
		select {
		case got := <-logged:
			if !strings.HasPrefix(got, want) {
				t.Errorf("logged %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no reload")
		}
	}
	conn, err := control.Dial(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	saved := func() string {
		t.Helper()
		var b strings.Builder
		if err := ipvsadm.Do(conn, []string{"-Sn"}, &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}

	c, err := dial(t, n.client, "tcp", "", hostPort(vip4, "80"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := say(c, "0"); got != "s2 0" {
		t.Fatal(got)
	}
	stop, spoken := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				spoken <- nil
				return
			default:
			}
			if got := say(c, "1"); got != "s2 1" {
				spoken <- errors.New(got)
				return
			}
		}
	}()

	// s1 goes, s2 gets another weight, and there is a port more.
	now := strings.ReplaceAll(services("-m"), "-r 10.1.0.12:80 -m", "-r 10.1.0.12:80 -m -w 4")
	var left []string
	for l := range strings.Lines(now) {
		if !strings.Contains(l, "10.1.0.11") {
			left = append(left, l)
		}
	}
	now = strings.Join(left, "") + "ipvsadm -A -t 203.0.113.10:81 -s rr\nipvsadm -a -t 203.0.113.10:81 -r 10.1.0.12:80 -m\n"
	reload(now, "reloaded: 2 services and servers added, ")
	for range 3 {
		if got := ask(t, n.client, "tcp", hostPort(vip4, "80"), "2"); got != "s2 2" {
			t.Errorf("port 80: %s", got)
		}
	}
	if got := ask(t, n.client, "tcp", hostPort(vip4, "81"), "3"); got != "s2 3" {
		t.Errorf("port 81: %s", got)
	}
	before := saved()
	if !strings.Contains(before, "-r 10.1.0.12:80 -m -w 4") || strings.Contains(before, "10.1.0.11") {
		t.Errorf("reloaded to\n%s", before)
	}
	reload(now+"ipvsadm -a -t 203.0.113.10:82 -r 10.1.0.12:80 -m\n", "not reloaded, nothing changed: setup:")
	reload("ipvsadm -C\nnonsense\n", "not reloaded, nothing changed: setup:2: ")
	if after := saved(); after != before {
		t.Errorf("before what was refused\n%s\nafter it\n%s", before, after)
	}
	reload(services("-m"), "reloaded: ")
	close(stop)
	if err := <-spoken; err != nil {
		t.Errorf("the connection: %v", err)
	}
}
