package main

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	moby "github.com/moby/ipvs"
	"golang.org/x/sys/unix"
)

// told prints what a call returned, the error with its type.
func told(err error, what string, args ...any) {
	fmt.Printf(what, args...)
	if err != nil {
		fmt.Printf(": %T %v", err, err)
	}
	fmt.Println()
}

// all prints services or servers in an order of their own: the kernel's hash
// differs from machine to machine.
func all[T any](list []*T, err error) {
	lines := make([]string, len(list))
	for i, x := range list {
		lines[i] = "    " + show(*x)
	}
	slices.SortFunc(lines, cmp.Compare[string])
	told(err, "  %d, nil %v", len(list), list == nil)
	for _, l := range lines {
		fmt.Println(l)
	}
}

// show prints a service or a server, with the statistics where there are any.
func show(x any) string {
	return regexp.MustCompile(`, Stats:ipvs\.\w+{(\w+:0x0(, )?)+}`).ReplaceAllString(fmt.Sprintf("%#v", x), "")
}

func v4(text string) net.IP { return net.ParseIP(text).To4() }

var tooLong = strings.Repeat("x", 40)

// variants are services, good and bad.
var variants = []moby.Service{
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.1"), Port: 80, SchedName: "rr", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 17, Address: net.ParseIP("192.0.2.1"), Port: 53, SchedName: "wlc", Netmask: math.MaxUint32, Flags: 4},
	{AddressFamily: syscall.AF_INET, Protocol: 132, Address: v4("192.0.2.1"), Port: 5000, SchedName: "lblc", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.2"), Port: 80, SchedName: "sh", Flags: 0x19, Timeout: 300, Netmask: 0x00ffffff},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.3"), SchedName: "rr", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.3"), SchedName: "rr", Flags: 1, Timeout: math.MaxUint32, Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 17, Address: v4("192.0.2.4"), Port: 5060, SchedName: "rr", Flags: 5, Timeout: 60, Netmask: math.MaxUint32, PEName: "sip"},
	{AddressFamily: syscall.AF_INET, Protocol: 17, Address: v4("192.0.2.5"), Port: 5060, SchedName: "rr", Netmask: math.MaxUint32, PEName: "nosuch"},
	{AddressFamily: syscall.AF_INET6, Protocol: 6, Address: net.ParseIP("2001:db8::1"), Port: 443, SchedName: "wrr", Netmask: 128},
	{AddressFamily: syscall.AF_INET6, Protocol: 6, Address: net.ParseIP("2001:db8::2"), Port: 443, SchedName: "dh", Flags: 1, Timeout: 9, Netmask: 64},
	{AddressFamily: syscall.AF_INET6, Protocol: 6, Address: net.ParseIP("2001:db8::3"), Port: 443, SchedName: "rr", Netmask: 129},
	{AddressFamily: syscall.AF_INET6, Protocol: 6, Address: net.ParseIP("2001:db8::4"), Port: 443, SchedName: "rr"},
	{AddressFamily: syscall.AF_INET6, Protocol: 6, Address: net.ParseIP("192.0.2.9"), Port: 443, SchedName: "rr", Netmask: 128},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: net.ParseIP("2001:db8::5"), Port: 443, SchedName: "rr", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, FWMark: 7, SchedName: "lc", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET6, FWMark: 7, SchedName: "nq", Netmask: 128},
	{AddressFamily: syscall.AF_INET, FWMark: 8, Protocol: 17, Address: v4("192.0.2.6"), Port: 9, SchedName: "sed", Flags: 1, Timeout: 1, Netmask: 0x0000ffff},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Port: 80, SchedName: "rr", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: net.IP{192}, Port: 81, SchedName: "rr", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: make(net.IP, 17), Port: 82, SchedName: "rr", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.7"), Port: 80, SchedName: "nosuch", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.7"), Port: 80, SchedName: tooLong, Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.7"), Port: 80, SchedName: "rr\x00lc", Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 17, Address: v4("192.0.2.7"), Port: 80, SchedName: "rr", PEName: tooLong, Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.8"), Port: 80, Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_INET, Protocol: 6, Address: v4("192.0.2.9"), Port: 80, SchedName: "rr", Flags: math.MaxUint32, Netmask: math.MaxUint32},
	{AddressFamily: syscall.AF_UNIX, Protocol: 6, Address: v4("192.0.2.10"), Port: 80, SchedName: "rr"},
	{},
}

// servers are destinations, good and bad.
var servers = []moby.Destination{
	{Address: v4("10.1.0.1"), Port: 8080, Weight: 1, ConnectionFlags: moby.ConnectionFlagMasq},
	{Address: net.ParseIP("10.1.0.2"), Port: 8080, Weight: 65535, ConnectionFlags: moby.ConnectionFlagTunnel, UpperThreshold: 9, LowerThreshold: 5},
	{Address: v4("10.1.0.3"), Port: 8080, Weight: 65536 + 5, ConnectionFlags: moby.ConnectionFlagDirectRoute},
	{Address: v4("10.1.0.4"), Port: 8080, ConnectionFlags: moby.ConnFwdLocalNode, UpperThreshold: math.MaxUint32},
	{Address: v4("10.1.0.5"), Port: 8080, Weight: 1, ConnectionFlags: moby.ConnFwdBypass},
	{Address: v4("10.1.0.6"), Port: 8080, Weight: 1, ConnectionFlags: 7},
	{Address: v4("10.1.0.7"), Port: 8080, Weight: 1, ConnectionFlags: math.MaxUint32 &^ 7},
	{Address: v4("10.1.0.8"), Port: 8080, Weight: -1},
	{Address: v4("10.1.0.9"), Port: 8080, Weight: math.MaxInt32},
	{Address: v4("10.1.0.10"), Port: 8080, Weight: 1, UpperThreshold: 5, LowerThreshold: 9},
	{Address: v4("10.1.0.11"), Weight: 1},
	{Address: v4("10.1.0.12"), Port: 8080, Weight: 1, AddressFamily: syscall.AF_INET6},
	{Address: v4("127.0.0.1"), Port: 8080, Weight: 1},
	{Address: v4("224.0.0.1"), Port: 8080, Weight: 1},
	{Address: v4("255.255.255.255"), Port: 8080, Weight: 1},
	{Address: net.ParseIP("2001:db8::11"), Port: 8080, Weight: 1},
	{Address: net.ParseIP("::1"), Port: 8080, Weight: 1},
	{Address: net.ParseIP("ff02::1"), Port: 8080, Weight: 1},
	{Address: make(net.IP, 17), Port: 8080, Weight: 1},
	{Port: 8080, Weight: 1},
	{},
}

// calls makes all calls of moby/ipvs, good and bad ones, and prints what they
// return.
func calls() {
	h := must(moby.New(""))
	defer h.Close()
	fmt.Println("services, one after the other")
	all(h.GetServices())
	for n := range variants {
		s := variants[n]
		told(h.NewService(&s), "new %d", n)
		told(h.NewService(&s), "  again")
		fmt.Printf("  present %v\n", h.IsServicePresent(&s))
		got, err := h.GetService(&s)
		told(err, "  get, nil %v", got == nil)
		if err == nil {
			fmt.Println("    " + show(*got))
		}
		s.SchedName, s.Flags = "wlc", 0
		told(h.UpdateService(&s), "  update")
		told(h.NewDestination(&s, &servers[0]), "  new server")
	}
	all(h.GetServices())
	got, err := h.GetService(nil)
	told(err, "no service, nil %v", got == nil)
	for n := range variants {
		told(h.DelService(&variants[n]), "delete %d", n)
	}
	all(h.GetServices())

	for _, n := range []int{0, 8, 14} {
		s := &variants[n]
		fmt.Printf("servers of %d\n", n)
		told(h.NewDestination(s, &servers[0]), "without a service")
		told(h.NewService(s), "new")
		for m := range servers {
			d := servers[m]
			told(h.NewDestination(s, &d), "  new %d", m)
			told(h.NewDestination(s, &d), "  again")
			d.Weight, d.ConnectionFlags, d.UpperThreshold = 3, moby.ConnFwdTunnel, 100
			told(h.UpdateDestination(s, &d), "  update")
			if m%4 == 3 {
				told(h.DelDestination(s, &d), "  delete")
			}
		}
		told(h.UpdateDestination(s, &moby.Destination{Address: v4("10.9.9.9")}), "update what is not there")
		told(h.DelDestination(s, &moby.Destination{Address: v4("10.9.9.9")}), "delete what is not there")
		told(h.NewDestination(s, nil), "no server")
		told(h.UpdateDestination(s, nil), "no server")
		told(h.DelDestination(s, nil), "no server")
		all(h.GetDestinations(s))
	}
	all(h.GetDestinations(&variants[1]))
	all(h.GetDestinations(nil))
	told(h.NewService(nil), "no service")
	told(h.UpdateService(nil), "no service")
	told(h.DelService(nil), "no service")
	told(h.NewDestination(nil, &servers[0]), "no service")
	told(h.NewDestination(nil, nil), "nothing")
	fmt.Println(h.IsServicePresent(nil))
	got, err = h.GetService(nil)
	told(err, "no service, nil %v", got == nil)
	told(h.Flush(), "flush")
	all(h.GetServices())

	timeouts(h)
	places()
}

// timeouts tries GetConfig and SetConfig.
func timeouts(h *moby.Handle) {
	for _, c := range []moby.Config{
		{},
		{TimeoutTCP: 50 * time.Second, TimeoutTCPFin: 60 * time.Second, TimeoutUDP: 70 * time.Second},
		{TimeoutTCP: 51*time.Second + 999*time.Millisecond, TimeoutTCPFin: 999 * time.Millisecond},
		{TimeoutUDP: 1 << 31 * time.Second},
		{TimeoutTCP: 1 << 32 * time.Second},
		{TimeoutTCP: (1<<31 - 1) * time.Second},
		{TimeoutTCPFin: 8589934 * time.Second},
		{TimeoutTCPFin: 8589935 * time.Second},
		{TimeoutTCP: 900 * time.Second, TimeoutTCPFin: 120 * time.Second, TimeoutUDP: 300 * time.Second},
	} {
		told(h.SetConfig(&c), "%#v", c)
		got, err := h.GetConfig()
		told(err, "  get, nil %v", got == nil)
		if err == nil {
			fmt.Printf("    %#v\n", *got)
		}
	}
}

// places tries New, and handles that are of no use.
func places() {
	h, err := moby.New("/nosuch")
	told(err, "nosuch, nil %v", h == nil)
	h, err = moby.New("/proc/self/status")
	fmt.Println("no namespace:", h == nil, err != nil)
	h = must(moby.New("/proc/thread-self/ns/net"))
	told(h.NewService(&variants[0]), "by path")
	h.Close()
	h.Close()
	fmt.Println("closed:", h.NewService(&variants[1]) != nil, h.IsServicePresent(&variants[0]))
	h = must(moby.New(""))
	defer h.Close()
	told(h.DelService(&variants[0]), "by the thread")
}

// read prints all there is: in the network namespace that the environment names,
// and if JOIN is set, with a thread that went there.
func read() {
	path := os.Getenv("NETNS")
	if path != "" && os.Getenv("JOIN") != "" {
		runtime.LockOSThread()
		fd := must(syscall.Open(path, syscall.O_RDONLY, 0))
		must(0, unix.Setns(fd, unix.CLONE_NEWNET))
		path = ""
	}
	h, err := moby.New(path)
	if err != nil {
		told(err, "new")
		return
	}
	defer h.Close()
	for _, s := range must(h.GetServices()) {
		fmt.Println(show(*s))
		for _, d := range must(h.GetDestinations(s)) {
			fmt.Println("  " + show(*d))
		}
	}
}
