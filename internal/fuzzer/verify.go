package fuzzer

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"time"

	"goipvs/internal/replay"
)

// phases are by how much the engine's clock is set on before a case. The kernel's
// timer wheel rounds times of expiry up to its slots, whose beginnings depend on
// when the machine was booted: where the engine agrees with the recording for any
// of them there is no difference.
var phases = []time.Duration{
	0, 128 * time.Millisecond, 64 * time.Millisecond, 192 * time.Millisecond, 24 * time.Millisecond, 96 * time.Millisecond, 160 * time.Millisecond,
	224 * time.Millisecond, 512 * time.Millisecond, 1024 * time.Millisecond, 1536 * time.Millisecond,
}

// Check replays a recorded case through the engine and returns the differences.
func Check(dir string) ([]string, error) {
	var first []string
	for i, by := range phases {
		d, err := check(dir, by)
		if err != nil || len(d) == 0 {
			return nil, err
		}
		if i == 0 {
			first = d
		}
	}
	return first, nil
}

func check(dir string, by time.Duration) ([]string, error) {
	c, err := Load(dir)
	if err != nil {
		return nil, err
	}
	rc, err := replay.OpenCase(dir)
	if err != nil {
		return nil, err
	}
	for i := range c.Timeline {
		c.Timeline[i].At += by
	}
	for i := range c.Frames {
		c.Frames[i].At += by
	}
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	config.End += by
	config.Kernel = rc.Meta.Version()
	if rc.Meta.ConnsAt > 0 {
		config.ConnsAt = time.Duration(rc.Meta.ConnsAt*float64(time.Second)) + by
	}
	var b bytes.Buffer
	c.capture(&b)
	if config.Capture, err = replay.NewCapture(replay.InFile, &b); err != nil {
		return nil, err
	}
	to, err := os.MkdirTemp("", "goipvs-fuzz.")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(to)
	out, err := replay.NewOutDir(to)
	if err != nil {
		return nil, err
	}
	_, runErr := replay.Run(config, &setBack{out, by})
	if err := out.Close(); err != nil {
		return nil, err
	}
	if runErr != nil {
		return []string{"setup refused: " + runErr.Error()}, nil
	}
	return rc.Compare(to)
}

// setBack is an output folder whose clock is not set on.
type setBack struct {
	*replay.OutDir
	by time.Duration
}

// Output implements replay.Observer.
func (s *setBack) Output(iface int, at time.Duration, frame []byte) {
	s.OutDir.Output(iface, max(0, at-s.by), frame)
}

// Listing implements replay.Observer.
func (s *setBack) Listing(l replay.Listing) {
	l.At -= s.by
	s.OutDir.Listing(l)
}

var (
	numbers   = regexp.MustCompile(`[0-9a-f]*[0-9][0-9a-f.:]*`)
	afterWord = regexp.MustCompile(`after input (\d+)`)
)

// class returns what kind of difference a text tells of: two of one class
// probably have one cause.
func class(difference string) string {
	head, rest, _ := strings.Cut(difference, "\n")
	proto := ""
	for _, w := range []string{"ICMPv6", "ICMP", "TCP", "UDP", "SCTP", "GRE", "frag"} {
		if strings.Contains(rest, w) {
			proto += " " + w
		}
	}
	return numbers.ReplaceAllString(head, "#") + proto
}
