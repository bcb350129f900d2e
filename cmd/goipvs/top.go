package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goipvs/internal/control"
	"goipvs/internal/top"
)

// newTopCommand is `goipvs top`, about the daemon at *socket.
func newTopCommand(socket *string) *cobra.Command {
	o := top.Options{}
	var once bool
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the running daemon: rates, connections, what is dropped and why",
		Long: `Shows services and servers with their rates and connections, connections by
state, and what is dropped for which reason, again and again. Keys: s sorts by
something else, arrows and page keys move through the list, q ends.

Where the output is no terminal it is printed once, or -n times.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Every < 100*time.Millisecond || o.Times < 0 {
				return errors.New("-d: at least 100ms; -n: at least 0")
			}
			if once {
				o.Times = 1
			}
			conn, err := control.Dial(*socket)
			if err != nil {
				return answerNo(err)
			}
			defer conn.Close()
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
			defer stop()
			if err := showTop(ctx, control.NewClient(conn), o); err != nil {
				return answerNo(err)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.DurationVarP(&o.Every, "delay", "d", 2*time.Second, "`time` between updates")
	f.IntVarP(&o.Times, "number", "n", 0, "`number` of updates; 0: until q")
	f.BoolVar(&once, "once", false, "as -n 1")
	f.VarP(&o.Order, "sort", "s", "`order`: listed, conns, packets, octets, active")
	return cmd
}

// printWidth is the width of what is printed where there is no terminal.
const printWidth = 100

func showTop(ctx context.Context, c *control.Client, o top.Options) (err error) {
	if !top.IsTTY(os.Stdin) || !top.IsTTY(os.Stdout) || o.Times == 1 {
		o.Times = max(o.Times, 1)
		return top.Print(ctx, c, os.Stdout, printWidth, o)
	}
	t, err := top.OpenTTY(os.Stdin, os.Stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return top.Run(ctx, c, t, o)
}
