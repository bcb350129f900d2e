package reload

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/ipvsadm"
	"goipvs/internal/packettest"
	"goipvs/internal/setup"
	"goipvs/sched"
)

const vip = "203.0.113.10"

// files is what a setup file says of two services, to be changed.
const files = `ip addr add 203.0.113.10/32 dev lo
sysctl -w net.ipv4.vs.sloppy_tcp=1
sysctl -w net.ipv4.ip_forward=1
ipvsadm --set 100 20 30
ipvsadm -A -t 203.0.113.10:80 -s rr
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.11:8080 -m
ipvsadm -a -t 203.0.113.10:80 -r 10.1.0.12:8080 -m -w 3
-A -f 7 -s sh
-a -f 7 -r 10.1.0.13 -g
`

func lines(t *testing.T, text string) []setup.Line {
	t.Helper()
	all, err := setup.Parse("setup", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// counted is a director that notes what changes it, and fails at one change.
type counted struct {
	*hooks.Director
	changes []string
	fail    int // 0: never
}

var errFull = errors.New("full")

func (c *counted) note(format string, args ...any) error {
	c.changes = append(c.changes, fmt.Sprintf(format, args...))
	if len(c.changes) == c.fail {
		return errFull
	}
	return nil
}

func (c *counted) AddService(s sched.ServiceConfig) error {
	return errors.Join(c.note("add %v", s.ServiceKey), c.Director.AddService(s))
}

func (c *counted) EditService(s sched.ServiceConfig) error {
	return errors.Join(c.note("edit %v", s.ServiceKey), c.Director.EditService(s))
}

func (c *counted) DelService(k sched.ServiceKey) error {
	return errors.Join(c.note("delete %v", k), c.Director.DelService(k))
}

func (c *counted) AddDest(k sched.ServiceKey, d sched.DestConfig) error {
	return errors.Join(c.note("add %v to %v", d.DestKey, k), c.Director.AddDest(k, d))
}

func (c *counted) EditDest(k sched.ServiceKey, d sched.DestConfig) error {
	return errors.Join(c.note("edit %v of %v", d.DestKey, k), c.Director.EditDest(k, d))
}

func (c *counted) DelDest(k sched.ServiceKey, d sched.DestKey) error {
	return errors.Join(c.note("delete %v of %v", d, k), c.Director.DelDest(k, d))
}

func (c *counted) Flush() { c.changes = append(c.changes, "flush") }

// world is a director that runs what a file says.
type world struct {
	*counted
	stack *packettest.Stack
}

func newWorld(t *testing.T, text string) *world {
	s := packettest.NewStack(vip)
	w := &world{&counted{Director: hooks.New(hooks.Config{Stack: s})}, s}
	d := &draft{director: w.Director, conn: control.NewEngine(w.Director).Conn(), settings: map[string]string{}}
	if err := d.run(lines(t, text)); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) plan(t *testing.T, old, now string) (*Plan, error) {
	return New(Config{Old: lines(t, old), New: lines(t, now), Stack: w.stack})
}

// saved is what the director has, as ipvsadm-save prints it, with a setting and
// timeouts.
func (w *world) saved(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, args := range [][]string{{"-Sn"}, {"-L", "--timeout"}} {
		if err := ipvsadm.Do(control.NewEngine(w.Director).Conn(), args, &b); err != nil {
			t.Fatal(err)
		}
	}
	v, err := w.Setting("sloppy_tcp")
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + "sloppy_tcp " + v + "\n"
}

func TestReload(t *testing.T) {
	for _, tt := range []struct {
		name    string
		edit    func(string) string
		changes []string
		report  string
	}{
		{"nothing", func(s string) string { return s }, nil,
			"0 services and servers added, 0 changed, 0 deleted"},
		{"weight", replace("-w 3", "-w 5"), []string{"edit 10.1.0.12:8080 of TCP 203.0.113.10:80"},
			"0 services and servers added, 1 changed, 0 deleted"},
		{"scheduler", replace("-s rr", "-s wrr -p 60"), []string{"edit TCP 203.0.113.10:80"},
			"0 services and servers added, 1 changed, 0 deleted"},
		{"server instead of another", replace("10.1.0.11", "10.1.0.14"), []string{
			"add 10.1.0.14:8080 to TCP 203.0.113.10:80", "delete 10.1.0.11:8080 of TCP 203.0.113.10:80"},
			"1 services and servers added, 0 changed, 1 deleted"},
		{"service instead of another", replace("-f 7", "-f 8"), []string{"add FWM 8", "add 10.1.0.13:0 to FWM 8", "delete FWM 7"},
			"2 services and servers added, 0 changed, 1 deleted"},
		{"order", func(s string) string {
			head, rest, _ := strings.Cut(s, "ipvsadm -A")
			web, mark, _ := strings.Cut("ipvsadm -A"+rest, "-A -f")
			return head + "-A -f" + mark + web
		}, nil, "0 services and servers added, 0 changed, 0 deleted"},
		{"settings", func(s string) string {
			return replace("--set 100", "--set 200")(replace("sloppy_tcp=1", "sloppy_tcp=0")(s))
		}, nil, "0 services and servers added, 0 changed, 0 deleted; 2 settings changed"},
		{"settings no more", func(s string) string {
			return replace("ipvsadm --set 100 20 30\n", "")(replace("sysctl -w net.ipv4.vs.sloppy_tcp=1\n", "")(s))
		}, nil, "0 services and servers added, 0 changed, 0 deleted; 2 settings changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, files)
			now := tt.edit(files)
			p, err := w.plan(t, files, now)
			if err != nil {
				t.Fatal(err)
			}
			r, err := p.Apply(w)
			if err != nil || r.String() != tt.report {
				t.Errorf("%v, %v", r, err)
			}
			if d := cmp.Diff(tt.changes, w.changes); d != "" {
				t.Errorf("changes (-want +got)\n%s", d)
			}
			if d := cmp.Diff(newWorld(t, now).saved(t), w.saved(t)); d != "" && tt.name != "order" {
				t.Errorf("(-anew +reloaded)\n%s", d)
			}
		})
	}
}

func replace(old, now string) func(string) string {
	return func(s string) string { return strings.ReplaceAll(s, old, now) }
}

// What somebody else changed becomes what the files say; files without services
// leave them alone.
func TestReloadOthers(t *testing.T) {
	w := newWorld(t, files)
	by := func(args ...string) {
		t.Helper()
		if err := ipvsadm.Do(control.NewEngine(w.Director).Conn(), args, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	by("-A", "-t", vip+":443", "-s", "lc")
	by("-e", "-t", vip+":80", "-r", "10.1.0.11:8080", "-m", "-w", "0")
	before := w.saved(t)
	const bare = "sysctl -w net.ipv4.vs.sloppy_tcp=1\n"
	p, err := w.plan(t, bare, bare)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := p.Apply(w); err != nil || r != (Report{}) || w.saved(t) != before {
		t.Errorf("%v, %v: %s", r, err, w.saved(t))
	}
	if p, err = w.plan(t, files, files); err != nil {
		t.Fatal(err)
	}
	if r, err := p.Apply(w); err != nil || r.Deleted != 1 || r.Edited != 1 {
		t.Errorf("%v, %v", r, err)
	}
	if d := cmp.Diff(newWorld(t, files).saved(t), w.saved(t)); d != "" {
		t.Errorf("(-anew +reloaded)\n%s", d)
	}
}

// A line that is wrong is named.
func TestReloadRefused(t *testing.T) {
	w := newWorld(t, files)
	for _, tt := range []struct{ name, now, want string }{
		{"unknown scheduler", replace("-s sh", "-s nosuch")(files), "setup:8: Scheduler or persistence engine not found"},
		{"no such service", files + "-a -t 203.0.113.10:81 -r 10.1.0.11 -m\n", "setup:10: Service not defined"},
		{"added twice", files + "-A -f 7\n", "setup:10: Service already exists"},
		{"server's address", files + "-a -f 7 -r 224.0.0.1 -g\n", "setup:10: Invalid operation."},
		{"setting", replace("sloppy_tcp=1", "sloppy_tcp=x")(files), `setup:2: sloppy_tcp: "x": invalid`},
		{"no such setting", replace("sloppy_tcp", "slippy_tcp")(files), "setup:2: slippy_tcp: no such setting"},
		{"address", replace("203.0.113.10/32", "203.0.113.11/32")(files), "setup:1: ip addr add 203.0.113.11/32 dev lo: changed; that takes a restart"},
		{"another command", files + "ip link set lo up\n", "setup:10: ip link set lo up: changed; that takes a restart"},
		{"a command less", replace("sysctl -w net.ipv4.ip_forward=1\n", "")(files), "setup:3: sysctl -w net.ipv4.ip_forward=1: changed; that takes a restart"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.plan(t, files, tt.now)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	if _, err := New(Config{New: lines(t, "-A -f 7\n"), Stack: w.stack, Check: func(*sched.ServiceConfig) error { return errFull }}); err == nil {
		t.Error("checked in vain")
	}
}

// If a change fails, whichever, all is as it was.
func TestReloadUndone(t *testing.T) {
	now := replace("-f 7", "-f 8")(replace("10.1.0.11", "10.1.0.14")(replace("-s rr", "-s wrr")(replace("sloppy_tcp=1", "sloppy_tcp=0")(files))))
	for fail := 1; fail <= 6; fail++ {
		w := newWorld(t, files)
		before := w.saved(t)
		p, err := w.plan(t, files, now)
		if err != nil {
			t.Fatal(err)
		}
		w.fail = fail
		if _, err := p.Apply(w); !errors.Is(err, errFull) {
			t.Errorf("%d: %v", fail, err)
		}
		if d := cmp.Diff(sorted(before), sorted(w.saved(t))); d != "" {
			t.Errorf("failing at %d: (-before +after)\n%s", fail, d)
		}
	}
}

// sorted are lines in an order of their own: what was deleted and comes back is
// the newest.
func sorted(s string) map[string]bool {
	m := map[string]bool{}
	for l := range strings.Lines(s) {
		m[l] = true
	}
	return m
}

// Five thousand services with twenty servers each are quickly the same.
func BenchmarkReload(b *testing.B) {
	s := packettest.NewStack(vip)
	d := hooks.New(hooks.Config{Stack: s})
	for i := range 5000 {
		k := sched.ServiceKey{FWMark: uint32(i + 1), Family: 4}
		if err := d.AddService(sched.ServiceConfig{ServiceKey: k, Scheduler: "wlc"}); err != nil {
			b.Fatal(err)
		}
		for j := range 20 {
			a := packettest.Addr(fmt.Sprintf("10.1.%d.%d", j, i%200+1))
			if err := d.AddDest(k, sched.DestConfig{DestKey: sched.DestKey{Family: 4, Addr: a}, Weight: 1}); err != nil {
				b.Fatal(err)
			}
		}
	}
	p := &Plan{tables: true, want: read(d)}
	for b.Loop() {
		if r, err := p.Apply(d); err != nil || r != (Report{}) {
			b.Fatal(r, err)
		}
	}
}
