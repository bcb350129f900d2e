package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goipvs/hooks"
	"goipvs/internal/conns"
	"goipvs/internal/control"
	"goipvs/sched"
)

// newConnsCommand is `goipvs conns`, about the daemon at *socket.
func newConnsCommand(socket *string) *cobra.Command {
	var c conns.Choice
	var asJSON bool
	var limit uint32
	cmd := &cobra.Command{
		Use:   "conns",
		Short: "List connections of the running daemon, end them, drain servers",
		Long: `Lists the connections of the running daemon, those that meet all that is asked
for, as text or as JSON, an object a line. What has an asterisk behind its state
is a persistence template; a server with one was deleted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := c.Filter()
			if err != nil {
				return err
			}
			return withDaemon(*socket, func(client *control.Client) error {
				out := bufio.NewWriter(cmd.OutOrStdout())
				show := conns.Text
				if asJSON {
					show = conns.JSON
				} else {
					fmt.Fprint(out, conns.Head)
				}
				err := client.Conns(&f, limit, func(i *hooks.ConnInfo) error { return show(out, i) })
				return errors.Join(err, out.Flush())
			})
		},
	}
	choiceVar(cmd.Flags(), &c)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().Uint32Var(&limit, "limit", 0, "print no more than this `number`; 0: all")
	cmd.AddCommand(newConnsDeleteCommand(socket), newConnsDrainCommand(socket), newConnsOptionsCommand(socket))
	return cmd
}

// withDaemon does something with the daemon. What it has against it is the
// reason of exit code 1.
func withDaemon(socket string, f func(*control.Client) error) error {
	conn, err := control.Dial(socket)
	if err != nil {
		return answerNo(err)
	}
	defer conn.Close()
	if err := f(control.NewClient(conn)); err != nil {
		return answerNo(err)
	}
	return nil
}

func choiceVar(f *pflag.FlagSet, c *conns.Choice) {
	serviceVar(f, c)
	f.StringVarP(&c.Server, "server", "r", "", "of the server `ADDRESS[:PORT]`")
	f.StringVar(&c.Client, "client", "", "of the client `ADDRESS[/LENGTH]`")
	f.Uint16Var(&c.ClientPort, "client-port", 0, "from this `port` of the client")
	f.StringVar(&c.State, "state", "", "in the `state`, such as ESTABLISHED")
	f.DurationVar(&c.Older, "older", 0, "at least so `long` ago made, such as 90s")
	f.DurationVar(&c.Younger, "younger", 0, "at most so `long` ago made")
	f.DurationVar(&c.Idle, "idle", 0, "at least so `long` without a packet of the client or server")
	f.BoolVar(&c.Gone, "gone", false, "of servers that were deleted")
	f.StringVar(&c.Only, "only", "", "`what`: conns or templates")
}

// serviceVar are ipvsadm's options for services.
func serviceVar(f *pflag.FlagSet, c *conns.Choice) {
	f.StringVarP(&c.TCP, "tcp-service", "t", "", "of the TCP service `ADDRESS:PORT`")
	f.StringVarP(&c.UDP, "udp-service", "u", "", "of the UDP service `ADDRESS:PORT`")
	f.StringVar(&c.SCTP, "sctp-service", "", "of the SCTP service `ADDRESS:PORT`")
	f.Uint32VarP(&c.Mark, "fwmark-service", "f", 0, "of the service of a firewall `mark`")
	f.BoolVarP(&c.IPv6, "ipv6", "6", false, "that is IPv6's")
}

func newConnsDeleteCommand(socket *string) *cobra.Command {
	var c conns.Choice
	var all bool
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "End the connections that meet all that is asked for",
		Long: `Ends connections at once: the daemon forgets them, and nobody is told. To end
all of them takes --all.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := c.Filter()
			if err != nil {
				return err
			}
			if c.All() != all {
				return errors.New("either --all, or which")
			}
			return withDaemon(*socket, func(client *control.Client) error {
				gone, kept, err := client.DeleteConns(&f)
				if err == nil {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d ended\n", gone)
				}
				if err == nil && kept > 0 {
					err = fmt.Errorf("%d kept, as they control others", kept)
				}
				return err
			})
		},
	}
	choiceVar(cmd.Flags(), &c)
	cmd.Flags().BoolVar(&all, "all", false, "end all connections")
	return cmd
}

func newConnsDrainCommand(socket *string) *cobra.Command {
	var c conns.Choice
	d := conns.Drain{Every: time.Second}
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Take a server out of service when its connections are over",
		Long: `Gives a server of a service weight 0, and its clients' persistence up, and waits
until its connections are over, or the deadline; shows meanwhile what keeps it
alive. Connections in TIME_WAIT and CLOSE are over.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := c.Service()
			if err != nil {
				return err
			}
			if k == nil || c.Server == "" {
				return errors.New("a service and --server are needed")
			}
			if d.Within < 0 || d.Idle < 0 {
				return errors.New("--within and --idle: not negative")
			}
			d.Service = *k
			if d.Server, err = conns.ParseServer(c.Server); err != nil {
				return fmt.Errorf("--server %s: %w", c.Server, err)
			}
			if d.Server.Port == 0 {
				d.Server.Port = k.Port
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			d.Out, d.Wait = cmd.OutOrStdout(), func(t time.Duration) bool { return wait(ctx, t) }
			return withDaemon(*socket, func(client *control.Client) error {
				d.Client = client
				return d.Run()
			})
		},
	}
	f := cmd.Flags()
	serviceVar(f, &c)
	f.StringVarP(&c.Server, "server", "r", "", "the server `ADDRESS[:PORT]`; without a port, the service's")
	f.DurationVar(&d.Within, "within", 5*time.Minute, "the `deadline`")
	f.DurationVar(&d.Idle, "idle", 0, "connections without a packet for so `long` are over; 0: none are for that")
	f.BoolVar(&d.Force, "force", false, "end what is left at the deadline")
	f.BoolVar(&d.Remove, "remove", false, "delete the server at the end")
	return cmd
}

// wait lets time pass; false if ctx is done first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func newConnsOptionsCommand(socket *string) *cobra.Command {
	var c conns.Choice
	var tcp, fin, udp time.Duration
	var flush bool
	cmd := &cobra.Command{
		Use:   "options",
		Short: "Show or set what the kernel doesn't know of a service",
		Long: `Shows the options of a service, or sets those that are given; without a service,
those for all. They last until the service is deleted. Timeouts are as those of
ipvsadm --set, which hold where a service has none of its own (0s).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := c.Service()
			if err != nil {
				return err
			}
			f := cmd.Flags()
			timed := f.Changed("tcp") || f.Changed("tcp-fin") || f.Changed("udp")
			if k == nil && timed {
				return errors.New("timeouts for all services: ipvsadm --set")
			}
			for _, d := range []time.Duration{tcp, fin, udp} {
				if d < 0 || d%time.Second != 0 || d/time.Second >= 1<<31 {
					return fmt.Errorf("timeout %v: whole seconds, not negative", d)
				}
			}
			return withDaemon(*socket, func(client *control.Client) error {
				o, err := client.Options(k)
				if err != nil {
					return err
				}
				for name, v := range map[string]struct {
					to   *uint32
					from time.Duration
				}{"tcp": {&o.TCP, tcp}, "tcp-fin": {&o.TCPFin, fin}, "udp": {&o.UDP, udp}} {
					if f.Changed(name) {
						*v.to = uint32(v.from / time.Second)
					}
				}
				if f.Changed("flush-udp") {
					o.FlushUDP = flush
				}
				switch {
				case k == nil && f.Changed("flush-udp"):
					return client.SetFlushUDP(flush)
				case k != nil && (timed || f.Changed("flush-udp")):
					return client.SetOptions(*k, o)
				}
				return showOptions(cmd, k, &o)
			})
		},
	}
	f := cmd.Flags()
	serviceVar(f, &c)
	f.DurationVar(&tcp, "tcp", 0, "`timeout` of TCP connections in ESTABLISHED")
	f.DurationVar(&fin, "tcp-fin", 0, "`timeout` of TCP connections in FIN_WAIT")
	f.DurationVar(&udp, "udp", 0, "`timeout` of UDP flows")
	f.BoolVar(&flush, "flush-udp", false, "UDP flows end at once when their server is deleted")
	return cmd
}

func showOptions(cmd *cobra.Command, k *sched.ServiceKey, o *sched.Options) error {
	if k == nil {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "--flush-udp=%v\n", o.FlushUDP)
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "--tcp=%ds --tcp-fin=%ds --udp=%ds --flush-udp=%v\n", o.TCP, o.TCPFin, o.UDP, o.FlushUDP)
	return err
}
