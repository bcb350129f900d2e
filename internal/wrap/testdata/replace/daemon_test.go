package ipvs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// This stands beside moby/ipvs's tests where they are built with goipvs's package,
// and has what they want of the kernel.

// getIPVSFamily returns the number of the family that the daemon answers to.
func getIPVSFamily() (int, error) {
	h, err := New("")
	if err != nil {
		return 0, err
	}
	defer h.Close()
	_, err = h.GetConfig()
	return family, err
}

// setupTestOSContext joins a new network namespace, as moby/ipvs's does, and starts
// a daemon there.
func setupTestOSContext(t *testing.T) func() {
	t.Helper()
	leave := joinNewNamespace(t)
	socket := filepath.Join(filepath.Dir(os.Getenv(socketVariable)), t.Name()+".sock")
	cmd := exec.Command(os.Getenv("GOIPVS_TEST_SELF"), "--socket", socket, "run", "--mark-bit", "0x10000000")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		h, err := New("")
		if err == nil {
			h.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	return func() {
		err := cmd.Process.Signal(syscall.SIGTERM)
		if err == nil {
			err = cmd.Wait()
		}
		if err != nil {
			t.Error(fmt.Errorf("daemon: %w", err))
		}
		leave()
	}
}
