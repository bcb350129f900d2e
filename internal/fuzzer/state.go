package fuzzer

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// State remembers in a file which seeds are done, so that a run carries on where
// the last one ended: a line a seed, with its features, frames and outcome.
type State struct {
	file *os.File
	done map[string]bool
}

// OpenState reads the file, or starts it. Whoever changed the engine and wants
// all seeds anew removes it.
func OpenState(name string) (*State, error) {
	s := &State{done: map[string]bool{}}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines := bufio.NewScanner(strings.NewReader(string(b)))
	for lines.Scan() {
		if w := strings.Fields(lines.Text()); len(w) > 2 {
			s.done[strings.Join(w[:3], " ")] = true
		}
	}
	s.file, err = os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	return s, err
}

func key(seed uint64, f Features, frames int) string {
	return fmt.Sprintf("%d %x %d", seed, uint64(f), frames)
}

// Done reports whether a seed is done.
func (s *State) Done(seed uint64, f Features, frames int) bool { return s.done[key(seed, f, frames)] }

// Note writes down what became of a seed.
func (s *State) Note(seed uint64, f Features, frames int, outcome string) error {
	s.done[key(seed, f, frames)] = true
	_, err := fmt.Fprintln(s.file, key(seed, f, frames), outcome)
	return err
}

// Close closes the file.
func (s *State) Close() error { return s.file.Close() }
