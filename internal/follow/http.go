package follow

import (
	"net/http"

	"goipvs/internal/control"
	"goipvs/internal/trace"
)

// Handler answers a request with what the daemon at socket tells from then on, in
// lines of JSON, as long as it is read. Each reader is a tracer of its own, so that a
// slow one loses only for itself.
func Handler(socket string, o control.TraceRequest) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := control.Dial(socket)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		flush := &flushed{w: w, to: http.NewResponseController(w)}
		to := &ending{JSON: NewJSON(flush), end: trace.End{Type: "end"}}
		if err := Run(r.Context(), conn, o, to); err != nil {
			if !flush.begun {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			to.end.Notes = []string{err.Error()}
		}
		_ = to.JSON.End(&to.end) // the reader may have gone, to whom it matters no more
	})
}

// ending keeps the last line, until it is known why it is the last.
type ending struct {
	*JSON
	end trace.End
}

// End implements Sink.
func (e *ending) End(x *trace.End) error {
	e.end = *x
	return nil
}

// flushed writes to a reader at once.
type flushed struct {
	w     http.ResponseWriter
	to    *http.ResponseController
	begun bool
}

// Write implements io.Writer.
func (f *flushed) Write(b []byte) (int, error) {
	f.begun = true
	n, err := f.w.Write(b)
	if err == nil {
		err = f.to.Flush()
	}
	return n, err
}
