package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"goipvs/internal/explain"
	"goipvs/internal/filter"
	"goipvs/internal/page"
	"goipvs/internal/replay"
	"goipvs/internal/trace"
)

func newExplainCommand() *cobra.Command {
	var a explainArgs
	cmd := &cobra.Command{
		Use:   "explain [flags] CASEDIR | --setup FILE [--timeline FILE] CAPTURE",
		Short: "Say what happens to each packet, and why",
		Long: `Replays a capture as goipvs replay does, and tells for each packet which hooks it
met, what each function of IPVS found and decided there and why, what changed in
its headers, and where it went. What happens between packets is told, too:
connections that expire, commands of the timeline.

What each reason means, and what to do about it: docs/reasons.md.
The form of --json: docs/explain-json.md.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(args[0], cmd.OutOrStdout()) },
	}
	a.flags(cmd)
	f := cmd.Flags()
	f.Var(&a.packets, "packet", "only these packets, by their `numbers` in the capture: 3 or 3,7-9")
	f.StringVar(&a.filter, "filter", "", "only packets for which a tcpdump `expression` holds, as they came or as they left")
	f.BoolVar(&a.lost, "lost", false, "only packets that were lost")
	f.BoolVar(&a.brief, "brief", false, "a line for each packet, and how many there were of each kind")
	f.BoolVar(&a.conn, "conn", false, "the life of each connection instead, from its first packet to its end")
	f.StringVar(&a.pcapng, "pcapng", "", "write a `file` with the frames that came and that left, a comment on each, for Wireshark")
	f.StringVar(&a.observed, "observed", "", "compare with what a real director sent, a `capture`: explain the packet where it first differs")
	f.BoolVar(&a.json, "json", false, "one JSON object a line, for programs")
	f.StringVar(&a.html, "html", "", "write a page for a browser to a `file`: one that needs neither network nor server (docs/view.md)")
	f.BoolVar(&a.small, "no-playground", false, "of --html: leave out the engine, for a small page")
	f.StringVar(&a.color, "color", "auto", "colours: auto (on a terminal, unless NO_COLOR is set), always or never")
	return cmd
}

// explainArgs are the options of explain.
type explainArgs struct {
	replayArgs
	packets     explain.Numbers
	filter      string
	lost, brief bool
	pcapng      string
	html        string
	small       bool // html
	observed    string
	conn, json  bool
	color       string
}

func (a *explainArgs) run(name string, stdout io.Writer) (err error) {
	choice := explain.Choice{Packets: a.packets, Lost: a.lost}
	more := a.json || a.conn || a.brief || a.filter != "" || !choice.All()
	switch {
	case a.html != "" && (a.pcapng != "" || a.observed != "" || more):
		return errors.New("--html goes alone")
	case a.pcapng != "" && (a.json || a.conn || a.brief):
		return errors.New("--pcapng goes without --json, --conn and --brief")
	case a.observed != "" && (a.pcapng != "" || more):
		return errors.New("--observed goes alone")
	case a.brief && (a.json || a.conn):
		return errors.New("--brief goes without --json and --conn")
	}
	color, err := colored(a.color, stdout)
	if err != nil {
		return err
	}
	if a.filter != "" {
		if choice.Filter, err = filter.Parse(a.filter); err != nil {
			return err
		}
	}
	s, err := a.open(name)
	if err != nil {
		return err
	}
	defer s.in.Close()
	style := trace.Style{Color: color}
	if a.observed != "" {
		return a.compare(s, stdout, style)
	}
	if a.html != "" {
		return a.page(s, name)
	}
	if a.pcapng != "" {
		if same(name, a.pcapng) {
			return fmt.Errorf("%s: would be overwritten", name)
		}
		f, err := os.Create(a.pcapng)
		if err != nil {
			return err
		}
		return errors.Join(a.explain(s, f, choice, style), f.Close())
	}
	return a.explain(s, stdout, choice, style)
}

// explain writes the explanation to w.
func (a *explainArgs) explain(s *source, w io.Writer, c explain.Choice, st trace.Style) error {
	out := bufio.NewWriter(w)
	chosen, of := 0, 0
	_, err := explain.Run(s.Config, a.sink(out, c.All(), func(g *trace.Passage) bool {
		if g.Type == "packet" {
			of++
		}
		if !c.Has(g) {
			return false
		}
		chosen++
		return true
	}, st))
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if of > 0 && chosen == 0 {
		return answerNo(fmt.Errorf("none of the %d packets is one of those asked for", of))
	}
	return nil
}

// page writes the explanation as a page.
func (a *explainArgs) page(s *source, name string) error {
	if same(name, a.html) {
		return fmt.Errorf("%s: would be overwritten", name)
	}
	p := page.New(filepath.Base(filepath.Clean(name)))
	if !a.small {
		p.Playground = page.Embedded()
	}
	if _, err := explain.Run(s.Config, p); err != nil {
		return err
	}
	f, err := os.Create(a.html)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	err = p.Write(out)
	return errors.Join(err, out.Flush(), f.Close())
}

// compare holds what a real director sent against what IPVS sends.
func (a *explainArgs) compare(s *source, w io.Writer, st trace.Style) error {
	f, err := os.Open(a.observed)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", a.observed, e.Err)
	} else if err != nil {
		return err
	}
	defer f.Close()
	c, err := replay.NewCapture(a.observed, f)
	if err != nil {
		return err
	}
	x, err := explain.NewObserved(c, a.iface)
	if err != nil {
		return err
	}
	x.W, x.Style = w, st
	if s.of != nil {
		x.Mask, x.GUE = s.of.Meta.Mask, s.of.Meta.GUEPort
		if x.Mask == nil {
			x.Mask = []replay.Mask{}
		}
	}
	if _, err := explain.Run(s.Config, x); err != nil {
		return err
	}
	if x.Differs {
		return answerNo(nil)
	}
	return nil
}

// sink returns what writes the explanation of all packets, or of those chosen.
func (a *explainArgs) sink(w io.Writer, all bool, chosen func(*trace.Passage) bool, st trace.Style) explain.Sink {
	var sink explain.Sink
	switch {
	case a.conn && a.json:
		return explain.LivesJSON(w, chosen)
	case a.conn:
		return explain.LivesText(w, st, chosen)
	case a.json:
		sink = explain.NewJSON(w)
	case a.pcapng != "":
		sink = explain.NewPcapNG(w)
	case a.brief:
		sink = &explain.Brief{W: w, Style: st}
	default:
		sink = &explain.Text{W: w, Style: st}
	}
	if all {
		return sink
	}
	return &explain.Select{Sink: sink, Chosen: chosen}
}

// colored reports whether the output is to have colours, by what --color says.
func colored(when string, stdout io.Writer) (bool, error) {
	switch when {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		f, ok := stdout.(*os.File)
		if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
			return false, nil
		}
		i, err := f.Stat()
		return err == nil && i.Mode()&os.ModeCharDevice != 0, nil
	}
	return false, errors.New("--color: auto, always or never is wanted")
}
