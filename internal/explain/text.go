package explain

import (
	"fmt"
	"io"

	"goipvs/internal/trace"
)

// Text is a Sink that writes for reading.
type Text struct {
	W     io.Writer
	Style trace.Style
}

// Start implements Sink.
func (*Text) Start(*trace.Start) error { return nil }

// Passage implements Sink.
func (t *Text) Passage(g *trace.Passage) error { return trace.WriteText(t.W, g, t.Style) }

// Listing implements Sink.
func (*Text) Listing(*trace.Listing) error { return nil }

// End implements Sink.
func (t *Text) End(e *trace.End) error { return notes(t.W, e) }

// notes writes what there is to say of a replay as a whole.
func notes(w io.Writer, e *trace.End) error {
	for _, n := range e.Notes {
		if _, err := fmt.Fprintln(w, n); err != nil {
			return err
		}
	}
	return nil
}
