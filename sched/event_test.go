package sched

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

type listener struct{ got []packet.Event }

func (l *listener) Event(p *packet.Packet, e packet.Event) { l.got = append(l.got, e) }

// What the event of a choice says: each scheduler's figures, and of each server
// its load, its slots and why it was chosen or not.
func TestChosen(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags ServiceFlags
		want  string
	}{
		{"rr", 0, "scheduled; last: none: the turn begins with the first server; 2 server-chosen; 1 server-overloaded; 4 server-not-its-turn; 3 server-quiesced"},
		{"wrr", 0, "scheduled; last: none: the turn begins with the first server; cw before: 1; mw: 3; di: 1; cw: 1; 2 server-chosen; 1 server-overloaded; 4 server-not-its-turn; 3 server-quiesced"},
		{"lc", 0, "scheduled; 2 load 257 server-busier; 1 load 1 server-overloaded; 4 load 2 server-chosen; 3 server-quiesced"},
		{"wlc", 0, "scheduled; 2 load 257 server-busier; 1 load 1 server-overloaded; 4 load 2 server-chosen; 3 server-quiesced"},
		{"sed", 0, "scheduled; 2 load 2 server-busier; 1 load 1 server-overloaded; 4 load 1 server-chosen; 3 load 1 server-quiesced"},
		{"nq", 0, "scheduled; 2 load 2 server-behind-idle; 1 load 1 server-overloaded; 4 load 1 server-chosen; 3 load 1 server-quiesced"},
		{"fo", 0, "scheduled; 2 server-lighter; 1 server-overloaded; 4 server-chosen; 3 server-quiesced"},
		{"ovf", 0, "scheduled; 2 server-lighter; 1 server-overloaded; 4 server-chosen; 3 server-quiesced"},
		{"sh", 0, "scheduled; client: 10.0.0.4; slot: 77 of 256; server of the slot: 10.0.0.2:80; 2 slots 74 server-chosen; 1 slots 37 server-overloaded; 4 slots 109 server-other-slot; 3 slots 36 server-quiesced"},
		{"sh", hashFallback | hashPort, "scheduled; client: 10.0.0.4; port: 1024; slot: 111 of 256; server of the slot: 10.0.0.3:80; fallback: that one takes no connections: the next slots are tried; 2 slots 74 server-other-slot; 1 slots 37 server-overloaded; 4 slots 109 server-chosen; 3 slots 36 server-quiesced"},
		{"dh", 0, "scheduled; destination: 192.0.2.1; slot: 50 of 256; server of the slot: 10.0.0.4:80; 2 slots 64 server-other-slot; 1 slots 64 server-overloaded; 4 slots 64 server-chosen; 3 slots 64 server-quiesced"},
		{"mh", 0, "scheduled; client: 10.0.0.4; slot: 3701 of 4093; server of the slot: 10.0.0.4:80; 2 slots 1365 server-other-slot; 1 slots 682 server-overloaded; 4 slots 2046 server-chosen; 3 server-quiesced"},
		{"lblc", 0, "scheduled; destination: 192.0.2.1; remembered: none: the least loaded is chosen, as by wlc; 2 load 257 server-busier; 1 load 1 server-overloaded; 4 load 2 server-chosen; 3 server-quiesced"},
		{"lblcr", 0, "scheduled; destination: 192.0.2.1; remembered: none: the least loaded is chosen, as by wlc; 2 load 257 server-busier; 1 load 1 server-overloaded; 4 load 2 server-chosen; 3 server-quiesced"},
		{"twos", 0, "scheduled; drawn: 10.0.0.4:80; drawn: 10.0.0.2:80; 2 load 257 server-busier; 1 load 1 server-overloaded; 4 load 2 server-chosen; 3 server-quiesced"},
		{"none", 0, "no-destination; 2 server-no-scheduler; 1 server-no-scheduler; 4 server-no-scheduler; 3 server-no-scheduler"},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.name, tt.flags), func(t *testing.T) {
			s := newService(t, tt.name, tt.flags)
			add(t, s, DestConfig{DestKey: server(3)})
			d := add(t, s, DestConfig{DestKey: server(4), Weight: 3})
			d.Bind(false, true)
			d.Bind(false, true)
			add(t, s, DestConfig{DestKey: server(1), Weight: 1, Upper: 1}).Bind(false, true)
			add(t, s, DestConfig{DestKey: server(2), Weight: 2}).Bind(false, false)
			l := &listener{}
			r := Request{Protocol: packet.ProtoTCP, Src: packet.Addr4(0x0a000004), SrcPort: 1024, Dst: s.Addr, Packet: &packet.Packet{Listener: l}}
			chosen := s.Schedule(&r)
			if len(l.got) != 1 {
				t.Fatalf("%d events", len(l.got))
			}
			e := l.got[0].(Chosen)
			fn := "ip_vs_" + tt.name + "_schedule"
			if tt.name == "none" {
				fn = "ip_vs_schedule"
			}
			if e.Service != s || e.Dest != chosen || e.Scheduler != tt.name || e.Func() != fn {
				t.Errorf("%+v, %s", e, e.Func())
			}
			if got := told(e); got != tt.want {
				t.Errorf("%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// told puts a choice in words.
func told(e Chosen) string {
	parts := []string{string(e.Reason())}
	for _, f := range e.Figures {
		parts = append(parts, f.Name+": "+f.Value)
	}
	for _, c := range e.Candidates {
		s := fmt.Sprint(octet(c.Dest))
		if c.Load != 0 {
			s += fmt.Sprintf(" load %d", c.Load)
		}
		if c.Slots != 0 {
			s += fmt.Sprintf(" slots %d", c.Slots)
		}
		parts = append(parts, s+" "+string(c.Why))
	}
	return strings.Join(parts, "; ")
}

// A cache tells what it remembers, and when that doesn't do any more.
func TestChosenFromCache(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		s := newService(t, name, 0)
		add(t, s, DestConfig{DestKey: server(1), Weight: 4})
		add(t, s, DestConfig{DestKey: server(2), Weight: 1})
		l := &listener{}
		r := Request{Protocol: packet.ProtoTCP, Dst: s.Addr, Packet: &packet.Packet{Listener: l}}
		s.Schedule(&r)
		for range 2 {
			s.Schedule(&r).Bind(false, false)
		}
		s.Schedule(&r)
		var got []string
		for _, e := range l.got {
			got = append(got, told(e.(Chosen)))
		}
		if d := cmp.Diff([]string{
			"scheduled; destination: 192.0.2.1; remembered: none: the least loaded is chosen, as by wlc; 2 server-chosen; 1 server-behind-equal",
			"scheduled; destination: 192.0.2.1; remembered: 10.0.0.2:80; 2 server-chosen; 1 server-other-cached",
			"scheduled; destination: 192.0.2.1; remembered: 10.0.0.2:80; 2 load 257 server-chosen; 1 server-other-cached",
			"scheduled; destination: 192.0.2.1; remembered: 10.0.0.2:80; crowded: more active connections than its weight while a server is half idle: the least loaded is chosen; 2 load 514 server-busier; 1 server-chosen",
		}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
