package hooks

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"goipvs/sched"
)

// TestSettings writes what was written to the kernel's and compares.
//
// Features: 11.
func TestSettings(t *testing.T) {
	b, err := os.ReadFile("testdata/settings.txt")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	var names []string
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 5)
		switch f[0] {
		case "default":
			names = append(names, f[1])
			want := strings.Join(f[2:], "\t")
			if got, err := w.Setting(f[1]); err != nil || got != want && f[1] != "sync_qlen_max" {
				t.Errorf("%s is %q by default (%v), want %q", f[1], got, err, want)
			}
		case "write":
			err := w.SetSetting(f[1], f[2])
			if (err == nil) != (f[3] == "ok") || err != nil && !errors.Is(err, sched.ErrInvalid) {
				t.Errorf("%s=%q: %v, want %s", f[1], f[2], err, f[3])
			}
			if got, _ := w.Setting(f[1]); got != f[4] {
				t.Errorf("after %s=%q it is %q, want %q", f[1], f[2], got, f[4])
			}
		}
	}
	var have []string
	for _, s := range settingTable {
		if _, err := w.Setting(s.name); err == nil {
			have = append(have, s.name)
		}
	}
	if !slices.Equal(have, names) {
		t.Errorf("settings %v, want %v", have, names)
	}
}

// Features: 11.
func TestNoSetting(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"debug_level", "", "sync_threshold ", "AMEMTHRESH"} {
		if _, err := w.Setting(name); !errors.Is(err, ErrNoSetting) {
			t.Errorf("Setting(%q): %v", name, err)
		}
		if err := w.SetSetting(name, "1"); !errors.Is(err, ErrNoSetting) {
			t.Errorf("SetSetting(%q): %v", name, err)
		}
	}
	// The error says what it is about.
	if err := w.SetSetting("drop_entry", "7"); err == nil || !strings.Contains(err.Error(), "drop_entry") || !strings.Contains(err.Error(), `"7"`) {
		t.Error(err)
	}
}

// secure_tcp brings the kernel's other state table into force.
//
// Features: 6.1, 12.
func TestSecureTCP(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4+"|80 -g")
	for _, s := range []struct{ mode, want string }{{"0", "SYN_RECV"}, {"1", "SYN_RECV"}, {"3", "SYNACK"}, {"2", "SYN_RECV"}, {"3", "SYNACK"}, {"0", "SYN_RECV"}} {
		w.set("secure_tcp=" + s.mode)
		w.after(1000 * time.Second)
		w.syn(1, 1)()
		if got := w.conn(1, 1, 6).StateName(); got != s.want {
			t.Errorf("secure_tcp=%s: %s, want %s", s.mode, got, s.want)
		}
	}
}

// am_droprate takes effect with drop_packet, or within the second.
//
// Features: 12.
func TestDropRate(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	dropped := func() (n int) {
		for i := range uint16(20) {
			if w.syn(1, 1000+i)() == "DROP drop-packet" {
				n++
			}
		}
		w.after(1000 * time.Second)
		return n
	}
	w.set("drop_packet=3")
	if got := dropped(); got != 2 {
		t.Errorf("%d of 20 at the default rate", got)
	}
	w.set("am_droprate=5")
	w.after(time.Second)
	if got := dropped(); got != 4 {
		t.Errorf("%d of 20 at 5", got)
	}
	w.set("drop_packet=1")
	if got := dropped(); got != 0 {
		t.Errorf("%d of 20 with mode 1", got)
	}
}

// drop_entry ends half-open connections little by little.
//
// Features: 12.
func TestDropEntry(t *testing.T) {
	w := newWorld(t)
	svc{}.add(w, rs4)
	for i := range uint16(4000) {
		w.syn(int(i%200), 1000+i)()
	}
	for i := range uint16(200) {
		w.ack(int(i), 1000+i)()
	}
	w.set("drop_entry=3")
	w.after(10 * time.Second)
	gone := 4000 - len(w.conns())
	if gone < 300 || gone > 2500 {
		t.Errorf("%d of 4000 are gone after 10 s", gone)
	}
	established := 0
	for _, c := range w.conns() {
		if strings.Contains(c, "ESTABLISHED") {
			established++
		}
	}
	if established != 200 {
		t.Errorf("%d of 200 established ones are left", established)
	}
}

// Features: 6.1.
func TestTimeouts(t *testing.T) {
	w := newWorld(t)
	check := func(tcp, fin, udp time.Duration) {
		t.Helper()
		if a, b, c := w.Timeouts(); a != tcp || b != fin || c != udp {
			t.Errorf("timeouts %v, %v, %v; want %v, %v, %v", a, b, c, tcp, fin, udp)
		}
	}
	check(900*time.Second, 120*time.Second, 300*time.Second)
	const most = (1<<31 - 1) / 250 * time.Second
	for _, s := range []struct {
		tcp, fin, udp time.Duration
		bad           bool
	}{
		{0, 0, 0, false},
		{10 * time.Second, 0, 0, false},
		{0, 20 * time.Second, 30 * time.Second, false},
		{-time.Second, 0, 0, true},
		{0, 0, most + time.Second, true},
		{most, 0, 0, false},
	} {
		if err := w.SetTimeouts(s.tcp, s.fin, s.udp); (err != nil) != s.bad || err != nil && !errors.Is(err, sched.ErrInvalid) {
			t.Errorf("SetTimeouts(%v, %v, %v): %v", s.tcp, s.fin, s.udp, err)
		}
	}
	check(most, 20*time.Second, 30*time.Second)

	// They take effect with a connection's next packet.
	w = newWorld(t)
	svc{}.add(w, rs4)
	w.syn(1, 1)()
	w.ack(1, 1)()
	c := w.conn(1, 1, 6)
	expires := func() time.Duration { return w.Director.conns.Shard(&c.Client).Expires(c) }
	if err := w.SetTimeouts(50*time.Second, 0, 0); err != nil {
		t.Fatal(err)
	}
	if got := expires(); got != 900*time.Second {
		t.Errorf("expires in %v", got)
	}
	if w.ack(1, 1)(); expires() != 50*time.Second {
		t.Errorf("after a packet it expires in %v", expires())
	}
}
