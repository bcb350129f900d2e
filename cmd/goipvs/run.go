package main

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"goipvs/internal/live"
	"goipvs/internal/live/metrics"
	"goipvs/internal/live/queue"
	"goipvs/internal/setup"
)

func newRunCommand(socket *string) *cobra.Command {
	var setupFile, rulesFile, profile string
	o := live.Options{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Balance on this machine, as a daemon in the foreground",
		Long: `Installs rules at IPVS's places among netfilter's hooks that bring packets for
services here, balances, and serves the control socket, until SIGTERM or SIGINT.
Then all that it put into the system is removed.

On SIGHUP the files are read again, and the differences applied, so that
connections go on: services and servers become those that the files have, and
settings under net.ipv4.vs. Where a line is wrong, or another line is not as it
was, that is said and nothing changes.

Needs CAP_NET_ADMIN and CAP_NET_RAW over the network namespace.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Reread = func() ([]setup.Line, error) { return readFiles(setupFile, rulesFile) }
			var err error
			if o.Setup, err = o.Reread(); err != nil {
				return err
			}
			if o.Queues < 0 || o.Queues > 1<<15 || int(o.Queue)+o.Queues > 1<<16 {
				return fmt.Errorf("--queue %d --queues %d: out of range", o.Queue, o.Queues)
			}
			if o.Metrics != "" {
				if err := metrics.CheckAddr(o.Metrics); err != nil {
					return fmt.Errorf("--metrics %w", err)
				}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			o.Reload = hup
			o.Socket, o.Stdout = *socket, cmd.OutOrStdout()
			o.Log = func(s string) { fmt.Fprintln(cmd.ErrOrStderr(), "goipvs:", s) }
			o.Ready = func() { o.Log("ready, control socket " + o.Socket) }
			processors(&o)
			end, err := startProfile(profile)
			if err != nil {
				return answerNo(err)
			}
			err = errors.Join(live.Run(ctx, o), end())
			switch {
			case err == nil || isInput(err):
				return err
			case errors.Is(err, syscall.EPERM):
				err = fmt.Errorf("%w (CAP_NET_ADMIN and CAP_NET_RAW are needed)", err)
			}
			return answerNo(err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&setupFile, "setup", "", "`file` of ip, sysctl, iptables and ipvsadm lines to run first, undone at the end")
	f.StringVar(&rulesFile, "rules", "", "`file` of ipvsadm lines, as ipvsadm-save prints them, to run next")
	f.Uint16Var(&o.Queue, "queue", live.DefaultQueue, "`number` of the first netfilter queue; after a crash others behind it are taken")
	f.IntVar(&o.Queues, "queues", 0, "`number` of workers, 0 for one for two CPUs; with --queue-io batch each takes two queues")
	f.Var((*queueIO)(&o.IO), "queue-io", "`how` packets are taken from the queues: batch, many at once; nfqueue, one by one, by go-nfqueue")
	o.Bit = live.DefaultBit
	f.Var((*markBit)(&o.Bit), "mark-bit", "the `bit` of packets' marks that is goipvs's own")
	f.Var((*injectFlag)(&o.Inject), "inject", "`how` packets are sent on: raw, through OUTPUT and POSTROUTING as IPVS does; packet, past them and octet for octet; auto, packet while no rule there could see the difference")
	kernelVar(f, &o.Kernel)
	f.StringVar(&o.Metrics, "metrics", "", "`ADDRESS:PORT` to show metrics at, for Prometheus, at that address alone")
	f.StringVar(&profile, "cpuprofile", "", "`file` for a profile of the processor's time, as go tool pprof reads it")
	if err := f.MarkHidden("cpuprofile"); err != nil {
		panic(err) // there is such a flag
	}
	f.StringVar(&o.State, "state", "", "`file` of what is to be undone after a crash (default: beside the socket)")
	return cmd
}

// startProfile begins to write a profile, if file isn't "", until end is called.
func startProfile(file string) (end func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

var errNotRules = errors.New("no ipvsadm command")

// markBit is a flag for one bit of a mark.
type markBit uint32

// String returns the bit in hex.
func (b *markBit) String() string { return fmt.Sprintf("%#x", uint32(*b)) }

// Set takes a number with one bit.
func (b *markBit) Set(s string) error {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		return err
	}
	if bits.OnesCount64(n) != 1 {
		return errors.New("not one bit")
	}
	*b = markBit(n)
	return nil
}

// Type names what a bit is given as.
func (b *markBit) Type() string { return "number" }

// processors has Go's scheduler reckon with more processors than there are,
// unless GOMAXPROCS says how many: a worker that waits for packets keeps one, in
// Go's sense, which else would be taken from it and have to be got back.
func processors(o *live.Options) {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	workers := o.Queues
	if workers == 0 {
		workers = live.Workers()
	}
	runtime.GOMAXPROCS(runtime.NumCPU() + workers)
}

// queueIO is a flag for how packets are taken from queues.
type queueIO queue.IO

// String returns the way's name.
func (q *queueIO) String() string { return queue.IO(*q).String() }

// Set takes a way's name.
func (q *queueIO) Set(s string) (err error) {
	io, err := queue.ParseIO(s)
	*q = queueIO(io)
	return err
}

// Type names what a way is given as.
func (q *queueIO) Type() string { return "name" }

// readFiles reads the setup file and that of rules, which has ipvsadm lines
// alone.
func readFiles(setupFile, rulesFile string) ([]setup.Line, error) {
	lines, err := readSetup(setupFile)
	if err != nil {
		return nil, err
	}
	rules, err := readSetup(rulesFile)
	if err != nil {
		return nil, err
	}
	for _, l := range rules {
		if _, ok := l.Command.(setup.IPVSAdm); !ok {
			return nil, &setup.Error{Position: l.Position, Err: errNotRules}
		}
	}
	return append(lines, rules...), nil
}

// injectFlag is a flag for how packets are sent on.
type injectFlag live.Inject

// String returns the way's name.
func (i *injectFlag) String() string { return live.Inject(*i).String() }

// Set takes a way's name.
func (i *injectFlag) Set(s string) (err error) {
	v, err := live.ParseInject(s)
	*i = injectFlag(v)
	return err
}

// Type names what a way is given as.
func (i *injectFlag) Type() string { return "name" }

// readSetup reads a file of setup lines; without a name there are none.
func readSetup(name string) ([]setup.Line, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return setup.Parse(name, f)
}

// isInput reports whether an error is about what the user gave.
func isInput(err error) bool {
	_, ok := errors.AsType[*setup.Error](err)
	return ok
}
