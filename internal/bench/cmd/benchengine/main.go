package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"goipvs/internal/bench/engine"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchengine:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := pflag.NewFlagSet("benchengine", pflag.ContinueOnError)
	var o engine.Options
	sizes := flags.String("sizes", "1000000,10000000", "numbers of connections")
	flags.DurationVar(&o.For, "for", time.Second, "how long each figure of a packet is measured; 0: only pauses are")
	flags.BoolVar(&o.Pauses, "pauses", true, "measure the pauses of a packet loop, with the most connections")
	rounds := flags.Int("rounds", 1, "how often all is measured; the medians are printed")
	against := flags.String("against", "", "another benchengine, of another version, measured in turns with this one")
	asJSON := flags.Bool("json", false, "measure once and print each figure as a line of JSON")
	profile := flags.String("cpuprofile", "", "file for a profile of the measurements, with --json, for go build -pgo")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for s := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 || n > 100_000_000 {
			return fmt.Errorf("size %q: a number of connections from 1000 to 100000000 is wanted", s)
		}
		o.Sizes = append(o.Sizes, n)
	}
	if *asJSON {
		return measure(o, *profile)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	programs := []string{self}
	if *against != "" {
		programs = append(programs, *against)
	}
	return engine.Compare(os.Stdout, *rounds, programs, []string{
		"--json", "--sizes", *sizes, "--for", o.For.String(), "--pauses=" + strconv.FormatBool(o.Pauses),
	})
}

// measure measures once.
func measure(o engine.Options, profile string) (err error) {
	if profile != "" {
		f, failed := os.Create(profile)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	out := json.NewEncoder(os.Stdout)
	var failed error
	err = engine.Measure(o, func(f engine.Figure) {
		if err := out.Encode(f); err != nil {
			failed = err
		}
	})
	return errors.Join(err, failed)
}
