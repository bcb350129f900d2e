package conns

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/packet"
	"goipvs/sched"
)

// Drain takes a server out of service: it gets no new connections, and those it
// has may end, until a deadline.
type Drain struct {
	Client  *control.Client
	Service sched.ServiceKey
	Server  sched.DestKey
	Within  time.Duration // the deadline, from the start
	Idle    time.Duration // connections without a packet for so long don't count; 0: all do
	Force   bool          // end what is left at the deadline
	Remove  bool          // delete the server at the end
	Out     io.Writer
	Every   time.Duration            // how often is looked
	Wait    func(time.Duration) bool // lets time pass; false: the user has enough
}

// ErrAlive says that connections were left.
var ErrAlive = errors.New("connections are left")

// shown is how many of the connections that are left are listed.
const shown = 20

// Run drains the server. It returns ErrAlive where connections are left; the
// server then keeps weight 0. Other errors are the daemon's.
func (d *Drain) Run() error {
	if err := d.quiesce(); err != nil {
		return err
	}
	last := ""
	for passed := time.Duration(0); ; passed += d.Every {
		n, what, err := d.left()
		if err != nil {
			return err
		}
		if what != last {
			fmt.Fprintf(d.Out, "%s: %s\n", clock(passed), what)
			last = what
		}
		if n == 0 {
			return d.end()
		}
		if passed+d.Every > d.Within {
			return d.late()
		}
		if !d.Wait(d.Every) {
			return fmt.Errorf("interrupted: %w", ErrAlive)
		}
	}
}

// quiesce gives the server weight 0.
func (d *Drain) quiesce() error {
	all, err := d.Client.Dests(d.Service)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(s control.Dest) bool { return s.DestKey == d.Server })
	if i < 0 {
		return fmt.Errorf("%v of %v: no such server", d.Server, d.Service)
	}
	c := all[i].DestConfig
	if c.Weight == 0 {
		fmt.Fprintf(d.Out, "%v of %v has weight 0\n", d.Server, d.Service)
	} else {
		fmt.Fprintf(d.Out, "%v of %v: weight %d becomes 0\n", d.Server, d.Service, c.Weight)
		c.Weight = 0
		if err := d.Client.EditDest(d.Service, c); err != nil {
			return err
		}
	}
	return nil
}

// filter means the server's connections.
func (d *Drain) filter() *hooks.ConnFilter {
	return &hooks.ConnFilter{Service: &d.Service, Server: &d.Server}
}

// counts reports whether a connection keeps the server alive: not one that is
// over, but for its timer, nor one that is idle for too long.
func (d *Drain) counts(i *hooks.ConnInfo) bool {
	switch {
	case i.Template:
		return false
	case i.State == "TIME_WAIT", i.State == "CLOSE", i.Protocol == packet.ProtoSCTP && i.State == "CLOSED":
		return false
	}
	return d.Idle == 0 || i.Idle() < d.Idle
}

// left counts what keeps the server alive, and says what it is. Persistence
// templates go meanwhile: a client's next connection goes elsewhere.
func (d *Drain) left() (n int, what string, err error) {
	templates := d.filter()
	templates.Kind = hooks.OnlyTemplates
	if _, _, err := d.Client.DeleteConns(templates); err != nil {
		return 0, "", err
	}
	states := map[string]int{}
	over := 0
	err = d.Client.Conns(d.filter(), 0, func(i *hooks.ConnInfo) error {
		if d.counts(i) {
			n++
			states[packet.ProtoName(i.Protocol)+" "+i.State]++
		} else if !i.Template {
			over++
		}
		return nil
	})
	if err != nil {
		return 0, "", err
	}
	what = fmt.Sprintf("%d connections", n)
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(states)) {
		parts = append(parts, fmt.Sprintf("%s %d", s, states[s]))
	}
	if over > 0 {
		parts = append(parts, fmt.Sprintf("and %d that are over", over))
	}
	if len(parts) > 0 {
		what += ": " + strings.Join(parts, ", ")
	}
	return n, what, nil
}

// end is reached with nothing left that counts.
func (d *Drain) end() error {
	if !d.Remove {
		return nil
	}
	if err := d.Client.DelDest(d.Service, d.Server); err != nil {
		return err
	}
	gone, _, err := d.Client.DeleteConns(d.filter())
	if err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "deleted, with %d connections\n", gone)
	return nil
}

// late is reached at the deadline.
func (d *Drain) late() error {
	fmt.Fprint(d.Out, "at the deadline there are left:\n", Head)
	n := 0
	err := d.Client.Conns(d.filter(), 0, func(i *hooks.ConnInfo) error {
		if !d.counts(i) {
			return nil
		}
		if n++; n > shown {
			return nil
		}
		return Text(d.Out, i)
	})
	if err != nil {
		return err
	}
	if n > shown {
		fmt.Fprintf(d.Out, "and %d more\n", n-shown)
	}
	if !d.Force {
		return ErrAlive
	}
	gone, _, err := d.Client.DeleteConns(d.filter())
	if err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "ended %d connections\n", gone)
	return d.end()
}
