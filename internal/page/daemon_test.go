package page

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvs/internal/buildtest"
	"goipvs/internal/lab"
	"goipvs/packet"
)

// The page that goipvs view --live serves shows a real daemon's packets when they
// come, and that the daemon has ended.
func TestLiveDaemon(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for network namespaces")
	}
	dir, remove, err := buildtest.Dir()
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	self := filepath.Join(dir, "goipvs")
	if err := buildtest.Go(self, ".", "build", "goipvs/cmd/goipvs"); err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(lab.NewPlan(lab.NAT, packet.IPv4), lab.Options{Self: self})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := l.Direct(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	view := exec.CommandContext(ctx, self, "--socket", l.Socket, "view", "--live")
	view.Cancel, view.WaitDelay = func() error { return view.Process.Signal(os.Interrupt) }, time.Minute
	view.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := view.StderrPipe()
	if err == nil {
		err = view.Start()
	}
	defer stop()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop()
		if err := view.Wait(); !view.ProcessState.Success() {
			t.Errorf("view --live: %v", err)
		}
	}()
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url, _, _ := strings.Cut(line, " ")

	b := openURL(t, url, 1440, 900)
	if _, err := lab.Echo(t.Context(), l.Client(), l.Plan.Echo(), "hello"); err != nil {
		t.Fatal(err)
	}
	b.wait(`document.getElementById("count").textContent === "2 packets"`)
	b.want("the newest", b.one("#banner strong"), "Packet 2")
	b.has("the reply", b.one("#banner"), "10.1.0.13:7007 > 192.0.2.100:")
	b.press("Home")
	b.has("the request", b.one("#banner"), "> 203.0.113.10:7 UDP")
	b.has("what was decided", strings.Join(b.text("#steps li"), "\n"), "ip_vs_nat_xmit")
	b.has("services", strings.Join(b.text("#services table"), "\n"), "10.1.0.13:7007")
	if err := l.Daemon.Stop(); err != nil {
		t.Error(err)
	}
	b.wait(`document.getElementById("notice").textContent.includes("the trace has ended: the daemon has ended")`)
}
