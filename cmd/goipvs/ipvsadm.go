package main

import (
	"os"

	"github.com/spf13/cobra"

	"goipvs/internal/control"
	"goipvs/internal/ipvsadm"
)

// newIpvsadmCommand is `goipvs ipvsadm ARGS…`: ipvsadm, word for word, against
// the daemon at *socket. All words behind it are ipvsadm's; the socket is told
// before it, or by GOIPVS_SOCKET. Exit codes are ipvsadm's, too.
func newIpvsadmCommand(socket *string) *cobra.Command {
	return &cobra.Command{
		Use:   "ipvsadm ARGS…",
		Short: "Be ipvsadm, word for word, against the running daemon",
		Long: `Does what ipvsadm 1.31 does, against the running daemon in place of the kernel.
goipvs ipvsadm --help prints ipvsadm's own help. The daemon's socket is told in
front of it: goipvs --socket PATH ipvsadm ARGS…`,
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if code := ipvsadmAt(*socket, "ipvsadm", args); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}

// runAsIpvsadm is goipvs called by the name of ipvsadm, which is args[0]. It
// returns the exit code.
func runAsIpvsadm(args []string) int {
	socket := os.Getenv("GOIPVS_SOCKET")
	if socket == "" {
		socket = control.DefaultSocket
	}
	return ipvsadmAt(socket, args[0], args[1:])
}

func ipvsadmAt(socket, program string, args []string) int {
	return ipvsadm.Run(args, ipvsadm.Env{
		Program: program,
		Stdin:   os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Dial: func() (control.Conn, error) { return control.Dial(socket) },
	})
}
