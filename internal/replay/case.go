package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"goipvs/hooks"
	"goipvs/internal/setup"
)

// Meta is what a recorded case says of itself.
type Meta struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Kernel      string   `json:"kernel"`  // release of the recorded kernel, and more
	End         float64  `json:"t_end"`   // seconds; 0: not said
	ConnsAt     float64  `json:"t_conns"` // seconds; 0: not said
	GUEPort     uint16   `json:"gue_port"`
	Mask        []Mask   `json:"mask"`
	Unstable    []string `json:"unstable"` // listings that are not to be compared, without .txt
}

// Version returns the version whose rules the recorded kernel followed: those
// before 7.3 follow 6.1 for all that is told apart here.
func (m *Meta) Version() hooks.Kernel {
	var major, minor int
	if n, _ := fmt.Sscanf(m.Kernel, "%d.%d", &major, &minor); n == 2 && (major > 7 || major == 7 && minor >= 3) {
		return hooks.Linux7_3
	}
	return hooks.Linux6_1
}

// Mask says which fields of an output frame the kernel fills unpredictably.
type Mask struct {
	If     string   `json:"if"`
	N      int      `json:"n"` // the frame's number on its interface, from 1
	Fields []string `json:"fields"`
}

// Case is a recorded case's folder.
type Case struct {
	Dir  string
	Meta Meta
}

// OpenCase reads what a case says of itself. A folder without meta.json is a
// case, too, but one without setup.sh and in.pcapng is none.
func OpenCase(dir string) (*Case, error) {
	c := &Case{Dir: dir}
	for _, f := range []string{SetupFile, InFile} {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			return nil, plain(err)
		}
	}
	file := filepath.Join(dir, MetaFile)
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, plain(err)
	}
	if err := json.Unmarshal(b, &c.Meta); err != nil {
		var at int64
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = e.Offset
		} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			at = e.Offset
		}
		line := 1 + bytes.Count(b[:min(max(at, 0), int64(len(b)))], []byte{'\n'})
		return nil, &setup.Error{Position: setup.Position{File: file, Line: line}, Err: err}
	}
	for _, t := range []float64{c.Meta.End, c.Meta.ConnsAt} {
		if math.IsNaN(t) || t < 0 || t > setup.MaxTime.Seconds() {
			return nil, fmt.Errorf("%s: time %v out of range", file, t)
		}
	}
	return c, nil
}

// plain says what is wrong with a file, without the name of the system call.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", e.Path, e.Err)
	}
	return err
}

// listingDelay is how long after its noted time a recorded listing was taken,
// in the middle: read off the times of expiry in all of them. It is from -0.3
// to 1.5 s, as the recording machine was loaded.
const listingDelay = 200 * time.Millisecond

// Config returns what replays the case, and the open capture, which is the
// caller's to close.
func (c *Case) Config() (Config, *os.File, error) {
	r := Config{Kernel: c.Meta.Version(), End: seconds(c.Meta.End), ConnsAt: seconds(c.Meta.ConnsAt), ListingDelay: listingDelay}
	var err error
	if r.Setup, err = setup.ParseFile(filepath.Join(c.Dir, SetupFile)); err != nil {
		return r, nil, err
	}
	timeline := filepath.Join(c.Dir, TimelineFile)
	if r.Timeline, err = setup.ParseTimelineFile(timeline); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, nil, err
	}
	f, err := os.Open(filepath.Join(c.Dir, InFile))
	if err != nil {
		return r, nil, plain(err)
	}
	if r.Capture, err = NewCapture(f.Name(), f); err != nil {
		return r, nil, errors.Join(err, f.Close())
	}
	return r, f, nil
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

// Expects reports whether the case has output to compare with.
func (c *Case) Expects() bool {
	return slices.ContainsFunc([]string{OutFile, ListFile, ConnsFile, StatsFile, ShowsFile}, c.has)
}

func (c *Case) has(file string) bool {
	_, err := os.Stat(filepath.Join(c.Dir, file))
	return err == nil
}
