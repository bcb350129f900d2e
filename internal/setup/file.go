package setup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ParseFile parses the setup file of a name. An error names it.
func ParseFile(name string) ([]Line, error) { return parseFile(name, Parse) }

// ParseTimelineFile parses the timeline of a name. An error names it.
func ParseTimelineFile(name string) ([]Line, error) { return parseFile(name, ParseTimeline) }

func parseFile(name string, parse func(string, io.Reader) ([]Line, error)) ([]Line, error) {
	f, err := os.Open(name)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%s: %w", name, e.Err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parse(name, f)
}
