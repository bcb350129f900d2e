package bench

import (
	"context"
	"time"

	"goipvs/internal/bench/load"
)

// Measurement is something that is done with every balancer; figures come of it.
type Measurement struct {
	Name     string
	Frames   Frames
	Datagram bool // needs a balancer of datagrams
	Daemon   bool // needs goipvs
	Figures  []Figure
	run      func(ctx context.Context, s *site, d time.Duration) (outcome, error)
}

// Figure is a number that a measurement gives.
type Figure struct {
	Name   string // unique
	Title  string
	Unit   string
	Digits int    // behind the point
	Less   bool   // less is better
	Beside string // the peer that others are compared with
}

// outcome is what one run of a measurement gave: the figures in the order of
// the measurement's, and what went wrong on the way.
type outcome struct {
	figures []float64
	load    load.Result
}

// noFigure is the value of a figure that a peer doesn't have, such as the
// processor time of a balancer that is the kernel.
const noFigure = -1

// Measurements are all of them, in the order in which they are made.
var Measurements = []Measurement{
	bulk("up", load.Up, Super, "bulk to the servers, super-packets"),
	bulk("down", load.Down, Super, "bulk from the servers, super-packets"),
	{Name: "connects", Frames: Super, Figures: []Figure{
		{Name: "connects", Title: "connections a second", Unit: "/s", Beside: haproxy},
	}, run: func(ctx context.Context, s *site, d time.Duration) (outcome, error) {
		r, err := s.load(ctx, load.Connects, 64, d)
		return outcome{[]float64{float64(r.Answers) / r.Seconds}, r}, err
	}},
	{Name: "requests-1", Frames: Super, Figures: []Figure{
		{Name: "rr1-p50", Title: "latency, 1 client, p50", Unit: "µs", Digits: 1, Less: true, Beside: haproxy},
		{Name: "rr1-p99", Title: "latency, 1 client, p99", Unit: "µs", Digits: 1, Less: true, Beside: haproxy},
	}, run: func(ctx context.Context, s *site, d time.Duration) (outcome, error) {
		r, err := s.load(ctx, load.Requests, 1, d)
		return outcome{[]float64{r.P50, r.P99}, r}, err
	}},
	{Name: "requests-64", Frames: Super, Figures: []Figure{
		{Name: "rr64", Title: "requests a second, 64 clients", Unit: "/s", Beside: haproxy},
		{Name: "rr64-p50", Title: "latency, 64 clients, p50", Unit: "µs", Less: true, Beside: haproxy},
		{Name: "rr64-p99", Title: "latency, 64 clients, p99", Unit: "µs", Less: true, Beside: haproxy},
	}, run: func(ctx context.Context, s *site, d time.Duration) (outcome, error) {
		r, err := s.load(ctx, load.Requests, 64, d)
		return outcome{[]float64{float64(r.Answers) / r.Seconds, r.P50, r.P99}, r}, err
	}},
	{Name: "udp", Frames: Super, Datagram: true, Figures: []Figure{
		{Name: "udp", Title: "small datagrams, flood", Unit: "kpps", Beside: dnat},
		{Name: "udp-cpu", Title: "balancer's processor time per datagram", Unit: "µs", Digits: 2, Less: true},
	}, run: flood},
	{Name: "drain", Frames: Super, Datagram: true, Daemon: true, Figures: []Figure{
		{Name: "drain-cpu", Title: "drain of full queues, processor time per datagram", Unit: "µs", Digits: 2, Less: true, Beside: "goipvs"},
		{Name: "drain", Title: "drain of full queues, time per datagram", Unit: "µs", Digits: 2, Less: true, Beside: "goipvs"},
	}, run: drain},
	bulk("up-mtu", load.Up, MTU, "bulk to the servers, MTU frames, GRO"),
	bulk("down-mtu", load.Down, MTU, "bulk from the servers, MTU frames, GRO"),
	bulk("up-bare", load.Up, Bare, "bulk to the servers, no offloads"),
	bulk("down-bare", load.Down, Bare, "bulk from the servers, no offloads"),
}

// bulkStreams is how many streams bulk measurements have.
const bulkStreams = 2

func bulk(name string, kind load.Kind, frames Frames, title string) Measurement {
	return Measurement{Name: name, Frames: frames, Figures: []Figure{
		{Name: name, Title: title, Unit: "Gbit/s", Digits: 2, Beside: haproxy},
		{Name: name + "-cpu", Title: title + ": balancer's processor time", Unit: "ms/Gbit", Less: true, Beside: haproxy},
	}, run: func(ctx context.Context, s *site, d time.Duration) (outcome, error) {
		before := s.cpuTime()
		r, err := s.load(ctx, kind, bulkStreams, d)
		gbit := float64(r.Octets) * 8 / 1e9
		out := outcome{[]float64{gbit / r.Seconds, noFigure}, r}
		if len(s.pids) > 0 && gbit > 0 {
			out.figures[1] = (s.cpuTime() - before).Seconds() * 1e3 / gbit
		}
		return out, err
	}}
}
