package page

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var shots = flag.String("shots", "", "a folder for pictures of the page")

// screens are sizes on which the page is looked at.
var screens = []struct {
	name          string
	width, height int
}{{"phone", 390, 844}, {"tablet", 820, 1180}, {"laptop", 1440, 900}, {"projector", 1920, 1080}}

// The page fits on every screen, light and dark: nothing sticks out at the
// side, and what one looks for is there.
func TestScreens(t *testing.T) {
	b := open(t, pageWithPlayground(t, "nat-syn-ports"), "#packet=1&step=9", 1440, 900)
	for _, s := range screens {
		b.size(s.width, s.height)
		for _, scheme := range []string{"light", "dark"} {
			b.media("", scheme)
			for _, playground := range []string{"", "-playground"} {
				b.shot(s.name + "-" + scheme + playground + ".png")
				b.fits(s.name, s.width)
				b.do(`document.getElementById("play-toggle").click()`)
				b.wait(`document.getElementById("setup").value !== ""`)
			}
		}
	}
}

// media says what the page is shown on: "print" or "" for a screen, light or
// dark, and nothing moves.
func (b *tab) media(media, scheme string) {
	b.Helper()
	b.call("Emulation.setEmulatedMedia", object{"media": media, "features": []object{
		{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
	}}, nil)
}

// fits checks that nothing is wider than the screen.
func (b *tab) fits(screen string, width int) {
	b.Helper()
	if w := eval[int](b, "document.documentElement.scrollWidth"); w > width {
		wide := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d + 1).map((e) => e.tagName + "." + e.className)`, width))
		b.Errorf("on a %s the page is %d wide: %v", screen, w, wide)
	}
	for _, part := range []string{"#picture svg", "#card", "#steps", "#list", "#next", "#slider"} {
		if !eval[bool](b, fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return r.width > 30 && r.height > 5; })()`, part)) {
			b.Errorf("on a %s %s can't be seen", screen, part)
		}
	}
}

// shot takes a picture, where somebody wants one.
func (b *tab) shot(name string) {
	b.Helper()
	if *shots == "" {
		return
	}
	var png struct{ Data []byte }
	b.call("Page.captureScreenshot", nil, &png)
	if err := os.WriteFile(filepath.Join(*shots, name), png.Data, 0o644); err != nil {
		b.Fatal(err)
	}
}

// Printed, the page has the packet's way with all steps, and no controls.
func TestPrint(t *testing.T) {
	b := open(t, pageOf(t, "nat-syn-ports"), "#packet=1&step=9", 1440, 900)
	var pdf struct{ Data []byte }
	b.call("Page.printToPDF", object{"printBackground": true, "paperWidth": 8.27, "paperHeight": 11.69}, &pdf)
	if !bytes.HasPrefix(pdf.Data, []byte("%PDF")) || len(pdf.Data) < 10000 {
		t.Errorf("%d octets, no PDF of the page", len(pdf.Data))
	}
	if *shots != "" {
		if err := os.WriteFile(filepath.Join(*shots, "print.pdf"), pdf.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.media("print", "light")
	for part, want := range map[string]bool{".transport": false, ".packets": false, "#picture svg": true, "#steps li:last-child": true, "#services table": true, ".conn": true} {
		if got := eval[bool](b, fmt.Sprintf(`document.querySelector(%q).getBoundingClientRect().height > 0`, part)); got != want {
			t.Errorf("%s in print: %v", part, got)
		}
	}
}
