package ipvsadm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"goipvs/internal/control"
)

// Do runs one command line without standard input. The error is the first line
// that ipvsadm prints about it.
func Do(conn control.Conn, args []string, out io.Writer) error {
	var complaint bytes.Buffer
	code := Run(args, Env{Stdin: strings.NewReader(""), Stdout: out, Stderr: &complaint, Conn: conn})
	if code == 0 {
		return nil
	}
	line, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
	if line == "" {
		line = fmt.Sprintf("ipvsadm: exit code %d", code)
	}
	return errors.New(line)
}
