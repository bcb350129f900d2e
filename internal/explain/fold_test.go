package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/trace"
)

// fold is a Sink that keeps the tables as the lines tell of them, and holds them
// against ipvsadm's listings.
type fold struct {
	t        *testing.T
	services []trace.Service
	conns    map[int]trace.Conn
	compared int
}

func (f *fold) Start(s *trace.Start) error {
	f.services, f.conns = slices.Clone(s.Services), map[int]trace.Conn{}
	return nil
}

func (f *fold) Passage(g *trace.Passage) error {
	for _, s := range g.Services {
		if i := slices.IndexFunc(f.services, func(o trace.Service) bool { return o.Key == s.Key }); i >= 0 {
			f.services[i] = s
		} else {
			f.services = append(f.services, s)
		}
	}
	f.services = slices.DeleteFunc(f.services, func(s trace.Service) bool { return slices.Contains(g.Gone, s.Key) })
	for _, c := range g.Conns {
		f.conns[c.ID] = c
	}
	for _, id := range g.Ended {
		delete(f.conns, id)
	}
	return nil
}

func (f *fold) End(*trace.End) error { return nil }

func (f *fold) Listing(l *trace.Listing) error {
	var want, got []string
	switch l.Command {
	case "ipvsadm -Lnc":
		want, got = listedConns(l.Text), f.listConns()
	case "ipvsadm -Ln":
		want, got = listedServices(l.Text), f.listServices()
	default:
		return nil
	}
	f.compared++
	if d := cmp.Diff(want, got); d != "" {
		f.t.Errorf("%s at %d ns (-) and what the lines tell (+):\n%s", l.Command, l.Time, d)
	}
	return nil
}

// listedConns returns the connections of a listing: protocol, state, addresses.
func listedConns(text string) (all []string) {
	for line := range strings.Lines(text) {
		if w := strings.Fields(line); len(w) >= 6 && strings.Contains(w[1], ":") {
			all = append(all, strings.Join([]string{w[0], w[2], w[3], w[4], w[5]}, " "))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (f *fold) listConns() (all []string) {
	for _, c := range f.conns {
		virtual := c.Virtual
		if c.Mark != 0 || virtual == "" {
			_, port, _ := strings.Cut(c.Client, ":")
			virtual = fmt.Sprintf("%d.%d.%d.%d:%s", byte(c.Mark>>24), byte(c.Mark>>16), byte(c.Mark>>8), byte(c.Mark), port)
		}
		all = append(all, strings.Join([]string{c.Protocol, c.State, c.Client, virtual, c.Dest}, " "))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listedServices returns services and servers of a listing, each server behind
// its service's key: method, weight, active and inactive connections.
func listedServices(text string) (all []string) {
	key := ""
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) >= 3 && (w[0] == "TCP" || w[0] == "UDP" || w[0] == "SCTP" || w[0] == "FWM"):
			key = w[0] + " " + w[1]
			if w[0] == "FWM" && w[2] == "IPv6" {
				key += " IPv6"
			}
			all = append(all, key)
		case len(w) == 6 && w[0] == "->" && key != "":
			all = append(all, strings.Join(append([]string{key}, w[1:]...), " "))
		}
	}
	slices.Sort(all)
	return all
}

func (f *fold) listServices() (all []string) {
	for _, s := range f.services {
		all = append(all, s.Key)
		for _, d := range s.Servers {
			all = append(all, fmt.Sprintf("%s %s %s %d %d %d", s.Key, d.Address, d.Forward, d.Weight, d.Active, d.Inactive))
		}
	}
	slices.Sort(all)
	return all
}

// What is written as JSON is read back the same.
func TestJSONRoundTrip(t *testing.T) {
	for _, dir := range []string{natCase, "../../testdata/corpus/tun-gue-csum", "../../testdata/corpus/persist-timeout", "../../testdata/corpus/sched-wrr-gcd"} {
		var b bytes.Buffer
		if _, err := Run(openCase(t, dir), NewJSON(&b)); err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b.Bytes()) {
			var kind struct{ Type string }
			if err := json.Unmarshal(line, &kind); err != nil {
				t.Fatal(err)
			}
			v := map[string]any{
				"start": &trace.Start{}, "packet": &trace.Passage{}, "timer": &trace.Passage{}, "command": &trace.Passage{},
				"listing": &trace.Listing{}, "end": &trace.End{},
			}[kind.Type]
			d := json.NewDecoder(bytes.NewReader(line))
			d.DisallowUnknownFields()
			if err := d.Decode(v); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			var again bytes.Buffer
			enc := json.NewEncoder(&again)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(v); err != nil {
				t.Fatal(err)
			}
			if again.String() != string(line) {
				t.Fatalf("%s\nread back as\n%s", line, again.String())
			}
		}
	}
}
