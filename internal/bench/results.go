package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Results are what was measured, in a form that outlives the program as JSON.
type Results struct {
	Machine  Machine
	Begun    time.Time
	Rounds   int
	Seconds  float64 // of each measurement
	Peers    []PeerName
	Figures  []Figure
	Series   []Series
	Verified Verified
	Problems []string // what failed, a sentence each
}

// Machine is what was measured on.
type Machine struct {
	Kernel     string
	Processor  string
	Processors int
	Go         string
	Load       float64 // its load average when the run began: what else it did
}

// PeerName is how a peer is called.
type PeerName struct{ Name, Title string }

// Series are a figure's values of one peer, one each round in which there was
// one.
type Series struct {
	Peer, Figure string
	Values       []float64
}

// Verified is how much was compared with what it should be.
type Verified struct {
	Octets  uint64 // of streams
	Answers uint64 // to requests
	Bad     uint64 // blocks, answers and checksums that were wrong
}

func newResults(o *Options) *Results {
	r := &Results{Machine: thisMachine(), Begun: time.Now().UTC().Truncate(time.Second), Rounds: o.Rounds, Seconds: o.For.Seconds()}
	for _, p := range o.Peers {
		r.Peers = append(r.Peers, PeerName{p.Name, p.Title})
	}
	for _, m := range o.Measurements {
		r.Figures = append(r.Figures, m.Figures...)
	}
	return r
}

func thisMachine() Machine {
	m := Machine{Processors: runtime.NumCPU(), Go: runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(b), &m.Load) // else 0
	}
	b, _ := os.ReadFile("/proc/cpuinfo") // without it the processor has no name
	for line := range bytes.Lines(b) {
		if k, v, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(k) == "model name" {
			m.Processor = strings.TrimSpace(v)
			break
		}
	}
	return m
}

func (r *Results) add(peer, figure string, v float64) {
	for i := range r.Series {
		if s := &r.Series[i]; s.Peer == peer && s.Figure == figure {
			s.Values = append(s.Values, v)
			return
		}
	}
	r.Series = append(r.Series, Series{peer, figure, []float64{v}})
}

// Spread is a figure in short.
type Spread struct{ Median, Min, Max float64 }

// Spread returns a peer's figure, if there is one.
func (r *Results) Spread(peer, figure string) (s Spread, ok bool) {
	for _, x := range r.Series {
		if x.Peer == peer && x.Figure == figure {
			return spread(x.Values), true
		}
	}
	return s, false
}

func spread(values []float64) Spread {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// JSON returns the results in JSON.
func (r *Results) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "\t")
	return append(b, '\n'), err
}
