package live

import (
	"fmt"
	"io"

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
	return ipvsadm.Do(d.engine.Conn(), args, out)
}
