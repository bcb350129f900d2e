package buildtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const env = "GOIPVS_TEST_PROGRAMS"

// Dir returns a folder for programs that any user may run, and what removes it:
// a new one, or that of the environment, which stays.
func Dir() (dir string, remove func() error, err error) {
	if dir = os.Getenv(env); dir != "" {
		return dir, func() error { return nil }, nil
	}
	if dir, err = os.MkdirTemp("", "goipvs-test-"); err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return dir, remove, nil
}

// Go runs the go command with args, build or test -c and what follows, in the
// folder in, for a program that isn't there yet. It is static unless it is under
// the race detector.
func Go(program, in string, args ...string) error {
	if _, err := os.Stat(program); err == nil {
		return nil
	}
	cmd := exec.Command("go", slices.Insert(args, 1, "-o", program)...)
	cmd.Dir = in
	if !slices.Contains(args, "-race") {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
