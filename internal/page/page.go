package page

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/template"

	"goipvs/internal/explain"
	"goipvs/internal/page/play"
	"goipvs/internal/trace"
	"goipvs/packet"
)

//go:embed assets
var assets embed.FS

// scripts are the page's own, in the order in which they are run.
var scripts = []string{"model.js", "dom.js", "rows.js", "graph.js", "picture.js", "walk.js", "state.js", "app.js", "capture.js", "examples.js", "play.js", "live.js", "start.js"}

// Page is an explain.Sink that keeps what it is told for a page. The zero value
// is no Page: New makes one.
type Page struct {
	Title      string      // names what is explained; "": nothing is, the page is a playground alone
	Playground *Playground // nil: the page has none
	// Keep is, for a page that is told while it is shown, how many packets and the
	// like it keeps: it asks for lines at "lines", beside where it is served. 0: all
	// that it shows it has in it.
	Keep int

	lines bytes.Buffer // gzipped
	zip   *gzip.Writer
	*explain.JSON
}

// New returns a page with nothing in it.
func New(title string) *Page {
	p := &Page{Title: title}
	p.zip, _ = gzip.NewWriterLevel(&p.lines, gzip.BestCompression) // the level is one
	p.JSON = explain.NewJSON(p.zip)
	return p
}

var _ explain.Sink = (*Page)(nil)

// reason is what there is to know about a reason, as the page has it.
type reason struct {
	Effect  string `json:"effect"`
	Meaning string `json:"meaning"`
	Advice  string `json:"advice,omitempty"`
}

// facts are what the page knows beside the lines.
type facts struct {
	Title   string                   `json:"title"`
	Reasons map[packet.Reason]reason `json:"reasons"`
	Kernels []string                 `json:"kernels"` // that the playground can follow
	Live    *live                    `json:"live,omitempty"`
}

// live says how a page is told while it is shown.
type live struct {
	Keep int `json:"keep"`
}

// Write writes the page. It is called once, when the page was told all.
func (p *Page) Write(w io.Writer) error {
	if err := p.zip.Close(); err != nil {
		return err
	}
	f := facts{Title: p.Title, Kernels: play.Kernels, Reasons: map[packet.Reason]reason{}}
	for _, d := range trace.Reasons() {
		f.Reasons[d.Reason] = reason{d.Effect.String(), d.Meaning, d.Advice}
	}
	if p.Keep > 0 {
		f.Live = &live{p.Keep}
	}
	known, err := json.Marshal(f) // escapes <, so it ends no script
	if err != nil {
		return err
	}
	html, err := parts()
	if err != nil {
		return err
	}
	values := map[string]any{
		"Title": p.Title, "Facts": string(known), "Lines": base64.StdEncoding.EncodeToString(p.lines.Bytes()),
		"Live": p.Keep > 0,
	}
	if p.Playground != nil {
		values["Engine"], values["Glue"] = base64.StdEncoding.EncodeToString(p.Playground.engine), string(p.Playground.glue)
	}
	return html.Execute(w, values)
}

// parts puts style and scripts into the template.
func parts() (*template.Template, error) {
	read := func(names ...string) (string, error) {
		var s strings.Builder
		for _, n := range names {
			b, err := assets.ReadFile("assets/" + n)
			if err != nil {
				return "", fmt.Errorf("the page's %w", err)
			}
			s.Write(b)
		}
		return s.String(), nil
	}
	html, err := read("page.html")
	if err != nil {
		return nil, err
	}
	return template.New("page").Funcs(template.FuncMap{
		"style":  func() (string, error) { return read("page.css") },
		"script": func() (string, error) { return read(scripts...) },
	}).Parse(html)
}
