package sched

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

type listener struct{ got []packet.Event }

func (l *listener) Event(p *packet.Packet, e packet.Event) { l.got = append(l.got, e) }

func TestChosen(t *testing.T) {
	type row struct {
		Server                   int
		Weight, Active, Inactive int32
		Overhead                 int32
		Overloaded               bool
		Buckets                  int
	}
	for _, tt := range []struct {
		name   string
		reason packet.Reason
		mark   int32
		bucket int
		rows   []row // of servers 2 (weight 2, one active), 1 (weight 1, one inactive, overloaded)
	}{
		{"rr", ReasonScheduled, 0, -1, []row{{2, 2, 1, 0, 0, false, 0}, {1, 1, 0, 1, 0, true, 0}}},
		{"wrr", ReasonScheduled, 1, -1, []row{{2, 2, 1, 0, 0, false, 0}, {1, 1, 0, 1, 0, true, 0}}},
		{"wlc", ReasonScheduled, 0, -1, []row{{2, 2, 1, 0, 257, false, 0}, {1, 1, 0, 1, 1, true, 0}}},
		{"sed", ReasonScheduled, 0, -1, []row{{2, 2, 1, 0, 2, false, 0}, {1, 1, 0, 1, 1, true, 0}}},
		{"sh", ReasonNoDestination, 0, 77, []row{{2, 2, 1, 0, 0, false, 171}, {1, 1, 0, 1, 0, true, 85}}},
		{"dh", ReasonScheduled, 0, 50, []row{{2, 2, 1, 0, 0, false, 128}, {1, 1, 0, 1, 0, true, 128}}},
		{"none", ReasonNoDestination, 0, -1, []row{{2, 2, 1, 0, 0, false, 0}, {1, 1, 0, 1, 0, true, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t, tt.name, 0)
			add(t, s, DestConfig{DestKey: server(1), Weight: 1, Upper: 1}).Bind(false, true)
			add(t, s, DestConfig{DestKey: server(2), Weight: 2}).Bind(false, false)
			l := &listener{}
			r := Request{Protocol: packet.ProtoTCP, Src: packet.Addr4(0x0a000004), Dst: s.Addr, Packet: &packet.Packet{Listener: l}}
			d := s.Schedule(&r)
			if len(l.got) != 1 {
				t.Fatalf("%d events", len(l.got))
			}
			e := l.got[0].(Chosen)
			fn := "ip_vs_" + tt.name + "_schedule"
			if tt.name == "none" {
				fn = "ip_vs_schedule"
			}
			if e.Service != s || e.Dest != d || e.Scheduler != tt.name || e.Reason() != tt.reason || e.Func() != fn || e.Mark != tt.mark || e.Bucket != tt.bucket {
				t.Errorf("%+v, %s, %s", e, e.Reason(), e.Func())
			}
			var rows []row
			for _, c := range e.Candidates {
				rows = append(rows, row{octet(c.Dest), c.Weight, c.Active, c.Inactive, c.Overhead, c.Overloaded, c.Buckets})
			}
			if d := cmp.Diff(tt.rows, rows); d != "" {
				t.Error(d)
			}
		})
	}
}
