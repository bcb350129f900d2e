package nstest

import (
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// NS is a network namespace.
type NS struct{ fd netns.NsHandle }

// Root skips the test unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for network namespaces")
	}
}

// New makes a namespace whose loopback interface is up. It lives until the end
// of the test, or of the last process or socket in it.
func New(t testing.TB) *NS {
	t.Helper()
	Root(t)
	ns := &NS{}
	err := onThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			ns.fd, err = netns.Get()
		}
		return err
	})
	if err != nil {
		t.Fatalf("network namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := ns.fd.Close(); err != nil {
			t.Error(err)
		}
	})
	ns.Do(t, func() {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Errorf("lo: %v", err)
		}
	})
	return ns
}

// Do runs f in the namespace, on a thread of its own, and waits for it. Sockets
// that f opens and processes that it starts stay in the namespace. f must not
// call t.FailNow.
func (ns *NS) Do(t testing.TB, f func()) {
	t.Helper()
	err := onThread(func() error {
		if err := netns.Set(ns.fd); err != nil {
			return err
		}
		f()
		return nil
	})
	if err != nil {
		t.Fatalf("enter network namespace: %v", err)
	}
}

// onThread runs f on a thread that ends with it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		done <- f()
	}()
	return <-done
}

// Join connects two namespaces by a veth pair whose ends are up, and without
// offloads: what goes over it is what would go over a wire.
func Join(t testing.TB, a *NS, aName string, b *NS, bName string) {
	t.Helper()
	var err error
	a.Do(t, func() {
		err = netlink.LinkAdd(&netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: aName, MTU: 1500},
			PeerName:      bName,
			PeerNamespace: netlink.NsFd(b.fd),
		})
	})
	if err != nil {
		t.Fatalf("veth %s, %s: %v", aName, bName, err)
	}
	a.up(t, aName)
	b.up(t, bName)
}

func (ns *NS) up(t testing.TB, name string) {
	t.Helper()
	ns.Sysctl(t, "net/ipv6/conf/"+name+"/accept_dad", "0")
	ns.Do(t, func() {
		l, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetUp(l)
		}
		if err == nil {
			err = setOffloads(name, false)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// Offload gives an interface its offloads back: checksums, segmentation and the
// putting together of segments. The other end of its link then gets, as from a
// large sender, super-packets with checksums yet to be completed.
func (ns *NS) Offload(t testing.TB, name string) {
	t.Helper()
	ns.Do(t, func() {
		if err := setOffloads(name, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// Sysctl writes a file under /proc/sys.
func (ns *NS) Sysctl(t testing.TB, name, value string) {
	t.Helper()
	ns.Do(t, func() {
		if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// Addr gives an interface an address with its prefix length.
func (ns *NS) Addr(t testing.TB, name, addr string) {
	t.Helper()
	ns.Do(t, func() {
		a, err := netlink.ParseAddr(addr)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			return
		}
		if strings.Contains(addr, ":") {
			a.Flags = unix.IFA_F_NODAD
		}
		l, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.AddrAdd(l, a)
		}
		if err != nil {
			t.Errorf("%s on %s: %v", addr, name, err)
			return
		}
		// The kernel makes an IPv6 address its own a little later.
		for end := time.Now().Add(time.Minute); !own(a.IP); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%s on %s: not there within a minute", addr, name)
				return
			}
		}
	})
}

// own reports whether an address is the namespace's.
func own(ip net.IP) bool {
	r, err := netlink.RouteGet(ip)
	return err == nil && len(r) == 1 && r[0].Type == unix.RTN_LOCAL
}

// Route adds a route by a gateway; "default" is 0.0.0.0/0 or ::/0.
func (ns *NS) Route(t testing.TB, prefix, via string) {
	t.Helper()
	ns.Do(t, func() {
		gw, err := netlink.ParseAddr(via + "/32")
		if strings.Contains(via, ":") {
			gw, err = netlink.ParseAddr(via + "/128")
		}
		if err != nil {
			t.Errorf("%s: %v", via, err)
			return
		}
		r := &netlink.Route{Gw: gw.IP}
		if prefix != "default" {
			if r.Dst, err = netlink.ParseIPNet(prefix); err != nil {
				t.Errorf("%s: %v", prefix, err)
				return
			}
		}
		if err := netlink.RouteAdd(r); err != nil {
			t.Errorf("route %s via %s: %v", prefix, via, err)
		}
	})
}
