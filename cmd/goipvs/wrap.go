package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"goipvs/internal/wrap"
)

func newWrapCommand(socket *string) *cobra.Command {
	var o wrap.Options
	cmd := &cobra.Command{
		Use:   "wrap [--files] -- PROGRAM [ARGS…]",
		Short: "Run a program that speaks to the kernel's IPVS against goipvs",
		Long: `Runs a program, unchanged, that configures the kernel's IPVS by netlink or
sockopts (the distribution's ipvsadm, keepalived, what is built on moby/ipvs or
cloudflare/ipvs), so that it reaches the running daemon instead: that of the
network namespace that the program, or a socket of it, is in. With --files the
kernel's files /proc/net/ip_vs* and /proc/sys/net/ipv4/vs/* are there for it,
too.

The program keeps its process id, its parent, exit status, signals and
descriptors, and may become a daemon itself. All that it starts is wrapped with
it. docs/wrap.md says what differs from the kernel.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := exec.LookPath(args[0])
			if err != nil {
				return err
			}
			if o.Socket, err = filepath.Abs(*socket); err != nil {
				return err
			}
			if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "goipvs: this kernel has ip_vs loaded;", args[0], "reaches goipvs instead of it")
			}
			return answerNo(wrap.Exec(path, args, o))
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVar(&o.Files, "files", false, "show the program IPVS's files under /proc")
	f.BoolVar(&o.Daemon, "daemon", false, "in network namespaces without a daemon run one, until the program ends")
	f.BoolVar(&o.AllFDs, "all-fds", false, "watch descriptors of any number, for programs that dup2 their netlink sockets; slows each read and write")
	f.StringVar(&o.Log, "log", "", "`file` for what goes wrong")
	return cmd
}

// newWrapSupervisorCommand is what wrap starts.
func newWrapSupervisorCommand() *cobra.Command {
	var serve bool
	cmd := &cobra.Command{
		Use:    wrap.SupervisorCommand,
		Short:  "Answer a wrapped program's system calls",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f := wrap.Detach
			if serve {
				f = wrap.Supervise
			}
			if err := f(); err != nil {
				return answerNo(err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&serve, "serve", false, "be the supervisor, not who starts it")
	return cmd
}
