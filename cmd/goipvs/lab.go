package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goipvs/hooks"
	"goipvs/internal/lab"
	"goipvs/packet"
)

// self is this program, also where its file was replaced since.
const self = "/proc/self/exe"

func newLabCommand() *cobra.Command {
	var keep, remove, only4, only6 bool
	var kernel hooks.Kernel
	cmd := &cobra.Command{
		Use:   "lab [nat|dr|tun|local|ftp|sip|sctp|all]",
		Short: "See IPVS work on this machine alone",
		Long: `Builds a client, a director and servers in network namespaces, runs the real
daemon on the director and drives real traffic through it. Shows who answered,
the director's tables, and one packet's way through the hooks with every
decision. Then it cleans up.

The scenarios are, with HTTP and UDP, nat (the default), dr (direct routing),
tun (IPIP tunnels) and local (client and server on the director); ftp (passive
and active data connections), sip (calls that stay with their server, by
Call-ID) and sctp, these by NAT; and all of them. IPv4 unless -6 is given; all
means both families.

Works as root, or as anybody where the kernel allows user namespaces. What this
machine lacks is said, and the scenario shown by replay instead.`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"nat", "dr", "tun", "local", "ftp", "sip", "sctp", "all"},
		RunE: func(cmd *cobra.Command, args []string) error {
			what := append(args, string(lab.NAT))[0]
			if remove {
				return removeLab(cmd.OutOrStdout())
			}
			if keep && what == "all" {
				return errors.New("--keep keeps one scenario, not all")
			}
			if !lab.Privileged() {
				code, err := lab.InUserNamespace(self, os.Args)
				if err == nil && code != 0 {
					return &exitError{code, nil}
				}
				if _, missing := errors.AsType[*lab.MissingError](err); !missing {
					return err
				}
			}
			families := []packet.Family{packet.IPv4, packet.IPv6}
			switch {
			case only6 && !only4:
				families = families[1:]
			case only4 != only6, what != "all":
				families = families[:1]
			}
			scenarios := []lab.Scenario{lab.Scenario(what)}
			if what == "all" {
				scenarios = lab.Scenarios
			}
			// SIGPIPE, too: nobody reads on, and all is still to be cleaned up.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
			defer stop()
			return demonstrate(ctx, cmd.OutOrStdout(), scenarios, families, lab.Options{Self: self, Keep: keep, Kernel: kernel})
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the hosts standing and say how to enter them")
	cmd.Flags().BoolVar(&remove, "remove", false, "remove hosts that --keep left standing")
	kernelVar(cmd.Flags(), &kernel)
	cmd.Flags().BoolVarP(&only4, "ipv4", "4", false, "IPv4")
	cmd.Flags().BoolVarP(&only6, "ipv6", "6", false, "IPv6")
	cmd.AddCommand(newLabHostCommand())
	return cmd
}

// demonstrate shows scenarios one after the other.
func demonstrate(ctx context.Context, out io.Writer, scenarios []lab.Scenario, families []packet.Family, o lab.Options) error {
	for _, s := range scenarios {
		for _, f := range families {
			err := lab.Demo(ctx, out, s, f, o)
			if ctx.Err() != nil {
				return answerNo(errors.New("interrupted; all is removed"))
			}
			if err != nil {
				return answerNo(fmt.Errorf("%s, %s: %s", s, f, oneLine(err)))
			}
		}
	}
	return nil
}

// oneLine makes errors that were joined one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func removeLab(out io.Writer) error {
	n, err := lab.Remove()
	if err != nil {
		return answerNo(errors.New(oneLine(err)))
	}
	fmt.Fprintf(out, "%d hosts removed\n", n)
	return nil
}

// newLabHostCommand is what the laboratory starts on its hosts.
func newLabHostCommand() *cobra.Command {
	var serves []string
	var unwrap string
	cmd := &cobra.Command{
		Use:    "host NAME",
		Short:  "Serve and unwrap tunnels until told to end",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h := lab.Host{Name: args[0]}
			for _, s := range serves {
				a, err := lab.ParseServing(s)
				if err != nil {
					return err
				}
				h.Serves = append(h.Serves, a)
			}
			if unwrap != "" {
				a, err := netip.ParseAddr(unwrap)
				if err != nil {
					return err
				}
				h.Unwrap = a
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return lab.Serve(ctx, h, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringArrayVar(&serves, "serve", nil, "`APP=ADDRESS:PORT` to serve: http, echo, ftp, sip or sctp")
	cmd.Flags().StringVar(&unwrap, "unwrap", "", "`ADDRESS` that tunnels end at")
	return cmd
}
