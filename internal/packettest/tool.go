package packettest

import (
	"os"
	"os/exec"
	"testing"
)

// Tool returns the path of a program that a test needs beside Go. As root it has
// to be there: .ci/tools installs it. Others do without the test.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Geteuid() == 0 {
		t.Fatalf("%s is missing: run .ci/tools", name)
	}
	t.Skipf("%s is missing: run .ci/tools as root", name)
	return ""
}
