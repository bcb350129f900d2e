package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"goipvs/packet"
)

// requests is how many requests of each kind a demonstration makes: twice
// round the servers.
const requests = 6

// Demo builds a scenario, drives requests through it and tells on out what
// happened. It cleans up before it returns, also when ctx ends, unless o.Keep
// is set. Where this machine lacks something it says what, and shows the same
// scenario by replay; the error is that of the network all the same, unless it
// is a *MissingError.
func Demo(ctx context.Context, out io.Writer, s Scenario, f packet.Family, o Options) (err error) {
	d := &demo{out: out, plan: NewPlan(s, f)}
	d.plan.Kernel = o.Kernel
	d.introduce()
	if err := s.possible(); err != nil {
		return d.instead(err)
	}
	if d.lab, err = Start(d.plan, o); err != nil {
		return d.instead(err)
	}
	kept := false
	defer func() {
		if !kept {
			err = errors.Join(err, d.lab.Stop())
		}
	}()
	err = CanQueue(d.lab.Director().Netns)
	if err == nil {
		err = d.lab.Direct(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return d.instead(err)
	}
	err = d.show(ctx)
	if o.Keep && ctx.Err() == nil {
		keep := d.keep()
		kept = keep == nil
		err = errors.Join(err, keep)
	}
	return err
}

func (d *demo) show(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.drive, d.listings, d.explain} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// instead says why there is no network and shows the scenario without.
func (d *demo) instead(why error) error {
	d.printf("This machine can't show it live: %v.\nThe same scenario on an emulated director:\n\n", why)
	err := d.byReplay()
	if _, missing := errors.AsType[*MissingError](why); missing {
		return err
	}
	return errors.Join(why, err)
}

type demo struct {
	out  io.Writer
	plan Plan
	lab  *Lab
}

func (d *demo) printf(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

// introduce tells what is built.
func (d *demo) introduce() {
	p := d.plan
	d.printf("%s, %s\n%s\n\n", p.Scenario, p.Family, p.Scenario.Title())
	d.printf("Hosts, each in a network namespace of its own:\n")
	for _, h := range p.Hosts {
		d.printf("  %-9s %s\n", h.Name, h.describe())
	}
	d.printf("\nThe director runs goipvs run, whose setup says:\n")
	for l := range strings.Lines(p.Director().Setup) {
		if strings.HasPrefix(l, "ipvsadm") {
			d.printf("  %s", l)
		}
	}
	d.printf("\n")
}

// describe tells a host's addresses and what it does, as its setup has it.
func (h Host) describe() string {
	var parts []string
	for l := range strings.Lines(h.Setup) {
		w := strings.Fields(l)
		for i := range w {
			if w[i] == "addr" {
				parts = append(parts, w[i+4]+" "+w[i+2])
			}
		}
	}
	var at []string
	for _, s := range h.Serves {
		at = append(at, s.At.String())
	}
	if len(at) > 0 {
		parts = append(parts, "serves at "+strings.Join(at, ", "))
	}
	if h.Unwrap.IsValid() {
		parts = append(parts, "unwraps")
	}
	return strings.Join(parts, "; ")
}

// statsTime is how long the figures of --stats may lag: the director takes them
// every 2 s, as the kernel does.
const statsTime = 5 * time.Second

// listings shows the director's tables.
func (d *demo) listings(ctx context.Context) error {
	if err := d.settle(ctx); err != nil {
		return err
	}
	for _, args := range d.plan.Scenario.listings() {
		text, err := d.lab.Admin(ctx, strings.Fields(args)...)
		if err != nil {
			return err
		}
		d.printf("director$ ipvsadm %s\n%s\n", args, text)
	}
	return nil
}

// settle waits until the figures have caught up with what was sent.
func (d *demo) settle(ctx context.Context) error {
	var last string
	for until := time.Now().Add(statsTime); time.Now().Before(until); {
		text, err := d.lab.Admin(ctx, "-Ln", "--stats")
		if err != nil {
			return err
		}
		if text == last && d.counted(text) {
			return nil
		}
		last = text
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// counted reports whether every service counts connections.
func (d *demo) counted(stats string) bool {
	for _, s := range d.plan.Scenario.services() {
		_, rest, ok := strings.Cut(stats, netip.AddrPortFrom(d.plan.VIP, s.port).String())
		if f := strings.Fields(rest); !ok || len(f) == 0 || f[0] == "0" {
			return false
		}
	}
	return true
}
