package fuzzer

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goipvs/hooks"
	"goipvs/internal/replay"
)

// Campaign is a run over many seeds.
type Campaign struct {
	Oracle   *Oracle
	Features Features
	Kernel   hooks.Kernel  // the oracle's
	Seed     uint64        // the first
	Seeds    int           // how many; 0: until the time is over
	Time     time.Duration // no new batch is begun after that; 0: no limit
	Frames   int           // in a case, at most
	Batch    int           // cases in one boot
	Found    string        // folder for what differs
	Shrink   bool
	State    *State // nil: nothing is remembered
	Log      io.Writer

	tally Tally
	next  uint64
	again []*trial
}

// Tally is what a campaign came to.
type Tally struct {
	Seeds, Frames int
	Differ        int            // that differ twice in a row
	Refused       int            // that the engine or the kernel didn't take
	Unclear       int            // that differed once but not again, or whose recordings came too late
	Classes       map[string]int // first differences, by class
}

// String returns the tally as a few lines.
func (t *Tally) String() string {
	s := fmt.Sprintf("%d seeds, %d frames: %d differ, %d refused, %d unclear\n", t.Seeds, t.Frames, t.Differ, t.Refused, t.Unclear)
	for _, n := range slices.Sorted(maps.Keys(t.Classes)) {
		s += fmt.Sprintf("%5d  %s\n", t.Classes[n], n)
	}
	return s
}

// trial is a seed's case under way.
type trial struct {
	*Case
	seed  uint64
	tries int
	diff  string // the difference that the kernel is asked about once more
	seen  int    // how often it was there
}

// mostTries is how often a case is put to the kernel until its outcome counts
// for nothing; sure, how often it has to differ in the same way. The kernel may
// differ with itself: which connections a flush meets first is up to the secret of
// its hash, and so whether an assured template goes with its connections.
const (
	mostTries = 6
	sure      = 4
)

// Run puts seed after seed to the engine and to the kernel, until there are no
// more, the time is over or ctx is done. What differs is asked again: a busy
// machine makes differences of its own.
func (g *Campaign) Run(ctx context.Context) (*Tally, error) {
	g.tally, g.next, g.again = Tally{Classes: map[string]int{}}, g.Seed, nil
	start := time.Now()
	for ctx.Err() == nil && (g.Time == 0 || time.Since(start) < g.Time) {
		batch, err := g.batch()
		if err != nil {
			return &g.tally, err
		}
		if len(batch) == 0 {
			break
		}
		if err := g.record(ctx, batch); err != nil {
			return &g.tally, err
		}
	}
	return &g.tally, nil
}

// batch returns what goes into the next boot: what is to be tried again, and new
// seeds.
func (g *Campaign) batch() ([]*trial, error) {
	batch := g.again
	g.again = nil
	for ; len(batch) < g.Batch && (g.Seeds == 0 || g.next < g.Seed+uint64(g.Seeds)); g.next++ {
		if g.State != nil && g.State.Done(g.next, g.Features, g.Frames) {
			continue
		}
		c, err := Generate(g.next, g.Features, g.Frames, g.Kernel)
		if err != nil {
			g.tally.Refused++
			if err := g.outcome(g.next, "refused: "+err.Error()); err != nil {
				return nil, err
			}
			continue
		}
		batch = append(batch, &trial{Case: c, seed: g.next})
	}
	return batch, nil
}

// record puts a batch to the kernel and judges what it says.
func (g *Campaign) record(ctx context.Context, batch []*trial) error {
	cases := make([]*Case, len(batch))
	for i, t := range batch {
		cases[i] = t.Case
	}
	dirs, log, err := g.Oracle.Record(ctx, cases)
	if err != nil {
		return err
	}
	var differ []string
	for _, t := range batch {
		dir, ok := dirs[t.Name]
		if !ok {
			if err := g.missing(t, log); err != nil {
				return err
			}
			continue
		}
		kept, err := g.judge(t, dir)
		if err != nil {
			return err
		}
		if kept != "" {
			differ = append(differ, kept)
		}
	}
	for _, dir := range differ {
		if !g.Shrink || ctx.Err() != nil {
			break
		}
		if err := g.Oracle.ShrinkInPlace(ctx, dir); err != nil {
			return err
		}
		fmt.Fprintf(g.Log, "%s is small now\n", dir)
	}
	return nil
}

// missing deals with a case that has no recording: the kernel refused it, or the
// machine ended before its turn, and it is tried again.
func (g *Campaign) missing(t *trial, log string) error {
	why, refused := about(log, t.Name)
	if t.tries++; !refused && t.tries < mostTries {
		g.again = append(g.again, t)
		return nil
	}
	g.tally.Refused++
	fmt.Fprintln(g.Log, why)
	return g.outcome(t.seed, "refused by the kernel")
}

// judge compares a recording. It returns where it is kept, if it differs.
func (g *Campaign) judge(t *trial, dir string) (kept string, err error) {
	t.tries++
	late, err := t.late(dir)
	if err != nil {
		return "", err
	}
	diffs := []string(nil)
	if !late {
		if diffs, err = Check(dir); err != nil {
			return "", err
		}
	}
	if len(diffs) > 0 {
		if t.diff == "" || class(t.diff) != class(diffs[0]) {
			t.diff, t.seen = diffs[0], 0
		}
		t.seen++
	}
	switch {
	case late || len(diffs) > 0 && t.seen < sure:
		if t.tries < mostTries {
			g.again = append(g.again, t)
			return "", nil
		}
		g.tally.Unclear++
		return "", g.outcome(t.seed, "unclear: "+t.diff)
	case len(diffs) == 0 && t.diff != "":
		g.tally.Frames += len(t.Frames)
		g.tally.Unclear++
		return "", g.outcome(t.seed, "same, at another try: "+t.diff)
	case len(diffs) == 0:
		g.tally.Frames += len(t.Frames)
		return "", g.outcome(t.seed, "same")
	}
	g.tally.Frames += len(t.Frames)
	g.tally.Differ++
	g.tally.Classes[class(diffs[0])]++
	kept = filepath.Join(g.Found, t.Name)
	if err := replace(dir, kept); err != nil {
		return "", err
	}
	return kept, g.outcome(t.seed, "differs: "+diffs[0])
}

// latest is how late a frame may come in the VM: beyond, timers have expired
// that shouldn't have.
const latest = 1100 * time.Millisecond

// late reports whether the recording of a case was taken by a machine too busy to
// keep its times.
func (c *Case) late(dir string) (bool, error) {
	recorded, err := Load(dir)
	if err != nil {
		return false, err
	}
	for i := range min(len(c.Frames), len(recorded.Frames)) {
		if recorded.Frames[i].At-c.Frames[i].At > latest {
			return true, nil
		}
	}
	return false, nil
}

func (g *Campaign) outcome(seed uint64, text string) error {
	g.tally.Seeds++
	if text != "same" {
		fmt.Fprintf(g.Log, "seed %d %s\n", seed, text)
	}
	if g.State == nil {
		return nil
	}
	head, _, _ := strings.Cut(text, "\n")
	return g.State.Note(seed, g.Features, g.Frames, fmt.Sprintf("%q", head))
}

// about returns why the oracle refused a case, as its log says, and whether it
// did.
func about(log, name string) (string, bool) {
	_, text, ok := strings.Cut(log, "--- corpus/"+name+"\n")
	text, _, _ = strings.Cut(text, "FAIL ")
	return text, ok
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
