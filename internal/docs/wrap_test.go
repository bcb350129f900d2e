package docs

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Each hazard of docs/wrap.md has tests that exist, or a reason why not.
func TestHazards(t *testing.T) {
	b, err := os.ReadFile(root + "/docs/wrap.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := readTests(t)
	n := 0
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 {
			continue
		}
		if id, err := strconv.Atoi(strings.TrimSpace(cells[1])); err != nil {
			continue
		} else if n++; id != n {
			t.Errorf("hazard %d stands where %d should", id, n)
		}
		named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(cells[4], -1)
		if len(named) == 0 && !strings.Contains(cells[4], "none: ") {
			t.Errorf("hazard %d has neither tests nor a reason", n)
		}
		for _, m := range named {
			if _, ok := tests["internal/wrap."+m[1]]; !ok {
				t.Errorf("hazard %d: no test %s", n, m[1])
			}
		}
	}
	if n != 16 {
		t.Errorf("%d hazards", n)
	}
}
