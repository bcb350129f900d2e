package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"goipvs/hooks"
	"goipvs/internal/fuzzer"
)

func main() {
	switch err := run(); {
	case errors.Is(err, errDiffers):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "oraclefuzz:", err)
		os.Exit(2)
	}
}

// errDiffers ends the program with exit code 1, all being said.
var errDiffers = errors.New("something differs")

func run() (err error) {
	oracle := flag.String("oracle", "../shared/oracle", "the `folder` of the oracle that boots a real kernel (gen.py, vmrun)")
	features := flag.String("features", "", "what cases may contain: `names` separated by commas, -name leaves out; empty: all that there is")
	seed := flag.Uint64("seed", 1, "the first seed")
	seeds := flag.Int("seeds", 0, "how many seeds; 0: until the time is over")
	limit := flag.Duration("time", 10*time.Minute, "begin nothing new after that; 0: no limit")
	frames := flag.Int("frames", 400, "frames in a case, at most")
	batch := flag.Int("batch", 30, "cases in one boot")
	jobs := flag.Int("jobs", 6, "cases side by side")
	found := flag.String("found", "testdata/found", "where what differs is kept")
	shrink := flag.Bool("shrink", true, "make what differs small")
	state := flag.String("state", "", "the `file` that says which seeds are done; empty: remember nothing")
	write := flag.String("write", "", "only write the cases, for the kernel or by the engine alone, to this `folder`")
	shrinkDir := flag.String("shrink-case", "", "make the recorded case in this `folder` small, and nothing else")
	check := flag.Bool("check", false, "only compare the engine with the recorded cases named as arguments")
	var kernel hooks.Kernel
	flag.TextVar(&kernel, "kernel", hooks.Linux6_1, "the `version` of Linux to compare with, 6.1 or 7.3")
	flag.Parse()
	if kernel == hooks.Linux7_3 {
		// What the oracle knows that version by.
		if err := os.Setenv("VMRUN_SUITE", "trixie-backports"); err != nil {
			return err
		}
	}
	f, err := fuzzer.ParseFeatures(*features)
	if err != nil {
		return err
	}
	switch {
	case *check:
		return checkAll(flag.Args())
	case *write != "":
		return writeAll(*write, *seed, max(*seeds, 1), f, *frames, kernel)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o, err := fuzzer.NewOracle(*oracle)
	if err != nil {
		return fmt.Errorf("%w (say where it is: make oracle-fuzz ORACLE=DIR)", err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	o.Jobs = *jobs
	if *shrinkDir != "" {
		return o.ShrinkInPlace(ctx, *shrinkDir)
	}
	c := fuzzer.Campaign{
		Oracle: o, Features: f, Kernel: kernel, Seed: *seed, Seeds: *seeds, Time: *limit, Frames: *frames, Batch: *batch,
		Found: *found, Shrink: *shrink, Log: os.Stderr,
	}
	if *state != "" {
		if c.State, err = fuzzer.OpenState(*state); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.State.Close()) }()
	}
	t, err := c.Run(ctx)
	fmt.Print(t)
	if err == nil && t.Differ+t.Refused > 0 {
		return errDiffers
	}
	return err
}

func writeAll(dir string, seed uint64, n int, f fuzzer.Features, frames int, k hooks.Kernel) error {
	for i := range uint64(n) {
		c, err := fuzzer.Generate(seed+i, f, frames, k)
		if err != nil {
			return err
		}
		if err := c.Write(filepath.Join(dir, c.Name)); err != nil {
			return err
		}
	}
	return nil
}

func checkAll(dirs []string) error {
	bad := 0
	for _, dir := range dirs {
		diffs, err := fuzzer.Check(dir)
		if err != nil {
			return err
		}
		if len(diffs) > 0 {
			bad++
			fmt.Printf("%s differs:\n", dir)
		}
		for _, d := range diffs[:min(3, len(diffs))] {
			fmt.Println("  " + d)
		}
	}
	fmt.Printf("%d of %d differ\n", bad, len(dirs))
	if bad > 0 {
		return errDiffers
	}
	return nil
}
