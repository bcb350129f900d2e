package page

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var rounds = flag.Int("rounds", 1, "how often to measure how long pages take to load")

// watch notes when a page is ready, and when its engine has answered, in
// milliseconds since the page was asked for.
const watch = `new MutationObserver(() => {
	const d = document.body && document.body.dataset;
	if (!d) return;
	if (d.ready === "true" && !window.readyAt) window.readyAt = performance.now();
	if (d.played > 0 && !window.playedAt) window.playedAt = performance.now();
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-ready", "data-played"] });`

// TestLoad says how large pages are and how long they take, for docs/view.md: until
// a page can be used, and from the click that opens the playground to the
// engine's first answer. Each round has new tabs.
func TestLoad(t *testing.T) {
	small, many := pageWithPlayground(t, "nat-syn-ports"), manyPackets(t)
	var ready, answer, large []float64
	for range *rounds {
		b := load(t, small)
		ready = append(ready, eval[float64](b, "readyAt"))
		b.do(`window.clicked = performance.now(); document.getElementById("play-toggle").click();`)
		b.wait(`document.getElementById("setup").value !== "" && !document.getElementById("captured").hidden`)
		b.do(`document.getElementById("run").click();`)
		b.wait(`window.playedAt`)
		b.want("errors", b.one("#play-error"), "")
		answer = append(answer, eval[float64](b, "playedAt - clicked"))
		large = append(large, eval[float64](load(t, many), "readyAt"))
	}
	t.Logf("24 packets with the engine: %d octets, ready after %s; the engine's first answer after %s", len(small), spread(ready), spread(answer))
	t.Logf("10,000 packets without it: %d octets, ready after %s", len(many), spread(large))
}

// load opens a page from disk that is watched.
func load(t *testing.T, html []byte) *tab {
	t.Helper()
	b := open(t, []byte("<!doctype html><body data-ready=true>"), "", 1440, 900)
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, html, 0o644); err != nil {
		t.Fatal(err)
	}
	b.call("Page.enable", nil, nil)
	b.call("Page.addScriptToEvaluateOnNewDocument", object{"source": watch}, nil)
	b.call("Page.navigate", object{"url": "file://" + file}, nil)
	b.wait(`window.readyAt`)
	return b
}

// spread writes the median of times, and the least and the most.
func spread(ms []float64) string {
	slices.Sort(ms)
	return fmt.Sprintf("%.0f ms [%.0f to %.0f]", ms[len(ms)/2], ms[0], ms[len(ms)-1])
}
