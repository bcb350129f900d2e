package explain

import (
	"encoding/json"
	"io"

	"goipvs/internal/trace"
)

// JSON is a Sink that writes each line as a JSON object (docs/explain-json.md).
type JSON struct{ enc *json.Encoder }

// NewJSON returns one that writes to w, which the caller buffers.
func NewJSON(w io.Writer) *JSON {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &JSON{enc}
}

// Start implements Sink.
func (j *JSON) Start(s *trace.Start) error { return j.enc.Encode(s) }

// Passage implements Sink.
func (j *JSON) Passage(g *trace.Passage) error { return j.enc.Encode(g) }

// Listing implements Sink.
func (j *JSON) Listing(l *trace.Listing) error { return j.enc.Encode(l) }

// End implements Sink.
func (j *JSON) End(e *trace.End) error { return j.enc.Encode(e) }
