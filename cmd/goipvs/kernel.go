package main

import (
	"github.com/spf13/pflag"

	"goipvs/hooks"
)

// kernelVar defines the flag that chooses the version of Linux.
func kernelVar(f *pflag.FlagSet, k *hooks.Kernel) {
	f.TextVar(k, "kernel", hooks.Linux6_1, "`version` of Linux whose rules hold where they differ, 6.1 or 7.3")
}
