package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options are what a run is told.
type Options struct {
	GoIPVS       string // the binary
	Self         string // the program that serves and loads (package load)
	Rounds       int
	For          time.Duration // of each measurement
	Peers        []Peer
	Measurements []Measurement
	Nice         int          // of what is started
	Profiles     string       // folder for profiles of the balancers; "": none are made
	CPUProfile   string       // file for a profile of goipvs of its own making, as go build -pgo takes it; "": none. One peer with frames of one kind, then
	Log          func(string) // of what is going on
}

// Run measures round by round, each peer once a round, so that what else
// happens on the machine meets all of them. What fails is noted among the
// results; an error means that there are none. Interrupted, it returns what it
// has with the context's error. It needs root.
func Run(ctx context.Context, o Options) (*Results, error) {
	r := newResults(&o)
	for round := range o.Rounds {
		for i := range o.Peers {
			for _, f := range []Frames{Super, MTU, Bare} {
				t := turn{Options: &o, results: r, round: round, peer: &o.Peers[i], frames: f}
				if err := t.take(ctx); err != nil {
					return r, err
				}
			}
		}
	}
	return r, nil
}

// turn is a peer's turn in a round, with one kind of frames.
type turn struct {
	*Options
	results *Results
	round   int
	peer    *Peer
	frames  Frames
}

// measurements are those to make.
func (t *turn) measurements() []Measurement {
	return slices.DeleteFunc(slices.Clone(t.Measurements), func(m Measurement) bool {
		return m.Frames != t.frames || m.Datagram && !t.peer.Datagram || m.Daemon && !t.peer.daemon
	})
}

// take returns an error where going on makes no sense.
func (t *turn) take(ctx context.Context) (err error) {
	todo := t.measurements()
	if len(todo) == 0 {
		return nil
	}
	s, err := build(plan(t.peer.straight, t.frames, t.peer.rules), t.frames, t.Options)
	if err != nil {
		return fmt.Errorf("hosts: %w", err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	err = t.peer.begin(ctx, s)
	if err == nil {
		err = s.settle(ctx)
	}
	if err != nil {
		t.problem("start", err)
		return ctx.Err()
	}
	for i := range todo {
		if err := t.measure(ctx, s, &todo[i]); err != nil {
			t.problem(todo[i].Name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (t *turn) problem(what string, err error) {
	text := fmt.Sprintf("round %d, %s, %s: %v", t.round+1, t.peer.Name, what, err)
	t.results.Problems = append(t.results.Problems, text)
	t.Log(text)
}

// measure makes a measurement and puts down what it gave.
func (t *turn) measure(ctx context.Context, s *site, m *Measurement) error {
	before, err := s.wrongSums()
	if err != nil {
		return err
	}
	out, err := t.profiled(ctx, s, m)
	if err != nil {
		return err
	}
	after, err := s.wrongSums()
	if err != nil {
		return err
	}
	r := t.results
	r.Verified.Octets += out.load.Octets
	r.Verified.Answers += out.load.Answers
	if bad := out.load.Bad + after - before; bad > 0 {
		r.Verified.Bad += bad
		return fmt.Errorf("%d blocks or answers are not what was sent, %d packets had wrong checksums", out.load.Bad, after-before)
	}
	line := ""
	for i, f := range m.Figures {
		if v := out.figures[i]; v != noFigure {
			r.add(t.peer.Name, f.Name, v)
			line += fmt.Sprintf("  %s %.*f %s", f.Name, f.Digits, v, f.Unit)
		}
	}
	if n := out.load.Failed; n > 0 {
		t.problem(m.Name, fmt.Errorf("%d connections failed", n))
	}
	t.Log(fmt.Sprintf("round %d  %-15s%s", t.round+1, t.peer.Name, line))
	return nil
}
