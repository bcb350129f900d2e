package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"goipvs/internal/bench/load"
)

// What a flood is made of. Its first part isn't counted, until queues are as
// full as they get.
const (
	floodSockets = 64
	floodLead    = 300 * time.Millisecond
	floodTail    = 100 * time.Millisecond
)

// flood counts the datagrams that arrive while a flood goes on.
func flood(ctx context.Context, s *site, d time.Duration) (out outcome, err error) {
	type result struct {
		load.Result
		err error
	}
	done := make(chan result, 1)
	go func() {
		r, err := s.load(ctx, load.Flood, floodSockets, floodLead+d+floodTail)
		done <- result{r, err}
	}()
	time.Sleep(floodLead)
	n, err := s.datagrams()
	start, cpu := time.Now(), s.cpuTime()
	time.Sleep(d)
	end, errEnd := s.datagrams()
	took, cpu := time.Since(start), s.cpuTime()-cpu
	r := <-done
	for _, e := range []error{err, errEnd, r.err} {
		if e != nil {
			return out, e
		}
	}
	if end <= n {
		return out, fmt.Errorf("none of %d datagrams arrived", r.Sent)
	}
	out = outcome{[]float64{float64(end-n) / 1e3 / took.Seconds(), noFigure}, r.Result}
	if len(s.pids) > 0 {
		out.figures[1] = float64(cpu.Microseconds()) / float64(end-n)
	}
	return out, nil
}

// drained is how many datagrams a drain is about: fewer than one queue holds.
const drained = 12000

// drainPatience is how long nothing may arrive before the rest counts as lost.
const drainPatience = 3 * time.Second

// drain fills the queues while the daemon is stopped, and then lets it go on.
// What sending the datagrams costs doesn't count so, nor that anybody waits.
func drain(ctx context.Context, s *site, _ time.Duration) (out outcome, err error) {
	pid := s.pids[0]
	before, err := s.datagrams()
	if err != nil {
		return out, err
	}
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, unix.Kill(pid, unix.SIGCONT)) }()
	r, err := s.load(ctx, load.Flood, floodSockets, 10*time.Second, "--count", strconv.Itoa(drained))
	if err != nil {
		return out, err
	}
	start, cpu := time.Now(), s.cpuTime()
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		return out, err
	}
	last, arrived := start, uint64(0)
	for arrived < r.Sent && time.Since(last) < drainPatience && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
		n, err := s.datagrams()
		if err != nil {
			return out, err
		}
		if n-before > arrived {
			arrived, last = n-before, time.Now()
		}
	}
	cpu = s.cpuTime() - cpu
	if arrived < r.Sent/2 {
		return out, fmt.Errorf("%d of %d datagrams arrived", arrived, r.Sent)
	}
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(arrived) }
	return outcome{[]float64{us(cpu), us(last.Sub(start))}, r}, nil
}
