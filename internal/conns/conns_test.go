package conns

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"goipvs/hooks"
	"goipvs/internal/control"
	"goipvs/internal/packettest"
	"goipvs/packet"
	"goipvs/sched"
)

const (
	vip = "203.0.113.10"
	rs1 = "10.1.0.11"
	rs2 = "10.1.0.12"
)

// world is a director with clients' connections, and a client of its control.
type world struct {
	*hooks.Director
	c        *control.Client
	web, dns sched.ServiceKey
}

func newWorld(t *testing.T, flags sched.ServiceFlags) *world {
	w := &world{Director: hooks.New(hooks.Config{Stack: packettest.NewStack(vip)})}
	w.c = control.NewClient(control.NewEngine(w.Director).Conn())
	w.web = sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoTCP, Addr: packettest.Addr(vip), Port: 80}
	w.dns = sched.ServiceKey{Family: packet.IPv4, Protocol: packet.ProtoUDP, Addr: packettest.Addr(vip), Port: 53}
	for _, k := range []sched.ServiceKey{w.web, w.dns} {
		if err := w.c.AddService(sched.ServiceConfig{ServiceKey: k, Scheduler: "rr", Flags: flags, Timeout: 600, Netmask: 1<<32 - 1}); err != nil {
			t.Fatal(err)
		}
		for _, rs := range []string{rs1, rs2} {
			d := sched.DestKey{Family: packet.IPv4, Addr: packettest.Addr(rs), Port: 8080}
			if err := w.c.AddDest(k, sched.DestConfig{DestKey: d, Weight: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

func (w *world) tcp(n int, flags byte) {
	h := packettest.IP{Src: fmt.Sprintf("198.51.100.%d", n), Dst: vip}
	w.Hook(hooks.LocalIn, packettest.Arrived(h.TCP(uint16(40000+n), 80, flags, nil), true))
}

func (w *world) udp(n int) {
	h := packettest.IP{Src: fmt.Sprintf("198.51.100.%d", n), Dst: vip}
	w.Hook(hooks.LocalIn, packettest.Arrived(h.UDP(uint16(40000+n), 53, []byte("?")), true))
}

func (w *world) after(d time.Duration) bool {
	w.Advance(w.Now() + d)
	return true
}

func TestListing(t *testing.T) {
	w := newWorld(t, sched.Persistent)
	w.tcp(1, packettest.SYN)
	w.tcp(1, packettest.ACK)
	w.after(75 * time.Second)
	w.udp(2)
	w.after(3 * time.Second)
	if err := w.c.DelDest(w.web, sched.DestKey{Family: packet.IPv4, Addr: packettest.Addr(rs2), Port: 8080}); err != nil {
		t.Fatal(err)
	}
	var text, js strings.Builder
	text.WriteString(Head)
	err := w.c.Conns(&hooks.ConnFilter{}, 0, func(i *hooks.ConnInfo) error {
		return errors.Join(Text(&text, i), JSON(&js, i))
	})
	if err != nil {
		t.Fatal(err)
	}
	packettest.Golden(t, "list", text.String())
	packettest.Golden(t, "json", js.String())
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", time.Minute: "1m00s", 61*time.Minute + time.Second: "1h01m", 75 * time.Hour: "3d03h",
	} {
		if got := clock(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// TestDrain drains rs2 of the web service, which has the connections of
// clients 1 and 3.
func TestDrain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		drain Drain
		end   bool // the clients' connections end after five seconds
		err   error
		left  int // servers
	}{
		{"ends", Drain{Within: time.Minute}, true, nil, 2},
		{"removed", Drain{Within: time.Minute, Remove: true}, true, nil, 1},
		{"late", Drain{Within: 10 * time.Second, Remove: true}, false, ErrAlive, 2},
		{"forced", Drain{Within: 10 * time.Second, Force: true, Remove: true}, false, nil, 1},
		{"idle", Drain{Within: time.Minute, Idle: 20 * time.Second}, false, nil, 2},
		{"at once", Drain{}, false, ErrAlive, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, sched.Persistent)
			for n := 1; n <= 4; n++ {
				w.tcp(n, packettest.SYN)
				w.tcp(n, packettest.ACK)
			}
			var out strings.Builder
			d := tt.drain
			d.Client, d.Service, d.Out, d.Every = w.c, w.web, &out, time.Second
			d.Server = sched.DestKey{Family: packet.IPv4, Addr: packettest.Addr(rs2), Port: 8080}
			d.Wait = func(step time.Duration) bool {
				w.after(step)
				if tt.end && w.Now() == 5*time.Second {
					w.tcp(1, packettest.RST)
				}
				if tt.end && w.Now() == 7*time.Second {
					w.tcp(3, packettest.RST)
				}
				return true
			}
			if err := d.Run(); !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Error(err)
			}
			packettest.Golden(t, "drain-"+strings.ReplaceAll(tt.name, " ", "-"), out.String())
			all, err := w.c.Dests(w.web)
			if err != nil || len(all) != tt.left {
				t.Errorf("%d servers, %v", len(all), err)
			}
			for _, s := range all {
				if s.DestKey == d.Server && s.Weight != 0 {
					t.Errorf("weight %d", s.Weight)
				}
			}
		})
	}
}

func TestDrainErrors(t *testing.T) {
	w := newWorld(t, 0)
	d := Drain{Client: w.c, Service: w.web, Server: sched.DestKey{Family: packet.IPv4}, Every: time.Second, Out: new(strings.Builder)}
	if err := d.Run(); err == nil || !strings.Contains(err.Error(), "no such server") {
		t.Error(err)
	}
	w.tcp(1, packettest.SYN)
	w.tcp(2, packettest.SYN)
	d.Server = sched.DestKey{Family: packet.IPv4, Addr: packettest.Addr(rs1), Port: 8080}
	d.Within, d.Wait = time.Minute, func(time.Duration) bool { return false }
	if err := d.Run(); !errors.Is(err, ErrAlive) {
		t.Error(err)
	}
}

func TestChoice(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Choice
		ok   bool
	}{
		{"all", Choice{}, true},
		{"everything", Choice{TCP: vip + ":80", Server: rs1 + ":8080", Client: "198.51.100.7/24", State: "established", Older: time.Second, Only: "conns"}, true},
		{"mark", Choice{Mark: 7, IPv6: true, Server: "2001:db8::1", Client: "2001:db8::2"}, true},
		{"two services", Choice{TCP: vip + ":80", UDP: vip + ":53"}, false},
		{"service and mark", Choice{TCP: vip + ":80", Mark: 1}, false},
		{"IPv6 without a mark", Choice{IPv6: true}, false},
		{"service without a port", Choice{TCP: vip}, false},
		{"service with a zone", Choice{TCP: "[fe80::1%eth0]:80"}, false},
		{"server", Choice{Server: "nosuch"}, false},
		{"server with a zone", Choice{Server: "fe80::1%eth0"}, false},
		{"client", Choice{Client: "1.2.3.4/33"}, false},
		{"negative", Choice{Idle: -1}, false},
		{"kind", Choice{Only: "all"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := tt.c.Filter()
			if (err == nil) != tt.ok {
				t.Errorf("%+v, %v", f, err)
			}
			if tt.c.All() != (tt.name == "all") {
				t.Error("All is wrong")
			}
		})
	}
}
