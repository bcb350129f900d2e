package lab

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateReadme = flag.Bool("update", false, "write README.md's transcript anew")

const (
	readme = "../../README.md"
	begin  = "```text\n$ make run\n"
)

// The README shows what appears.
func TestReadmeTranscript(t *testing.T) {
	needRoot(t)
	got := runLab(t, nil)
	b, err := os.ReadFile(readme)
	check(t, err)
	before, rest, ok := strings.Cut(string(b), begin)
	want, after, ends := strings.Cut(rest, "```\n")
	if !ok || !ends {
		t.Fatalf("%s has no transcript", readme)
	}
	if *updateReadme {
		want = strings.TrimRight(got, "\n") + "\n"
		check(t, os.WriteFile(readme, []byte(before+begin+want+"```\n"+after), 0o644))
	}
	if d := cmp.Diff(normal(want), normal(got)); d != "" {
		t.Errorf("%s (-) and what appears (+):\n%s", readme, d)
	}
}

var (
	clientPort = regexp.MustCompile(`(192\.0\.2\.100:)\d+`)
	expiry     = regexp.MustCompile(`\b\d\d:\d\d\b`)
	figures    = regexp.MustCompile(`( {2,}\d+){4}$`) // packets and octets of --stats
	spaces     = regexp.MustCompile(` +`)
)

// normal returns the lines of a transcript without what differs each time: the
// client's ports, times, how many packets TCP took, and the order of
// connections.
func normal(text string) []string {
	var lines, conns []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.TrimRight(line, " \n")
		line = clientPort.ReplaceAllString(line, "${1}PORT")
		line = expiry.ReplaceAllString(line, "MM:SS")
		line = figures.ReplaceAllString(line, " N N N N")
		line = spaces.ReplaceAllString(line, " ")
		if strings.Contains(line, "MM:SS") {
			conns = append(conns, line)
			continue
		}
		slices.Sort(conns)
		lines = append(append(lines, conns...), line)
		conns = nil
	}
	return append(lines, conns...)
}
