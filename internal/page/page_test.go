package page

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/explain"
	"goipvs/internal/replay"
)

// explainCase explains a recorded case to a sink.
func explainCase(t *testing.T, name string, to explain.Sink) {
	t.Helper()
	c, err := replay.OpenCase("../../testdata/corpus/" + name)
	if err != nil {
		t.Fatal(err)
	}
	config, f, err := c.Config()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := explain.Run(config, to); err != nil {
		t.Fatal(err)
	}
}

// jsonLines returns what explain --json prints of a case.
func jsonLines(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	explainCase(t, name, explain.NewJSON(&b))
	return b.String()
}

// pageOf returns the page of a case.
func pageOf(t *testing.T, name string) []byte {
	t.Helper()
	p := New(name)
	explainCase(t, name, p)
	return written(t, p)
}

// The page has the very lines of explain --json in it.
func TestLines(t *testing.T) {
	const name = "nat-syn-ports"
	html := pageOf(t, name)
	m := regexp.MustCompile(`<script id="lines"[^>]*>([^<]*)</script>`).FindSubmatch(html)
	if m == nil {
		t.Fatal("the page has no lines")
	}
	zip, err := base64.StdEncoding.DecodeString(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(zip))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(jsonLines(t, name), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Errorf("explain --json (-), page (+):\n%s", d)
	}
}

// The page asks for nothing from elsewhere, and a title is no markup.
func TestSelfContained(t *testing.T) {
	p := New("</title><script>x")
	explainCase(t, "nat-syn-ports", p)
	html := string(written(t, p))
	if m := regexp.MustCompile(`(src|href)\s*=\s*["']?(https?:|//)|@import|\burl\([^#]`).FindString(html); m != "" {
		t.Errorf("the page refers to something else: %s", m)
	}
	if strings.Contains(html, "<script>x") {
		t.Error("the title is taken for markup")
	}
}
