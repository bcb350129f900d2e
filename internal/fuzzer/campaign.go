package fuzzer

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"time"

	"goipvs/internal/replay"
)

// Campaign is a run over many seeds.
type Campaign struct {
	Oracle   *Oracle
	Features Features
	Seed     uint64        // the first
	Seeds    int           // how many; 0: until the time is over
	Time     time.Duration // no new batch is begun after that; 0: no limit
	Frames   int           // in a case, at most
	Batch    int           // cases in one boot
	Found    string        // folder for what differs
	Shrink   bool
	State    *State // nil: nothing is remembered
	Log      io.Writer
}

// Tally is what a campaign came to.
type Tally struct {
	Seeds, Frames, Differ, Refused int
	Classes                        map[string]int // first differences, by class
}

// String returns the tally as a few lines.
func (t *Tally) String() string {
	s := fmt.Sprintf("%d seeds, %d frames, %d differ, %d refused\n", t.Seeds, t.Frames, t.Differ, t.Refused)
	var names []string
	for n := range t.Classes {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		s += fmt.Sprintf("%5d  %s\n", t.Classes[n], n)
	}
	return s
}

// Run puts seed after seed to the engine and to the kernel, until there are no
// more, the time is over or ctx is done.
func (g *Campaign) Run(ctx context.Context) (*Tally, error) {
	t := &Tally{Classes: map[string]int{}}
	start := time.Now()
	for seed, left := g.Seed, g.Seeds; g.Seeds == 0 || left > 0; {
		if ctx.Err() != nil || g.Time > 0 && time.Since(start) > g.Time {
			break
		}
		var batch []*Case
		seeds := map[string]uint64{}
		for ; len(batch) < g.Batch && (g.Seeds == 0 || left > 0); seed, left = seed+1, left-1 {
			if g.State != nil && g.State.Done(seed, g.Features, g.Frames) {
				continue
			}
			c, err := Generate(seed, g.Features, g.Frames)
			if err != nil {
				g.outcome(t, seed, "refused: "+err.Error())
				t.Refused++
				continue
			}
			seeds[c.Name] = seed
			batch = append(batch, c)
		}
		if len(batch) == 0 {
			continue
		}
		dirs, log, err := g.Oracle.Record(ctx, batch)
		if err != nil {
			return t, err
		}
		var differ []string
		for _, c := range batch {
			dir, ok := dirs[c.Name]
			if !ok {
				t.Refused++
				g.outcome(t, seeds[c.Name], "refused by the kernel")
				fmt.Fprintln(g.Log, log)
				continue
			}
			t.Frames += len(c.Frames)
			diffs, err := Check(dir)
			if err != nil {
				return t, err
			}
			if len(diffs) == 0 {
				g.outcome(t, seeds[c.Name], "same")
				continue
			}
			t.Differ++
			t.Classes[class(diffs[0])]++
			kept, err := g.keep(dir, c.Name)
			if err != nil {
				return t, err
			}
			differ = append(differ, kept)
			g.outcome(t, seeds[c.Name], "differs: "+diffs[0])
		}
		for _, dir := range differ {
			if !g.Shrink || ctx.Err() != nil {
				break
			}
			if err := g.Oracle.ShrinkInPlace(ctx, dir); err != nil {
				return t, err
			}
			fmt.Fprintf(g.Log, "%s is small now\n", dir)
		}
	}
	return t, nil
}

func (g *Campaign) outcome(t *Tally, seed uint64, text string) {
	t.Seeds++
	if text != "same" {
		fmt.Fprintf(g.Log, "seed %d %s\n", seed, text)
	}
	if g.State != nil {
		if len(text) > 100 {
			text = text[:100]
		}
		if err := g.State.Note(seed, g.Features, g.Frames, fmt.Sprintf("%q", text)); err != nil {
			fmt.Fprintln(g.Log, err)
		}
	}
}

// keep copies a recording to where what was found is kept.
func (g *Campaign) keep(dir, name string) (string, error) {
	to := filepath.Join(g.Found, name)
	return to, replace(dir, to)
}

// replace makes a folder a copy of another one that has a case; the case's name
// becomes the folder's.
func replace(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return rename(filepath.Join(to, replay.MetaFile), filepath.Base(to))
}
