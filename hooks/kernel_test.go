package hooks

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"goipvs/sched"
)

func newWorldOf(t *testing.T, k Kernel) *world {
	w := newWorld(t)
	w.Director = New(Config{Stack: w.stack, Kernel: k})
	return w
}

func TestKernelText(t *testing.T) {
	for _, k := range []Kernel{Linux6_1, Linux7_3} {
		text, err := k.MarshalText()
		var got Kernel
		if err := errors.Join(err, got.UnmarshalText(text)); err != nil || got != k {
			t.Errorf("%v: %q is read as %v, %v", k, text, got, err)
		}
	}
	for _, s := range []string{"", "6", "6.10", "7.3.4", " 6.1", "Kernel(9)"} {
		k := Linux7_3
		if err := k.UnmarshalText([]byte(s)); err == nil || k != Linux7_3 {
			t.Errorf("%q is taken for %v", s, k)
		}
	}
	if got := Kernel(9).String(); got != "Kernel(9)" {
		t.Error(got)
	}
}

func TestKernelTwos(t *testing.T) {
	for k, want := range map[Kernel]error{Linux6_1: sched.ErrNoScheduler, Linux7_3: nil} {
		w := newWorldOf(t, k)
		err := w.AddService(sched.ServiceConfig{ServiceKey: sched.ServiceKey{Family: 4, Protocol: 6, Port: 80}, Scheduler: "twos", Netmask: 32})
		if !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", k, err, want)
		}
	}
}

// TestKernelSettings writes what was written to the real 7.3's and compares;
// 6.1 has none of it.
func TestKernelSettings(t *testing.T) {
	b, err := os.ReadFile("testdata/settings-7.3.txt")
	if err != nil {
		t.Fatal(err)
	}
	old, w := newWorld(t), newWorldOf(t, Linux7_3)
	n := 0
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 5)
		switch name := f[1]; f[0] {
		case "default":
			n++
			// Here nobody knows the machine's CPUs.
			if got, err := w.Setting(name); err != nil || got != f[2] && name != "est_cpulist" {
				t.Errorf("%s is %q by default (%v), want %q", name, got, err, f[2])
			}
			if _, err := old.Setting(name); !errors.Is(err, ErrNoSetting) {
				t.Errorf("6.1 has %s: %v", name, err)
			}
		case "write":
			if name == "est_cpulist" && f[3] == "no" {
				w.set("est_cpulist=0-1")
			}
			err := w.SetSetting(name, f[2])
			if (err == nil) != (f[3] == "ok") || err != nil && !errors.Is(err, sched.ErrInvalid) {
				t.Errorf("%s=%q: %v, want %s", name, f[2], err, f[3])
			}
			if got, _ := w.Setting(name); got != f[4] {
				t.Errorf("after %s=%q it is %q, want %q", name, f[2], got, f[4])
			}
		}
	}
	if a, b := len(old.Settings()), len(w.Settings()); b != a+n {
		t.Errorf("6.1 has %d settings, 7.3 %d and not %d more", a, b, n)
	}
}

// The sizes are those that the real kernels' ipvsadm -Ln shows.
func TestKernelTableSize(t *testing.T) {
	for _, c := range []struct {
		kernel Kernel
		sizes  string
	}{
		{Linux6_1, "4096 4096 4096 4096 4096"},
		{Linux7_3, "0 256 256 256 512"},
	} {
		w := newWorldOf(t, c.kernel)
		sizes := []int{w.TableSize()}
		s := svc{}
		s.add(w, rs4)
		sizes = append(sizes, w.TableSize())
		w.Flush()
		sizes = append(sizes, w.TableSize())
		s.add(w, rs4)
		for i := range uint16(64) {
			w.syn(1, 1000+i)()
		}
		w.after(10 * time.Millisecond)
		sizes = append(sizes, w.TableSize())
		w.syn(1, 2000)()
		w.after(10 * time.Millisecond)
		sizes = append(sizes, w.TableSize())
		if got := strings.Trim(fmt.Sprint(sizes), "[]"); got != c.sizes {
			t.Errorf("%v: %s, want %s", c.kernel, got, c.sizes)
		}
	}
}
