package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/spf13/cobra"

	"goipvs/internal/control"
	"goipvs/internal/snapshot"
)

// newSnapshotCommand is `goipvs snapshot`; the daemon is that at *socket.
func newSnapshotCommand(socket *string) *cobra.Command {
	from := "auto"
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Print this machine's setup file, to explain its captures elsewhere",
		Long: `Prints addresses, routes, rules, neighbours, settings, services and servers of this
machine as a setup file. With it and a capture, goipvs explain --setup says anywhere
what IPVS does here with each packet, and goipvs explain --observed whether the
director did it. What such a file can't say is in it as a comment.

Services are the kernel's where it has ip_vs with services, else the running
daemon's. docs/snapshot.md says how to take a capture that goes with it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return takeSnapshot(cmd.OutOrStdout(), *socket, from) },
	}
	cmd.Flags().StringVar(&from, "from", from, "`whose` services: kernel, daemon or auto")
	return cmd
}

func takeSnapshot(w io.Writer, socket, from string) error {
	if from != "kernel" && from != "daemon" && from != "auto" {
		return errors.New("--from: kernel, daemon or auto is wanted")
	}
	v, err := ipvsFrom(socket, from)
	if err == nil {
		if v.Conn != nil {
			defer v.Conn.Close()
		}
		err = snapshot.Take(w, v)
	}
	if errors.Is(err, syscall.EPERM) {
		err = fmt.Errorf("%w (CAP_NET_ADMIN is needed)", err)
	}
	if err != nil {
		return answerNo(err)
	}
	return nil
}

// ipvsFrom connects to the IPVS that is meant.
func ipvsFrom(socket, from string) (v snapshot.IPVS, err error) {
	if from != "daemon" {
		kernel, err := control.DialKernel()
		if err != nil && (from == "kernel" || !errors.Is(err, control.ErrNoKernel)) {
			return v, err
		}
		if err == nil {
			v = snapshot.IPVS{Conn: kernel, Name: "IPVS of the kernel"}
			services, err := control.NewClient(kernel).Services()
			if err != nil {
				return v, errors.Join(err, kernel.Close())
			}
			if from == "kernel" || len(services) > 0 {
				return v, nil
			}
		}
	}
	conn, err := control.Dial(socket)
	if err != nil {
		if from == "daemon" {
			return v, err
		}
		return v, nil
	}
	settings, err := control.NewClient(conn).Settings()
	if err != nil {
		return v, errors.Join(err, conn.Close())
	}
	if v.Conn != nil {
		err = v.Conn.Close()
	}
	return snapshot.IPVS{Conn: conn, Name: "IPVS of goipvs run", Settings: settings}, err
}
