package ipvsadm

import (
	"io"

	"goipvs/internal/control"
)

// Env is what a run of ipvsadm works with.
type Env struct {
	Program        string // argv[0], as messages name it; "": ipvsadm
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Conn           control.Conn
}

// Run does what ipvsadm does with these arguments (without argv[0]) and returns
// its exit code. It is safe for concurrent use with different Envs.
func Run(args []string, env Env) int { return 0 }
