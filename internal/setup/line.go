package setup

import (
	"fmt"
	"io"
	"time"
)

// Position is where a line stands.
type Position struct {
	File string // as the user named it
	Line int    // from 1
}

// String returns "FILE:LINE".
func (p Position) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Line is one line's command.
type Line struct {
	Position
	At      time.Duration // in a timeline: when; in a setup file: 0
	Text    string        // the command as it stands, words folded
	Command Command
}

// Run runs the line's command. An error says where the line is: it is an
// *Error.
func (l Line) Run(m Machine, out io.Writer) error {
	if err := l.Command.Run(m, out); err != nil {
		return &Error{Position: l.Position, Err: err}
	}
	return nil
}

// Run runs lines until one fails.
func Run(lines []Line, m Machine, out io.Writer) error {
	for _, l := range lines {
		if err := l.Run(m, out); err != nil {
			return err
		}
	}
	return nil
}

// Error is what is wrong with a line, and where.
type Error struct {
	Position
	Word string // the word that is wrong; "" where it is the whole line
	Err  error
}

// Error returns "FILE:LINE: what is wrong".
func (e *Error) Error() string {
	if e.Word == "" {
		return fmt.Sprintf("%s: %v", e.Position, e.Err)
	}
	return fmt.Sprintf("%s: %v %q", e.Position, e.Err, e.Word)
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Interfaces returns the names of the interfaces that lines name but do not
// add, in order, without the loopback interface.
func Interfaces(lines []Line) []string {
	var names []string
	added := map[string]bool{"": true, "lo": true}
	for _, l := range lines {
		name := ""
		switch c := l.Command.(type) {
		case LinkAdd:
			added[c.Name] = true
		case LinkSet:
			name = c.Name
		case AddrAdd:
			name = c.Dev
		case RouteAdd:
			name = c.Dev
		case NeighAdd:
			name = c.Dev
		}
		if !added[name] {
			added[name] = true
			names = append(names, name)
		}
	}
	return names
}
