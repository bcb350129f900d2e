package explain

import (
	"path/filepath"
	"testing"

	"goipvs/internal/trace"
)

// Each connection and template that the lines tell of has one life, which ends
// as they say, and those that are there at the end have none.
func TestLives(t *testing.T) {
	for _, name := range []string{"nat-onearm", "v6-ops", "persist-timeout", "persist-dest-deleted-expire", "ftp-two-clients", "icmp-client-errors-nat", "random-expire-60"} {
		dir := filepath.Join("../../testdata/corpus", name)
		x, f := &told{}, &fold{t: t}
		lives := map[int]*trace.Life{}
		l := &Lives{Tell: func(l *trace.Life) error {
			if lives[l.Conn.ID] != nil {
				t.Errorf("%s: connection %d lives twice", name, l.Conn.ID)
			}
			lives[l.Conn.ID] = l
			return nil
		}}
		if _, err := Run(openCase(t, dir), tee{x, f, l}); err != nil {
			t.Fatal(err)
		}
		known := map[int]bool{}
		for _, g := range x.passages {
			for _, id := range g.Ended {
				known[id] = true
				if l := lives[id]; l == nil || l.Why == "" || l.Ended < l.Made {
					t.Errorf("%s: connection %d ended, and its life says %+v", name, id, l)
				}
			}
			for _, c := range g.Conns {
				known[c.ID] = true
			}
		}
		for id := range known {
			l := lives[id]
			if l == nil {
				t.Errorf("%s: no life of connection %d", name, id)
				continue
			}
			if _, there := f.conns[id]; there != (l.Why == "") {
				t.Errorf("%s: connection %d is there at the end: %v; its life: %q", name, id, there, l.Why)
			}
			if l.Conn.ID != id || l.Type != "life" || len(l.Moments) == 0 {
				t.Errorf("%s: %+v", name, l)
			}
			in, out := 0, 0
			for _, m := range l.Moments {
				if m.Outcome == trace.Sent || m.Outcome == trace.Delivered {
					switch m.Direction {
					case "in":
						in++
					case "out":
						out++
					}
				}
			}
			if in != l.InPkts || out != l.OutPkts {
				t.Errorf("%s: connection %d: %d packets in and %d out, and its life says %d and %d", name, id, in, out, l.InPkts, l.OutPkts)
			}
		}
		if len(lives) != len(known) || len(lives) == 0 {
			t.Errorf("%s: %d lives of %d connections", name, len(lives), len(known))
		}
	}
}
