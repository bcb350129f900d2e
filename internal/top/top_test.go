package top

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"goipvs/internal/control"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func dest(last byte, f sched.Forward, weight int32, active, inactive uint32, rates sched.Counters) control.Dest {
	return control.Dest{
		DestConfig: sched.DestConfig{DestKey: sched.DestKey{Family: packet.IPv4, Addr: packet.Addr{10, 1, 0, last}, Port: 8080}, Forward: f, Weight: weight},
		Active:     active, Inactive: inactive, Rates: rates,
	}
}

// example is a director at work.
func example() *Sample {
	web := control.Service{Rates: sched.Counters{Conns: 1234, InPkts: 123456, OutPkts: 98765, InBytes: 12345678, OutBytes: 1234567890}}
	web.ServiceKey = sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: packet.Addr{203, 0, 113, 10}, Port: 80}
	web.Scheduler = "wlc"
	six := control.Service{Rates: sched.Counters{Conns: 2}}
	six.ServiceKey = sched.ServiceKey{Family: packet.IPv6, Protocol: packet.ProtoUDP, Addr: packet.Addr{0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6}, Port: 53}
	six.Scheduler = "rr"
	mark := control.Service{}
	mark.ServiceKey = sched.ServiceKey{Family: packet.IPv4, FWMark: 7}
	mark.Scheduler = "sh"
	return &Sample{
		At: noon,
		Services: []Service{
			{six, nil},
			{web, []control.Dest{
				dest(11, sched.Masq, 1, 7, 12345, sched.Counters{Conns: 34, InPkts: 456, OutPkts: 765, InBytes: 5678, OutBytes: 567890}),
				dest(12, sched.DRoute, 100, 120, 0, sched.Counters{Conns: 1200, InPkts: 123000}),
			}},
			{mark, []control.Dest{dest(13, sched.Tunnel, 0, 0, 0, sched.Counters{})}},
		},
		Counts: []control.Count{
			{Name: "conns", N: 12475}, {Name: "packets/local_in/drop", N: 9}, {Name: "verdict/accept/no-service", N: 5},
			{Name: "verdict/drop/no-destination", N: 70}, {Name: "verdict/stolen/request", N: 1000}, {Name: "verdict/stolen/ttl-expired", N: 3},
			{Name: "state/TCP/ESTABLISHED", N: 127}, {Name: "state/TCP/TIME_WAIT", N: 12300}, {Name: "state/UDP/UDP", N: 45}, {Name: "state/IP/TEMPLATE", N: 3},
			{Name: "queue/7000/waiting", N: 4}, {Name: "queue/7000/full", N: 100}, {Name: "queue/7000/unread", N: 0},
			{Name: "refused/raw", N: 2}, {Name: "truncated", N: 1}, {Name: "limited", N: 20},
		},
	}
}

// before is the same, two seconds earlier.
func before() *Sample {
	s := example()
	s.At = s.At.Add(-2 * time.Second)
	for i := range s.Counts {
		if s.Counts[i].Name == "verdict/drop/no-destination" {
			s.Counts[i].N = 50
		}
	}
	return s
}

func TestView(t *testing.T) {
	for _, c := range []struct {
		name string
		view view
		old  *Sample
	}{
		{"once", view{width: 100}, nil},
		{"80x24", view{width: 80, height: 24, every: "2s"}, before()},
		{"80x24-octets", view{width: 80, height: 24, every: "2s", order: Octets}, before()},
		{"80x12", view{width: 80, height: 12, every: "2s", scroll: 2}, before()},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := c.view.render(example(), c.old)
			packettest.Golden(t, c.name, strings.Join(lines, "\n")+"\n")
			if c.view.height > 0 && len(lines) > c.view.height {
				t.Errorf("%d lines", len(lines))
			}
			for _, l := range lines {
				if n := len([]rune(l)); n > c.view.width {
					t.Errorf("%d columns: %s", n, l)
				}
			}
		})
	}
}

func TestViewOfNothing(t *testing.T) {
	got := (&view{width: 80}).render(&Sample{At: noon}, nil)
	want := []string{
		"goipvs 12:00:00  0 services, 0 servers, 0 conns",
		"In all  0 conn/s   0 packets/s in, 0 out   0 bit/s in, 0 out",
		"States  no connections", "",
		"Service, server         Method  Wght   Act InAct Conn/s  In/s Out/s Inb/s Outb/s",
		"no services", "", "Dropped: nothing",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Whatever the screen's size, nothing breaks and it is kept to.
func TestAnySize(t *testing.T) {
	for h := 1; h < 40; h++ {
		for _, scroll := range []int{-3, 0, 5, 99} {
			v := view{width: 80, height: h, every: "1s", scroll: scroll}
			if got := v.render(example(), before()); len(got) > h {
				t.Errorf("%d lines on a screen of %d", len(got), h)
			}
		}
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0", 0.5: "0.5", 7: "7", 9.96: "10", 42.4: "42", 9999: "9999", 10000: "10.0k", 99949: "99.9k", 123456: "123k",
		999499: "999k", 999600: "1.0M", 9876543210: "9.9G", 1e18: "1.0E", 1e30: "many",
	} {
		if got := short(n); got != want {
			t.Errorf("%v is %q, want %q", n, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	for in, want := range map[string][]string{
		"sq": {"s", "q"}, "\x1b[A\x1b[6~j": {"up", "pagedown", "j"}, "\x1b[15~": nil, "": nil,
	} {
		if d := cmp.Diff(want, keys(in)); d != "" {
			t.Errorf("%q (-want +got):\n%s", in, d)
		}
	}
}

// fake is a daemon and a terminal; it types one key after each picture.
type fake struct {
	out      bytes.Buffer
	keys     chan string
	typed    []string
	pictures []string
	fails    error
}

func (f *fake) Services() ([]control.Service, error) {
	var all []control.Service
	for _, s := range example().Services {
		all = append(all, s.Service)
	}
	return all, f.fails
}

func (f *fake) Dests(k sched.ServiceKey) ([]control.Dest, error) {
	i := slices.IndexFunc(example().Services, func(s Service) bool { return s.ServiceKey == k })
	return example().Services[i].Dests, nil
}

func (f *fake) Counts() ([]control.Count, error) { return example().Counts, nil }
func (f *fake) Size() (int, int)                 { return 80, 24 }
func (f *fake) Keys() <-chan string              { return f.keys }

func (f *fake) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte(home)) {
		f.pictures = append(f.pictures, string(b))
		if len(f.typed) > 0 {
			k := f.typed[0]
			f.typed = f.typed[1:]
			go func() { f.keys <- k }()
		}
	}
	return f.out.Write(b)
}

func TestRun(t *testing.T) {
	f := &fake{keys: make(chan string), typed: []string{"s", "down", "q"}}
	if err := Run(t.Context(), f, f, Options{Every: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if len(f.pictures) != 3 || !strings.HasPrefix(f.out.String(), enter) || !strings.HasSuffix(f.out.String(), leave) {
		t.Fatalf("%d pictures: %q", len(f.pictures), f.out.String())
	}
	first := func(p string) string { // the first service
		return strings.TrimPrefix(strings.Split(p, "\r\n")[5], toEnd)
	}
	if !strings.HasPrefix(first(f.pictures[0]), "UDP [2001") || !strings.HasPrefix(first(f.pictures[1]), "TCP 203.0.113.10:80") {
		t.Errorf("first %q, then sorted %q", first(f.pictures[0]), first(f.pictures[1]))
	}
}

func TestRunTimes(t *testing.T) {
	f := &fake{keys: make(chan string)}
	if err := Run(t.Context(), f, f, Options{Every: time.Millisecond, Times: 3}); err != nil || len(f.pictures) != 3 {
		t.Errorf("%d pictures, %v", len(f.pictures), err)
	}
	f.fails = errors.New("gone")
	if err := Run(t.Context(), f, f, Options{Every: time.Millisecond}); !errors.Is(err, f.fails) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.fails = nil
	if err := Run(ctx, f, f, Options{Every: time.Hour}); err != nil {
		t.Error(err)
	}
}

func TestPrint(t *testing.T) {
	var b bytes.Buffer
	if err := Print(t.Context(), &fake{}, &b, 80, Options{Every: time.Millisecond, Times: 2}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "States  "); n != 2 || strings.Contains(b.String(), "\x1b") {
		t.Errorf("%d samples: %q", n, b.String())
	}
}

func TestOrder(t *testing.T) {
	var o Order
	if err := o.Set("octets"); err != nil || o != Octets {
		t.Errorf("%v, %v", o, err)
	}
	if o.Set("size") == nil {
		t.Error("no error for an order that there is not")
	}
}

// A real terminal is switched over, gives its keys, and is switched back.
func TestTTY(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 90}); err != nil {
		t.Fatal(err)
	}
	mode := func() uint32 {
		m, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return m.Lflag & (unix.ICANON | unix.ECHO)
	}
	was := mode()
	if !IsTTY(slave) || was == 0 {
		t.Fatalf("terminal %v, mode %#x", IsTTY(slave), was)
	}
	tty, err := OpenTTY(slave, slave)
	if err != nil {
		t.Fatal(err)
	}
	if w, h := tty.Size(); w != 90 || h != 30 || mode() != 0 {
		t.Errorf("%d by %d, mode %#x", w, h, mode())
	}
	if _, err := master.WriteString("s\x1b[B"); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"s", "down"} {
		if k := <-tty.Keys(); k != want {
			t.Errorf("%q, want %q", k, want)
		}
	}
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Error(err)
	}
	if k := <-tty.Keys(); k != "resize" {
		t.Errorf("%q for another size", k)
	}
	if err := tty.Close(); err != nil || mode() != was {
		t.Errorf("closed: %v, mode %#x", err, mode())
	}
}
