package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// The exit codes of goipvs. Called as ipvsadm it has ipvsadm's.
const (
	exitNo    = 1 // it ran, and the answer is no
	exitUsage = 2 // bad usage or input
)

// exitError ends the program with a code of its own; any other error of a
// subcommand is bad usage or input. err is printed as one line, nil prints
// nothing.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// answerNo makes err the reason of exit code 1; nil where all is said already.
func answerNo(err error) error { return &exitError{exitNo, err} }

func main() { os.Exit(run(os.Args, os.Stderr)) }

// run is goipvs called with args (args[0] is its name). It returns the exit
// code.
func run(args []string, stderr io.Writer) int {
	if filepath.Base(args[0]) == "ipvsadm" {
		return runAsIpvsadm(args)
	}
	root := newRootCommand()
	root.SetArgs(args[1:])
	err := root.Execute()
	if err == nil {
		return 0
	}
	code := exitUsage
	if e, ok := errors.AsType[*exitError](err); ok {
		code, err = e.code, e.err
	}
	if err != nil {
		fmt.Fprintln(stderr, "goipvs:", err)
	}
	return code
}

func newRootCommand() *cobra.Command {
	socket := os.Getenv("GOIPVS_SOCKET")
	if socket == "" {
		socket = "/run/goipvs.sock"
	}
	root := &cobra.Command{
		Use:   "goipvs",
		Short: "Linux's IPVS in userspace",
		Long: `goipvs balances TCP, UDP and SCTP connections over real servers as Linux's IPVS
does, packet for packet, without the kernel module, and can say why.

To see it work on this machine alone: goipvs lab`,
		SilenceErrors:    true,
		SilenceUsage:     true,
		TraverseChildren: true,
		Args:             cobra.NoArgs,
		RunE:             func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.PersistentFlags().StringVar(&socket, "socket", socket, "the daemon's control socket, also GOIPVS_SOCKET")
	root.AddCommand(
		newExplainCommand(),
		newHooksCommand(),
		newLabCommand(),
		newReplayCommand(),
		newRunCommand(&socket),
		newSnapshotCommand(&socket),
		newIpvsadmCommand(&socket),
		newConnsCommand(&socket),
		newWrapCommand(&socket),
		newWrapSupervisorCommand(),
		newTopCommand(&socket),
		newTraceCommand(&socket),
		newViewCommand(&socket),
	)
	return root
}
