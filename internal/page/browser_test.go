package page

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// pack builds the playground as make build does, once.
var pack = sync.OnceValues(func() (*Playground, error) {
	dir, err := os.MkdirTemp("", "goipvs-page-test")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.Command("go", "run", "./pack", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go run ./pack: %w\n%s", err, out)
	}
	return OpenPlayground(os.DirFS(dir), ".")
})

// tab is a page that is open in the browser. What goes wrong in the page fails
// the test.
type tab struct {
	*testing.T
	browser *chromium
	session string
}

type object = map[string]any

// open opens a page from disk, at a place in it, on a screen of a size.
func open(t *testing.T, html []byte, hash string, width, height int) *tab {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, html, 0o644); err != nil {
		t.Fatal(err)
	}
	return openURL(t, "file://"+file+hash, width, height)
}

// openURL opens a page by its address.
func openURL(t *testing.T, url string, width, height int) *tab {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getuid() != 0 {
			t.Skip("needs chromium, which make tools installs as root")
		}
		t.Fatal("needs chromium, which make tools installs")
	}
	c, err := theBrowser()
	if err != nil {
		t.Fatal(err)
	}
	b := &tab{t, c, ""}
	var target struct{ TargetID string }
	b.call("Target.createTarget", object{"url": "about:blank"}, &target)
	var at struct{ SessionID string }
	b.call("Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &at)
	b.session = at.SessionID
	c.mu.Lock()
	c.events[b.session] = b.event
	c.mu.Unlock()
	t.Cleanup(func() {
		c.mu.Lock()
		delete(c.events, b.session)
		c.mu.Unlock()
		if err := c.call("", "Target.closeTarget", object{"targetId": target.TargetID}, nil); err != nil {
			t.Error(err)
		}
	})
	b.call("Runtime.enable", nil, nil)
	b.size(width, height)
	b.call("Page.navigate", object{"url": url}, nil)
	b.wait(`document.body && document.body.dataset.ready === "true"`)
	return b
}

// event hears of what goes wrong in the page.
func (b *tab) event(m message) {
	if m.Method == "Runtime.exceptionThrown" {
		s, _ := json.Marshal(m.Params)
		b.Errorf("in the page: %s", s)
	}
}

func (b *tab) call(method string, params, result any) {
	b.Helper()
	if err := b.browser.call(b.session, method, params, result); err != nil {
		b.Fatal(err)
	}
}

// size makes the screen as large as said, in CSS pixels.
func (b *tab) size(width, height int) {
	b.Helper()
	b.call("Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
}

// eval returns what an expression of JavaScript, or its promise, is.
func eval[T any](b *tab, expr string) (v T) {
	b.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", object{"expression": expr, "awaitPromise": true, "returnByValue": true}, &r)
	if e := r.ExceptionDetails; e != nil {
		b.Fatalf("%s: %s %s", expr, e.Text, e.Exception.Description)
	}
	if len(r.Result.Value) > 0 {
		if err := json.Unmarshal(r.Result.Value, &v); err != nil {
			b.Fatalf("%s: %v", expr, err)
		}
	}
	return v
}

// do runs JavaScript.
func (b *tab) do(expr string) {
	b.Helper()
	eval[any](b, "(() => {"+expr+"})()")
}

// wait waits until an expression is true, for five minutes at most.
func (b *tab) wait(expr string) {
	b.Helper()
	ok := eval[bool](b, fmt.Sprintf(`new Promise((done) => {
		const end = performance.now() + 300000;
		const look = () => { if (%s) done(true); else if (performance.now() > end) done(false); else setTimeout(look, 10); };
		look();
	})`, expr))
	if !ok {
		b.Fatalf("five minutes have passed, and this is not true: %s", expr)
	}
}

// text returns the text of the elements that a selector finds.
func (b *tab) text(selector string) []string {
	b.Helper()
	return eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll(%q)].map((e) => e.textContent)`, selector))
}

// one returns the text of the first element that a selector finds.
func (b *tab) one(selector string) string {
	b.Helper()
	all := b.text(selector)
	if len(all) == 0 {
		b.Fatalf("no %s in the page", selector)
	}
	return all[0]
}

// click presses the mouse in the middle of an element.
func (b *tab) click(selector string) {
	b.Helper()
	at := eval[[]float64](b, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({ block: "nearest" }); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, selector))
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", object{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1}, nil)
	}
}

// press presses keys, by their names.
func (b *tab) press(keys ...string) {
	b.Helper()
	for _, k := range keys {
		down := object{"type": "keyDown", "key": k}
		if k == "Escape" {
			down["windowsVirtualKeyCode"] = 27 // a dialog goes by this
		}
		if len(k) == 1 {
			down["text"] = k
		}
		b.call("Input.dispatchKeyEvent", down, nil)
		b.call("Input.dispatchKeyEvent", object{"type": "keyUp", "key": k}, nil)
	}
}

// typeText types a text where the focus is.
func (b *tab) typeText(text string) {
	b.Helper()
	b.press(strings.Split(text, "")...)
}

// hash returns where the address says that the page is.
func (b *tab) hash() string { return eval[string](b, "location.hash") }

// want checks what is at a place.
func (b *tab) want(what, got, want string) {
	b.Helper()
	if got != want {
		b.Errorf("%s: %q, want %q", what, got, want)
	}
}

// has checks that a text has another in it.
func (b *tab) has(what, got, part string) {
	b.Helper()
	if !strings.Contains(got, part) {
		b.Errorf("%s: %q lacks %q", what, got, part)
	}
}
