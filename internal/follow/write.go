package follow

import (
	"encoding/json"
	"io"

	"goipvs/internal/explain"
	"goipvs/internal/trace"
)

// Text is a Sink that writes for reading.
type Text struct{ explain.Text }

// Lost implements Sink.
func (t *Text) Lost(l *trace.Lost) error { return trace.WriteLost(t.W, l, t.Style) }

// Services implements Sink. It is for programs.
func (*Text) Services(*trace.Services) error { return nil }

// JSON is a Sink that writes each line as a JSON object (docs/explain-json.md).
type JSON struct {
	*explain.JSON
	enc *json.Encoder
}

// NewJSON returns one that writes to w.
func NewJSON(w io.Writer) *JSON { return &JSON{explain.NewJSON(w), json.NewEncoder(w)} }

// Lost implements Sink.
func (j *JSON) Lost(l *trace.Lost) error { return j.enc.Encode(l) }

// Services implements Sink.
func (j *JSON) Services(s *trace.Services) error { return j.enc.Encode(s) }
