package fuzzer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"goipvs/hooks"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
)

// Case is what a director is told and gets: the input of a recorded case.
type Case struct {
	Name, Description string
	Arms              int      // Ethernet interfaces
	Setup             []string // commands
	Timeline          []Command
	Frames            []Frame
	End               time.Duration // when the listings are taken
	GUEPort           uint16
	Kernel            hooks.Kernel // whose rules the engine follows
}

// Command is a command of the timeline.
type Command struct {
	At   time.Duration
	Line string
}

// Frame is a frame on an Ethernet interface, or a datagram of a local process.
type Frame struct {
	At    time.Duration
	Iface string
	Data  []byte
}

// interfaces returns the interfaces that the captures of a case declare.
func interfaces(arms int) []replay.CaptureIf {
	var all []replay.CaptureIf
	for i := range arms {
		all = append(all, replay.CaptureIf{Name: fmt.Sprintf("eth%d", i), Link: replay.LinkEthernet})
	}
	return append(all, replay.CaptureIf{Name: replay.LocalName, Link: replay.LinkRaw})
}

// meta is meta.json of a case that has no recording yet.
type meta struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	End         float64  `json:"t_end"`
	GUEPort     uint16   `json:"gue_port,omitempty"`
}

// Write makes the folder of a case, for the oracle to replay.
func (c *Case) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	m, err := json.MarshalIndent(meta{c.Name, c.Description, []string{"found"}, c.End.Seconds(), c.GUEPort}, "", " ")
	if err != nil {
		return err
	}
	files := map[string]string{
		replay.SetupFile: strings.Join(c.Setup, "\n") + "\n",
		replay.MetaFile:  string(m) + "\n",
	}
	if len(c.Timeline) > 0 {
		files[replay.TimelineFile] = c.timeline()
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	return c.writeCapture(filepath.Join(dir, replay.InFile))
}

func (c *Case) writeCapture(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(f)
	return errors.Join(c.capture(b).Err(), b.Flush(), f.Close())
}

func (c *Case) timeline() string {
	var b strings.Builder
	for _, x := range c.Timeline {
		fmt.Fprintf(&b, "at %.6f %s\n", x.At.Seconds(), x.Line)
	}
	return b.String()
}

func (c *Case) capture(w io.Writer) *replay.Writer {
	p := replay.NewWriter(w)
	index := map[string]int{}
	for i, x := range interfaces(c.Arms) {
		index[x.Name] = i
		p.AddInterface(x)
	}
	for _, f := range c.Frames {
		p.Write(index[f.Iface], f.At, f.Data, "")
	}
	return p
}

// Load reads a case's input from its folder.
func Load(dir string) (*Case, error) {
	rc, err := replay.OpenCase(dir)
	if err != nil {
		return nil, err
	}
	c := &Case{
		Name: rc.Meta.Name, Description: rc.Meta.Description, GUEPort: rc.Meta.GUEPort,
		End: time.Duration(rc.Meta.End * float64(time.Second)),
	}
	text, err := os.ReadFile(filepath.Join(dir, replay.SetupFile))
	if err != nil {
		return nil, err
	}
	c.Setup = strings.Split(strings.TrimSpace(string(text)), "\n")
	if name := filepath.Join(dir, replay.TimelineFile); fileExists(name) {
		lines, err := setup.ParseTimelineFile(name)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			c.Timeline = append(c.Timeline, Command{l.At, l.Text})
		}
	}
	f, err := os.Open(filepath.Join(dir, replay.InFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	capture, err := replay.NewCapture(f.Name(), f)
	if err != nil {
		return nil, err
	}
	for {
		x, err := capture.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		c.Frames = append(c.Frames, Frame{x.Time, capture.Interfaces()[x.If].Name, append([]byte(nil), x.Data...)})
	}
	c.Arms = len(capture.Interfaces()) - 1
	return c, nil
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// rename sets the name in a meta.json.
func rename(file, name string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	text := strings.Replace(string(b), fmt.Sprintf(`"name": %q`, m.Name), fmt.Sprintf(`"name": %q`, name), 1)
	return os.WriteFile(file, []byte(text), 0o666)
}
