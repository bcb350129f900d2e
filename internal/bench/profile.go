package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// perfLead is how long perf may take to begin.
const perfLead = 500 * time.Millisecond

// profiled runs a measurement, and has perf(1) sample the balancer's processes
// meanwhile, by the clock, as virtual machines have nothing better. What they
// were doing, each function with what it called, is written to the folder
// Options.Profiles.
func (t *turn) profiled(ctx context.Context, s *site, m *Measurement) (out outcome, err error) {
	if t.Profiles == "" || len(s.pids) == 0 {
		return m.run(ctx, s, t.For)
	}
	if err := os.MkdirAll(t.Profiles, 0o755); err != nil {
		return out, err
	}
	data := filepath.Join(s.Dir, "perf.data")
	var pids []string
	for _, p := range s.pids {
		pids = append(pids, strconv.Itoa(p))
	}
	record := exec.Command("perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", "4000", "-p", strings.Join(pids, ","), "-o", data)
	record.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := record.Start(); err != nil {
		return out, fmt.Errorf("profile: %w", err)
	}
	time.Sleep(perfLead)
	out, err = m.run(ctx, s, t.For)
	_ = record.Process.Signal(syscall.SIGINT) // its way to end; then it exits with an error
	_ = record.Wait()
	if err != nil {
		return out, err
	}
	report, err := exec.CommandContext(ctx, "perf", "report", "-i", data, "--stdio", "--children", "-g", "none", "--sort", "dso,symbol", "--percent-limit", "1").Output()
	file := filepath.Join(t.Profiles, fmt.Sprintf("%s-%s.txt", t.peer.Name, m.Name))
	return out, errors.Join(err, os.WriteFile(file, report, 0o644))
}
