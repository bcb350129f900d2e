package reload

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/ipvsadm"
	"goipvs/internal/setup"
	"goipvs/sched"
	"goipvs/xmit"
)

// Config is what a Plan is made from.
type Config struct {
	Old, New []setup.Line // what the files said, and say
	Stack    xmit.Stack   // of the director: it knows which addresses servers may have
	Kernel   hooks.Kernel
	// Check, if not nil, says what is wrong with a service beside what the
	// kernel says.
	Check func(*sched.ServiceConfig) error
}

// Plan is what a director is to become.
type Plan struct {
	tables   bool // the files say which services there are
	want     *state
	timeouts *[3]time.Duration // nil: the files don't say
	settings map[string]string
}

// ErrRestart is returned for a change that a running daemon can't make.
var ErrRestart = errors.New("changed; that takes a restart")

// New finds out what the files want. Errors are *setup.Error: of a line that
// doesn't run; or ErrRestart of one that is new, or is there no longer, and is
// neither ipvsadm's nor a setting under net.ipv4.vs.
func New(c Config) (*Plan, error) {
	if err := sameMachine(c.Old, c.New); err != nil {
		return nil, err
	}
	oldDraft, newDraft := newDraft(&c), newDraft(&c)
	if err := newDraft.run(c.New); err != nil {
		return nil, err
	}
	p := &Plan{tables: newDraft.tables, want: read(newDraft.director), settings: newDraft.settings}
	// What the files said before and say no longer becomes what it is by itself.
	// They ran once; if they wouldn't now, what they set so far is of interest.
	_ = oldDraft.run(c.Old)
	p.tables = p.tables || oldDraft.tables
	bare := hooks.New(hooks.Config{Stack: c.Stack, Kernel: c.Kernel})
	for name := range oldDraft.settings {
		if _, ok := p.settings[name]; !ok {
			value, err := bare.Setting(name)
			if err != nil {
				return nil, err
			}
			p.settings[name] = value
		}
	}
	if newDraft.timed || oldDraft.timed {
		var t [3]time.Duration
		t[0], t[1], t[2] = newDraft.director.Timeouts()
		p.timeouts = &t
	}
	return p, nil
}

// sameMachine reports the first line about something else than the director
// that is not in both.
func sameMachine(old, now []setup.Line) error {
	old, now = machineLines(old), machineLines(now)
	for i := range max(len(old), len(now)) {
		switch {
		case i >= len(old):
			return &setup.Error{Position: now[i].Position, Err: fmt.Errorf("%s: %w", now[i].Text, ErrRestart)}
		case i >= len(now):
			return &setup.Error{Position: old[i].Position, Err: fmt.Errorf("%s: %w", old[i].Text, ErrRestart)}
		case !reflect.DeepEqual(old[i].Command, now[i].Command):
			return &setup.Error{Position: now[i].Position, Err: fmt.Errorf("%s: %w", now[i].Text, ErrRestart)}
		}
	}
	return nil
}

func machineLines(all []setup.Line) (rest []setup.Line) {
	for _, l := range all {
		switch c := l.Command.(type) {
		case setup.IPVSAdm:
			continue
		case setup.Sysctl:
			if strings.HasPrefix(c.Key, vsPrefix) {
				continue
			}
		}
		rest = append(rest, l)
	}
	return rest
}

const vsPrefix = "net.ipv4.vs."

// draft is a director that lines are tried on, and what they touch.
type draft struct {
	director *hooks.Director
	conn     control.Conn
	settings map[string]string
	tables   bool // some line may change services,
	timed    bool // or timeouts
}

// drafted is a draft's director as its engine has it.
type drafted struct {
	*hooks.Director
	check func(*sched.ServiceConfig) error
	timed *bool
}

func newDraft(c *Config) *draft {
	d := &draft{director: hooks.New(hooks.Config{Stack: c.Stack, Kernel: c.Kernel}), settings: map[string]string{}}
	d.conn = control.NewEngine(&drafted{d.director, c.Check, &d.timed}).Conn()
	return d
}

// AddService implements control.Backend.
func (d *drafted) AddService(c sched.ServiceConfig) error {
	if d.check != nil {
		if err := d.check(&c); err != nil {
			return err
		}
	}
	return d.Director.AddService(c)
}

// SetTimeouts implements control.Backend.
func (d *drafted) SetTimeouts(tcp, fin, udp time.Duration) error {
	*d.timed = true
	return d.Director.SetTimeouts(tcp, fin, udp)
}

// run runs lines of the director's.
func (d *draft) run(lines []setup.Line) error {
	for _, l := range lines {
		var err error
		switch c := l.Command.(type) {
		case setup.IPVSAdm:
			err = ipvsadm.Do(d.conn, c.Args, io.Discard)
			d.tables = d.tables || !c.Lists()
		case setup.Sysctl:
			name, ok := strings.CutPrefix(c.Key, vsPrefix)
			if !ok {
				continue
			}
			if err = d.director.SetSetting(name, c.Value); err == nil {
				d.settings[name] = c.Value
			}
		}
		if err != nil {
			return &setup.Error{Position: l.Position, Err: err}
		}
	}
	return nil
}
