package control

import (
	"fmt"
	"strconv"
	"syscall"
)

// CmdGetCounts dumps what a daemon counts beside the services' statistics: each
// answer has a name in ExtName and a decimal number in ExtText. It is goipvs's
// own.
const CmdGetCounts = 220

// Count is something that a daemon counts. Names are paths, their parts set off
// by slashes: internal/live says which there are.
type Count struct {
	Name string
	N    uint64
}

// Counter is a Backend that counts.
type Counter interface {
	Counts() []Count
}

// dumpCounts lists all counts.
func (e *Engine) dumpCounts(r *request) error {
	b, ok := e.b.(Counter)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	d := newDump(r, CmdGetCounts)
	for _, c := range b.Counts() {
		d.add(func(w *writer) {
			w.text(ExtName, c.Name)
			w.text(ExtText, strconv.FormatUint(c.N, 10))
		})
	}
	d.finish()
	return nil
}

// Counts returns all that the daemon counts.
func (c *Client) Counts() (all []Count, err error) {
	err = c.do(CmdGetCounts, flagDump, nil, func(b []byte) error {
		a, err := extPolicy.parse(b)
		if err != nil || !a.has(ExtName, ExtText) {
			return fmt.Errorf("%w: count", ErrAnswer)
		}
		n, err := strconv.ParseUint(string(a[ExtText]), 10, 64)
		if err != nil {
			return fmt.Errorf("%w: count %q", ErrAnswer, a[ExtText])
		}
		all = append(all, Count{string(a[ExtName]), n})
		return nil
	})
	return all, err
}
