package main

import (
	"context"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"goipvs/internal/control"
	"goipvs/internal/explain"
	"goipvs/internal/filter"
	"goipvs/internal/follow"
	"goipvs/internal/trace"
)

// newTraceCommand is `goipvs trace`, about the daemon at *socket.
func newTraceCommand(socket *string) *cobra.Command {
	var a traceArgs
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Say what the running daemon does with each packet, and why",
		Long: `Tells of the packets that the daemon gets, while they come, what goipvs explain
tells of those of a capture: which hooks they met, what each function of IPVS found
and decided there and why, what changed in their headers, and where they went; and
which connections end by time. What rules keep from the daemon, as it concerns no
service, it can't tell of.

No packet waits for being told of: what comes too fast, or is read too slowly, is
left out, and how many that were is said. It ends after -c packets, by Ctrl-C, or
when the daemon ends (exit code 1).

What each reason means: docs/reasons.md. The form of --json: docs/explain-json.md.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			return a.run(ctx, *socket, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.Filter, "filter", "", "only packets for which a tcpdump `expression` holds, as they came or as they left")
	f.Uint32VarP(&a.Packets, "count", "c", 0, "end after so many packets; 0: go on")
	f.BoolVar(&a.json, "json", false, "one JSON object a line, for programs")
	f.StringVar(&a.color, "color", "auto", "colours: auto (on a terminal, unless NO_COLOR is set), always or never")
	return cmd
}

// traceArgs are the options of trace.
type traceArgs struct {
	control.TraceRequest
	json  bool
	color string
}

func (a *traceArgs) run(ctx context.Context, socket string, w io.Writer) error {
	if _, err := filter.Parse(a.Filter); err != nil {
		return err
	}
	color, err := colored(a.color, w)
	if err != nil {
		return err
	}
	conn, err := control.Dial(socket)
	if err != nil {
		return answerNo(err)
	}
	var to follow.Sink = &follow.Text{Text: explain.Text{W: w, Style: trace.Style{Color: color}}}
	if a.json {
		to = follow.NewJSON(w)
	}
	if err := follow.Run(ctx, conn, a.TraceRequest, to); err != nil {
		return answerNo(err)
	}
	return nil
}
