package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goipvs/internal/bench"
	"goipvs/internal/bench/load"
)

func main() {
	if err := newCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "benchlive:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	o := bench.Options{}
	var peers, measurements []string
	var out string
	cmd := &cobra.Command{
		Use:           "benchlive",
		Short:         "Measure goipvs beside kernel DNAT, HAProxy and nginx",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			usual := slices.DeleteFunc(slices.Clone(bench.Peers), func(p bench.Peer) bool { return p.Extra })
			if o.Peers, err = choose(bench.Peers, usual, peers, func(p bench.Peer) string { return p.Name }); err != nil {
				return err
			}
			if o.Measurements, err = choose(bench.Measurements, bench.Measurements, measurements, func(m bench.Measurement) string { return m.Name }); err != nil {
				return err
			}
			if o.Rounds < 1 || o.For < 100*time.Millisecond || o.For > time.Minute {
				return errors.New("at least one round, of 100 ms to a minute for each measurement")
			}
			if os.Geteuid() != 0 {
				return errors.New("needs root")
			}
			if err := bench.Renice(os.Getpid(), o.Nice); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			o.Log = func(s string) { fmt.Fprintln(cmd.ErrOrStderr(), s) }
			return measure(ctx, cmd, o, out)
		},
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	f := cmd.Flags()
	f.StringVar(&o.GoIPVS, "goipvs", "bin/goipvs", "`file` of the goipvs binary")
	f.IntVar(&o.Rounds, "rounds", 5, "`number` of rounds")
	f.DurationVar(&o.For, "for", time.Second, "`time` that each measurement takes")
	f.StringSliceVar(&peers, "peers", nil, "`names` of those to measure, of "+names(bench.Peers, func(p bench.Peer) string { return p.Name }))
	f.StringSliceVar(&measurements, "measure", nil, "`names` of the measurements to make, of "+names(bench.Measurements, func(m bench.Measurement) string { return m.Name }))
	f.StringVarP(&out, "output", "o", "out/bench-live", "`folder` for the results")
	f.StringVar(&o.Profiles, "profiles", "", "`folder` for profiles of the balancers, made with perf: what is measured is slower then")
	f.StringVar(&o.CPUProfile, "cpuprofile", "", "`file` for a profile of goipvs, for go build -pgo")
	f.IntVar(&o.Nice, "nice", 0, "`nice` value of everything that is started, negative where the machine has other work")
	cmd.AddCommand(newServeCommand(), newLoadCommand())
	return cmd
}

func names[T any](all []T, name func(T) string) string {
	var n []string
	for _, x := range all {
		n = append(n, name(x))
	}
	return strings.Join(n, ", ")
}

// choose returns those with the names given, in their own order; without names
// the usual ones.
func choose[T any](all, usual []T, want []string, name func(T) string) (chosen []T, err error) {
	if len(want) == 0 {
		return usual, nil
	}
	for _, x := range all {
		if slices.Contains(want, name(x)) {
			chosen = append(chosen, x)
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(all, func(x T) bool { return name(x) == w }) {
			return nil, fmt.Errorf("%q is none of %s", w, names(all, name))
		}
	}
	return chosen, nil
}

// measure runs and writes the results, also of a run that was interrupted.
func measure(ctx context.Context, cmd *cobra.Command, o bench.Options, out string) (err error) {
	if o.GoIPVS, err = filepath.Abs(o.GoIPVS); err != nil {
		return err
	}
	if _, err := os.Stat(o.GoIPVS); err != nil {
		return err
	}
	if o.Self, err = os.Executable(); err != nil {
		return err
	}
	r, failed := bench.Run(ctx, o)
	if ctx.Err() != nil {
		failed = errors.New("interrupted; all is removed")
	}
	if len(r.Series) == 0 {
		return errors.Join(failed, errors.New("nothing was measured"))
	}
	js, err := r.JSON()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"results.json": js, "results.md": []byte(r.Table()), "results.svg": []byte(r.Plot())} {
		failed = errors.Join(failed, os.WriteFile(filepath.Join(out, name), text, 0o644))
	}
	fmt.Fprint(cmd.OutOrStdout(), r.Table())
	if r.Verified.Bad > 0 {
		failed = errors.Join(failed, fmt.Errorf("%d of what arrived is not what was sent", r.Verified.Bad))
	}
	return failed
}

func newServeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "serve",
		Short:  "Be a server",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return load.Serve(cmd.Context(), cmd.OutOrStdout()) },
	}
}

func newLoadCommand() *cobra.Command {
	t := load.Task{Size: 18}
	var to string
	cmd := &cobra.Command{
		Use:    "load KIND",
		Short:  "Be a client",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			t.Kind = load.Kind(args[0])
			if t.To, err = netip.ParseAddrPort(to); err != nil {
				return err
			}
			if !t.To.Addr().Is4() || t.Conns < 1 || t.For <= 0 || t.Size < 1 || t.Size > 65507 {
				return errors.New("out of range")
			}
			r, err := load.Run(t)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`ADDRESS:PORT` to ask")
	cmd.Flags().IntVar(&t.Conns, "conns", 1, "`number` of connections at a time")
	cmd.Flags().DurationVar(&t.For, "for", time.Second, "`time` to ask for")
	cmd.Flags().Uint64Var(&t.Count, "count", 0, "`number` of datagrams")
	cmd.Flags().IntVar(&t.Size, "size", t.Size, "`octets` of a datagram")
	return cmd
}
