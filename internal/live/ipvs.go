package live

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"goipvs/internal/ipvsadm"
	"goipvs/internal/live/machine"
	"goipvs/internal/setup"
)

var _ machine.IPVS = (*daemon)(nil)

// AddMark implements machine.IPVS.
func (d *daemon) AddMark(m setup.MarkAdd) error {
	if m.Mark&d.Bit != 0 {
		return fmt.Errorf("mark %#x has bit %#x, which is goipvs's own", m.Mark, d.Bit)
	}
	d.tables.AddMark(m)
	return nil
}

// Setting implements machine.IPVS.
func (d *daemon) Setting(name, value string) error { return d.backend.SetSetting(name, value) }

// IPVSAdm implements machine.IPVS. The error is the first line that ipvsadm
// prints about it.
func (d *daemon) IPVSAdm(args []string, out io.Writer) error {
	var complaint bytes.Buffer
	code := ipvsadm.Run(args, ipvsadm.Env{Stdin: strings.NewReader(""), Stdout: out, Stderr: &complaint, Conn: d.engine.Conn()})
	if code == 0 {
		return nil
	}
	line, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
	if line == "" {
		line = fmt.Sprintf("ipvsadm: exit code %d", code)
	}
	return errors.New(line)
}
