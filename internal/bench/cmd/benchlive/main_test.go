package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	all, usual := []string{"a", "b", "c"}, []string{"a", "b"}
	for _, c := range []struct {
		want, got []string
		ok        bool
	}{
		{nil, usual, true},
		{[]string{"c", "a"}, []string{"a", "c"}, true},
		{[]string{"a", "d"}, nil, false},
	} {
		got, err := choose(all, usual, c.want, func(s string) string { return s })
		if d := cmp.Diff(c.got, got); d != "" || (err == nil) != c.ok {
			t.Errorf("%v: %v (-want +got):\n%s", c.want, err, d)
		}
	}
}

func TestBadUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--peers nobody":                         `"nobody" is none of routing, dnat, `,
		"--measure nothing":                      `"nothing" is none of up, down, `,
		"--rounds 0":                             "at least one round",
		"--for 1ms":                              "at least one round",
		"load up --to nowhere":                   "ip:port",
		"load up --to 192.0.2.1:7 --conns 0":     "out of range",
		"load up --to [2001:db8::1]:7":           "out of range",
		"load sideways --to 192.0.2.1:7":         "no kind of load",
		"load flood --to 192.0.2.1:7 --size 0":   "out of range",
		"serve now":                              "unknown command",
		"--goipvs missing --peers goipvs --nice": "flag needs an argument",
	} {
		t.Run(args, func(t *testing.T) {
			cmd := newCommand()
			cmd.SetArgs(strings.Fields(args))
			var out bytes.Buffer
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v", err)
			}
		})
	}
}
