package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"

	"goipvs/packet"
)

// After SIGTERM the director is what it was before: no rule, address, interface
// or socket is left.
func TestNothingIsLeft(t *testing.T) {
	needRoot(t)
	for _, s := range []Scenario{NAT, DR, Tunnel, Local} {
		for _, f := range families {
			t.Run(fmt.Sprint(s, " ", f), func(t *testing.T) {
				t.Parallel()
				l, err := Start(NewPlan(s, f), Options{Self: self})
				check(t, err)
				defer l.Stop()
				before := state(t, l)
				check(t, l.Direct(t.Context()))
				if _, err := Get(t.Context(), l.Client().Netns, l.Plan.Web()); err != nil {
					t.Error(err)
				}
				if slices.Equal(before, state(t, l)) {
					t.Error("the daemon is not seen at all")
				}
				check(t, l.Daemon.Stop())
				if d := cmp.Diff(before, state(t, l)); d != "" {
					t.Errorf("before (-) and after (+):\n%s\nthe daemon says:\n%s", d, l.Daemon.Log())
				}
				if left, err := os.ReadDir(l.Dir); err != nil || len(left) != len(l.Hosts)+2 { // logs, the setup file
					t.Errorf("left in the daemon's directory: %v, %v", left, err)
				}
			})
		}
	}
}

// state lists what a daemon could leave behind on the director.
func state(t *testing.T, l *Lab) (all []string) {
	t.Helper()
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	check(t, l.Director().Do(func() error {
		ifaces, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, i := range ifaces {
			addrs, err := i.Addrs()
			if err != nil {
				return err
			}
			add("interface %s %v %v %v mtu %d", i.Name, i.HardwareAddr, i.Flags, addrs, i.MTU)
		}
		c, err := nftables.New()
		if err != nil {
			return err
		}
		tables, err := c.ListTables()
		if err != nil {
			return err
		}
		for _, t := range tables {
			add("table %s", t.Name)
		}
		for _, name := range []string{
			"route", "ipv6_route", "arp", "packet", "raw", "raw6", "icmp", "unix", "netfilter/nfnetlink_queue",
		} {
			text, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil {
				return err
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			add("%s: %d lines", name, len(lines))
		}
		for _, name := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
			text, err := os.ReadFile("/proc/sys/" + name)
			if err != nil {
				return err
			}
			add("%s=%s", name, strings.TrimSpace(string(text)))
		}
		return nil
	}))
	return all
}

// A daemon that is killed under load and started again: while it is away
// nobody answers in its place, no server's own address is ever seen by the
// client, and afterwards all is as before. Only what servers yet have to say on
// connections that were forgotten with it passes then, as in the kernel.
func TestKilledUnderLoad(t *testing.T) {
	needRoot(t)
	for _, f := range families {
		t.Run(f.String(), func(t *testing.T) {
			l := startLab(t, NAT, f)
			w := watch(t, l.Client().Netns, "eth0", f)
			ctx, stop := context.WithCancel(t.Context())
			load := newLoad(ctx, l, 4)
			load.until(t, 100)

			l.Daemon.Kill()
			forgotten := load.port.Load()
			time.Sleep(time.Second)
			load.mark()
			time.Sleep(time.Second)
			if n := load.answered(); n != 0 {
				t.Errorf("%d requests were answered without a daemon", n)
			}
			w.passed.Store(forgotten)
			check(t, l.Direct(t.Context()))
			load.mark()
			load.until(t, 100)
			stop()
			for _, err := range load.end() {
				if errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("somebody else answered: %v", err)
				}
			}
			for _, leak := range w.end() {
				t.Error(leak)
			}
		})
	}
}

// load is clients that ask without pause, each time from the next port.
type load struct {
	wg   sync.WaitGroup
	port atomic.Uint32 // the last one
	mu   sync.Mutex
	n    int // answers since the mark
	errs []error
}

func newLoad(ctx context.Context, l *Lab, clients int) *load {
	load := &load{}
	load.port.Store(10000)
	for range clients {
		load.wg.Go(func() {
			for ctx.Err() == nil {
				one, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
				_, err := Get(one, &nextPort{l.Client().Netns, int(load.port.Add(1)) - 1}, l.Plan.Web())
				cancel()
				load.mu.Lock()
				if err == nil {
					load.n++
				} else {
					load.errs = append(load.errs, err)
				}
				load.mu.Unlock()
			}
		})
	}
	return load
}

func (l *load) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n = 0
}

func (l *load) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// until waits for n answers since the mark.
func (l *load) until(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); l.answered() < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d answers in 30 s, want %d", l.answered(), n)
		}
	}
}

// end waits for the clients to end and returns what went wrong.
func (l *load) end() []error {
	l.wg.Wait()
	return l.errs
}

// watcher looks at what a host receives.
type watcher struct {
	file   *os.File
	wg     sync.WaitGroup
	bad    []string
	passed atomic.Uint32 // what is for this port, or one below, is passed over
}

// watch looks for packets of TCP or UDP whose source is not the VIP.
func watch(t *testing.T, ns *Netns, ifname string, f packet.Family) *watcher {
	t.Helper()
	w := &watcher{}
	vip := numbersOf(f).vip
	check(t, ns.Do(func() (err error) {
		w.file, err = packetSocket(ifname)
		return err
	}))
	w.wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := w.file.Read(buf)
			if err != nil {
				return
			}
			if src, port, ok := source(buf[:n], f); ok && src.Addr() != vip && uint32(port) > w.passed.Load() && len(w.bad) < 10 {
				w.bad = append(w.bad, fmt.Sprintf("%s got a packet from %v, for port %d", ns.name, src, port))
			}
		}
	})
	return w
}

// end stops watching and returns what was wrong.
func (w *watcher) end() []string {
	w.file.Close()
	w.wg.Wait()
	return w.bad
}

// source returns who sent a TCP or UDP packet in a frame, and to which port.
func source(frame []byte, f packet.Family) (src netip.AddrPort, port uint16, ok bool) {
	if noise(frame) {
		return src, 0, false
	}
	b := frame[14:]
	var h packet.Header
	if fam := packet.Family(b[0] >> 4); fam != f || !packet.ParseHeader(f, b, 0, &h) || !h.HasPorts() {
		return src, 0, false
	}
	sport, port, ok := h.Ports(b)
	return netip.AddrPortFrom(h.Src.Netip(f), sport), port, ok
}
