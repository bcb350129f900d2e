package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"goipvs/hooks"
)

func newHooksCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hooks",
		Short: "Print where IPVS sits among netfilter's hooks",
		Long: `Prints the hook functions in the order in which they run at each hook point,
the same for IPv4 and IPv6. A lower priority runs earlier; packet filtering is
at 0, source NAT at 100.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "HOOK\tPRIORITY\tFUNCTION\tKERNEL\tFOR")
			for _, p := range hooks.Places {
				fmt.Fprintf(w, "%s\t%8d\t%s\t%s\t%s\n", p.Point, p.Priority, p.Name, p.Kernel, p.Purpose)
			}
			return w.Flush()
		},
	}
}
