package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"goipvs/hooks"
	"goipvs/internal/replay"
	"goipvs/internal/setup"
)

func newReplayCommand() *cobra.Command {
	var a replayArgs
	cmd := &cobra.Command{
		Use:   "replay [-o OUTDIR] CASEDIR | --setup FILE [--timeline FILE] [-o OUTDIR] CAPTURE",
		Short: "Run a director from a capture",
		Long: `Feeds a capture to an emulated host with a director, which a setup file
configures with the very ip, sysctl and ipvsadm lines that configure a real one,
and collects what leaves it. The clock is the capture's.

CASEDIR is a recorded case: setup.sh, timeline.sh, in.pcapng. Where it has
out.pcapng or listings, the output is compared with them, and the first
differences are printed; the exit code is then 1. Without --kernel the rules are
those of the recorded kernel.

CAPTURE is any pcap or pcapng file of Ethernet, raw IP or Linux cooked frames.
Interfaces are found by their names; one that the capture doesn't name is --iface.
The clock of the timeline (lines "at SECONDS COMMAND") starts with the first
frame. Frames of which the capture has only the beginning are passed over.

With -o, OUTDIR gets out.pcapng, list.txt, conns.txt, stats.txt and shows.txt.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(args[0], cmd.OutOrStdout())
		},
	}
	a.flags(cmd)
	cmd.Flags().StringVarP(&a.out, "output", "o", "", "the folder to write to")
	return cmd
}

// replayArgs are the options that say what is replayed, and replay's own.
type replayArgs struct {
	setup, timeline, iface string
	kernel                 hooks.Kernel
	chosen                 func() bool // whether the kernel was

	out string
}

// flags defines the options that say what is replayed.
func (a *replayArgs) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.setup, "setup", "", "what the director was told: ip, sysctl and ipvsadm lines, a `file`")
	f.StringVar(&a.timeline, "timeline", "", "what it was told later, a `file`: lines \"at SECONDS COMMAND\"")
	f.StringVar(&a.iface, "iface", "", "the interface of a capture that doesn't name it")
	kernelVar(f, &a.kernel)
	a.chosen = func() bool { return f.Changed("kernel") }
}

// source is what is to be replayed.
type source struct {
	replay.Config
	of *replay.Case // nil: no case but somebody's capture
	in *os.File
}

// open opens the case or, with --setup, the capture of a name. The file in it is
// the caller's to close.
func (a *replayArgs) open(name string) (*source, error) {
	if a.setup != "" {
		return a.openCapture(name)
	}
	switch {
	case a.timeline != "":
		return nil, errors.New("--timeline goes with --setup")
	case a.iface != "":
		return nil, errors.New("--iface goes with --setup")
	}
	if i, err := os.Stat(name); err == nil && !i.IsDir() {
		return nil, fmt.Errorf("%s: no folder of a case; a capture needs --setup FILE", name)
	}
	c, err := replay.OpenCase(name)
	if err != nil {
		return nil, err
	}
	config, in, err := c.Config()
	if err != nil {
		return nil, err
	}
	if a.chosen() {
		config.Kernel = a.kernel
	}
	return &source{config, c, in}, nil
}

func (a *replayArgs) openCapture(name string) (*source, error) {
	c := replay.Config{Iface: a.iface, Implied: true, FromFirst: true, Kernel: a.kernel}
	var err error
	if c.Setup, err = setup.ParseFile(a.setup); err != nil {
		return nil, err
	}
	if a.timeline != "" {
		if c.Timeline, err = setup.ParseTimelineFile(a.timeline); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(name)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%s: %w", name, e.Err)
	} else if err != nil {
		return nil, err
	}
	if i, err := f.Stat(); err == nil && i.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s: a folder; with --setup a capture is wanted", name), f.Close())
	}
	if c.Capture, err = replay.NewCapture(name, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &source{c, nil, f}, nil
}

func (a *replayArgs) run(name string, stdout io.Writer) error {
	s, err := a.open(name)
	if err != nil {
		return err
	}
	defer s.in.Close()
	switch {
	case s.of == nil && same(name, filepath.Join(a.out, replay.OutFile)):
		return fmt.Errorf("%s: would be overwritten", name)
	case s.of == nil || !s.of.Expects():
		return a.replay(s.Config, stdout)
	}
	return a.compare(s.of, s.Config, stdout)
}

// compare replays a case and compares.
func (a *replayArgs) compare(c *replay.Case, config replay.Config, stdout io.Writer) error {
	out := a.out
	if out == "" {
		dir, err := os.MkdirTemp("", "goipvs")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		out = dir
	} else if same(out, c.Dir) {
		return fmt.Errorf("%s: is the case itself", out)
	}
	r, err := write(config, out)
	if err != nil {
		return err
	}
	d, err := c.Compare(out)
	if err != nil {
		return err
	}
	name := filepath.Base(filepath.Clean(c.Dir))
	if len(d) == 0 {
		in, out := 0, 0
		for _, i := range r.Interfaces {
			in, out = in+i.In, out+i.Out
		}
		_, err := fmt.Fprintf(stdout, "%s: equal (%d frames in, %d out)\n", name, in, out)
		return err
	}
	const most = 5
	fmt.Fprintf(stdout, "%s: differs\n", name)
	for _, x := range d[:min(len(d), most)] {
		fmt.Fprintln(stdout, " ", x)
	}
	if len(d) > most {
		fmt.Fprintf(stdout, "  … and %d more\n", len(d)-most)
	}
	return answerNo(nil)
}

// replay replays, and prints a summary: with the listings, unless they are
// written to a folder.
func (a *replayArgs) replay(c replay.Config, stdout io.Writer) error {
	var r *replay.Report
	var err error
	if a.out != "" {
		r, err = write(c, a.out)
	} else {
		r, err = replay.Run(c, replay.Printer{W: stdout})
	}
	if err != nil {
		return err
	}
	return r.Print(stdout)
}

// write replays into a folder.
func write(c replay.Config, dir string) (*replay.Report, error) {
	o, err := replay.NewOutDir(dir)
	if err != nil {
		return nil, err
	}
	r, err := replay.Run(c, o)
	if closed := o.Close(); err == nil {
		err = closed
	}
	return r, err
}

// same reports whether two names are of one file or folder.
func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}
