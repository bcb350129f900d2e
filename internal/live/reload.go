package live

import (
	"fmt"

	"goipvs/internal/reload"
	"goipvs/sched"
)

// reload makes the director what the files say now. If that can't be, nothing
// changes.
func (d *daemon) reload() error {
	lines, err := d.Reread()
	if err != nil {
		return err
	}
	p, err := reload.New(reload.Config{
		Old: d.Setup, New: lines, Stack: d.stack, Kernel: d.Kernel,
		Check: func(c *sched.ServiceConfig) error { return ownMark(c.FWMark, d.Bit) },
	})
	if err != nil {
		return err
	}
	// The rules follow once, when all is done.
	d.backend.hold()
	r, err := p.Apply(d.backend)
	if follow := d.backend.release(); err == nil {
		err = follow
	}
	if err != nil {
		return err
	}
	d.lines.Lock()
	d.Setup = lines
	d.lines.Unlock()
	d.Log("reloaded: " + r.String())
	return nil
}

// reloads reloads whenever it is wanted, and looks at who looks on, until done.
func (d *daemon) reloads(done <-chan struct{}, looks <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-looks:
			d.look()
		case <-d.Reload:
			if err := d.reload(); err != nil {
				d.Log(fmt.Sprintf("not reloaded, nothing changed: %v", err))
			}
		}
	}
}
