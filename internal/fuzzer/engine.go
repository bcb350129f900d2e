package fuzzer

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"goipvs/hooks"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
)

// Generate makes the case of a seed: its director, and traffic that reacts to
// what the engine puts out.
func Generate(seed uint64, f Features, frames int, k hooks.Kernel) (*Case, error) {
	d := newDirector(newDice(seed), f)
	s := newSchedule(d, frames)
	g := &generator{
		traffic: newTraffic(d), slots: s.slots,
		c: &Case{
			Name: fmt.Sprintf("found-%d", seed), Description: fmt.Sprintf("seed %d of the differential fuzzer", seed),
			Arms: d.arms(), Setup: d.lines, End: s.end, GUEPort: d.gue, Kernel: k,
		},
	}
	for _, x := range s.slots {
		if x.command != "" {
			g.c.Timeline = append(g.c.Timeline, Command{x.at, x.command})
		}
	}
	g.writer = g.c.capture(&g.buf) // the head only: there are no frames yet
	config, err := g.c.config()
	if err != nil {
		return nil, err
	}
	if config.Capture, err = replay.NewCapture(g.c.Name, g); err != nil {
		return nil, err
	}
	if _, err := replay.Run(config, g); err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	return g.c, nil
}

// config returns all that replays a case but its capture.
func (c *Case) config() (r replay.Config, err error) {
	r.End, r.Kernel = c.End, c.Kernel
	if r.Setup, err = setup.Parse(replay.SetupFile, strings.NewReader(strings.Join(c.Setup, "\n"))); err != nil {
		return r, err
	}
	r.Timeline, err = setup.ParseTimeline(replay.TimelineFile, strings.NewReader(c.timeline()))
	return r, err
}

// generator is the capture that a replay reads: each frame is made when it is
// asked for, after the replay has put out what the one before led to. It is the
// replay's observer, too.
type generator struct {
	replay.Quiet
	*traffic
	c      *Case
	slots  []slot
	buf    bytes.Buffer
	writer *replay.Writer
	ifs    []string
}

// Read implements io.Reader: one frame a call.
func (g *generator) Read(p []byte) (int, error) {
	for g.buf.Len() == 0 && len(g.slots) > 0 {
		x := g.slots[0]
		g.slots = g.slots[1:]
		if x.command != "" {
			continue
		}
		f := g.next()
		g.c.Frames = append(g.c.Frames, Frame{x.at, f.iface, f.data})
		for i, known := range interfaces(g.c.Arms) {
			if known.Name == f.iface {
				g.writer.Write(i, x.at, f.data, "")
			}
		}
	}
	return g.buf.Read(p)
}

// Interface implements replay.Observer.
func (g *generator) Interface(_ int, i replay.CaptureIf) { g.ifs = append(g.ifs, i.Name) }

// Output implements replay.Observer.
func (g *generator) Output(iface int, _ time.Duration, data []byte) {
	g.saw(g.ifs[iface], append([]byte(nil), data...))
}
