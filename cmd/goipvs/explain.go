package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"goipvs/internal/explain"
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
	f.BoolVar(&a.json, "json", false, "one JSON object a line, for programs")
	f.StringVar(&a.color, "color", "auto", "colours: auto (on a terminal, unless NO_COLOR is set), always or never")
	return cmd
}

// explainArgs are the options of explain.
type explainArgs struct {
	replayArgs
	packets explain.Numbers
	json    bool
	color   string
}

func (a *explainArgs) run(name string, stdout io.Writer) (err error) {
	color, err := a.colored(stdout)
	if err != nil {
		return err
	}
	s, err := a.open(name)
	if err != nil {
		return err
	}
	defer s.in.Close()
	out := bufio.NewWriter(stdout)
	var sink explain.Sink = &explain.Text{W: out, Style: trace.Style{Color: color}}
	if a.json {
		sink = explain.NewJSON(out)
	}
	if len(a.packets) > 0 {
		sink = &explain.Select{Sink: sink, Packets: a.packets}
	}
	_, err = explain.Run(s.Config, sink)
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	return err
}

// colored reports whether the output is to have colours.
func (a *explainArgs) colored(stdout io.Writer) (bool, error) {
	switch a.color {
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
