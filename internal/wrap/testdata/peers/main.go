// Command peers drives the kernel's IPVS by libraries that others made, and
// prints what they say, which must be the same under goipvs wrap.
//
// It is a module of its own, so that goipvs doesn't depend on them.
package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	cloudflare "github.com/cloudflare/ipvs"
	"github.com/cloudflare/ipvs/netmask"
	"github.com/mdlayher/genetlink"
	moby "github.com/moby/ipvs"
	"github.com/vishvananda/netlink"
)

func main() {
	parts := map[string]func(){"moby": useMoby, "cloudflare": useCloudflare, "list": list, "storm": storm, "calls": calls, "read": read}
	for _, name := range os.Args[1:] {
		fmt.Println("==", name)
		parts[name]()
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println("FAILED:", err)
		os.Exit(1)
	}
	return v
}

func service(i int) *moby.Service {
	return &moby.Service{
		AddressFamily: syscall.AF_INET, Protocol: 6, Address: net.IPv4(10, byte(i>>16), byte(i>>8), byte(i)), Port: 80,
		SchedName: "rr", Netmask: 0xffffffff,
	}
}

func server() *moby.Destination {
	return &moby.Destination{Address: net.IPv4(10, 1, 0, 1), Port: 8080, Weight: 3, ConnectionFlags: moby.ConnFwdMasq, AddressFamily: syscall.AF_INET}
}

func useMoby() {
	h := must(moby.New(""))
	defer h.Close()
	must(0, h.Flush())
	s, d := service(1), server()
	must(0, h.NewService(s))
	fmt.Println("again:", h.NewService(s))
	must(0, h.NewDestination(s, d))
	d.Weight = 7
	must(0, h.UpdateDestination(s, d))
	for _, d := range must(h.GetDestinations(s)) {
		fmt.Printf("server: %+v\n", *d)
	}
	fmt.Printf("service: %+v\n", *must(h.GetService(s)))
	must(0, h.SetConfig(&moby.Config{TimeoutTCP: 50 * time.Second, TimeoutTCPFin: 60 * time.Second, TimeoutUDP: 70 * time.Second}))
	fmt.Println("config:", *must(h.GetConfig()))
	fmt.Println("missing:", h.DelService(service(99)), h.IsServicePresent(service(99)), h.IsServicePresent(s))
	for i := 2; i <= 300; i++ {
		must(0, h.NewService(service(i)))
	}
	fmt.Println("services:", len(must(h.GetServices())))
	must(0, h.Flush())
}

func useCloudflare() {
	c := must(cloudflare.New())
	info := must(c.Info())
	fmt.Println("version", info.Version)
	s := cloudflare.Service{
		Address: netip.MustParseAddr("10.0.0.1"), Netmask: netmask.MaskFrom(32, 32), Scheduler: "wlc",
		Port: 443, Family: cloudflare.INET, Protocol: cloudflare.TCP,
	}
	must(0, c.CreateService(s))
	fmt.Println("again:", c.CreateService(s))
	for i := range 3 {
		must(0, c.CreateDestination(s, cloudflare.Destination{
			Address: netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), FwdMethod: cloudflare.Masquerade, Weight: uint32(i),
			Port: 8443, Family: cloudflare.INET,
		}))
	}
	s.Scheduler = "rr"
	must(0, c.UpdateService(s))
	fmt.Printf("%+v\n", must(c.Service(s)))
	for _, d := range must(c.Destinations(s)) {
		fmt.Printf("%+v\n", d)
	}
	gone := s
	gone.Port = 1
	fmt.Println("missing:", c.RemoveService(gone))
	for i := range 300 {
		t := s
		t.Port = uint16(1000 + i)
		must(0, c.CreateService(t))
	}
	fmt.Println("services:", len(must(c.Services())))
	fmt.Printf("%+v\n", must(c.Config()))
	for _, t := range must(c.Services()) {
		must(0, c.RemoveService(t.Service))
	}
	_, err := c.Services()
	fmt.Println("without services:", err)
}

// list looks for the family among all.
func list() {
	found := 0
	all := must(netlink.GenlFamilyList())
	for _, f := range all {
		if f.Name == "IPVS" {
			found++
		}
	}
	fmt.Println("vishvananda/netlink:", found, len(all) > 3)
	c := must(genetlink.Dial(nil))
	defer c.Close()
	f := must(c.GetFamily("IPVS"))
	fmt.Println("mdlayher/genetlink:", f.Name, f.Version, len(must(c.ListFamilies())) == len(all))
	_, err := c.GetFamily("nosuch")
	fmt.Println("nosuch:", err)
}

// storm has several handles on several threads, with signals raining on all of
// them: nothing may be done twice, nor any answer be lost.
func storm() {
	h := must(moby.New(""))
	defer h.Close()
	must(0, h.Flush())
	const many = 400
	for i := range many {
		must(0, h.NewService(service(i+1)))
	}
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGUSR1)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
				must(0, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
			}
		}
	}()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			h := must(moby.New(""))
			defer h.Close()
			for i := range 10 {
				s := service(1<<20 + w<<10 + i)
				must(0, h.NewService(s))
				must(0, h.NewDestination(s, server()))
				if n := len(must(h.GetDestinations(s))); n != 1 {
					fmt.Println("servers:", n)
				}
				if n := len(must(h.GetServices())); n < many {
					fmt.Println("short dump:", n)
				}
				must(0, h.DelService(s))
			}
		})
	}
	wg.Wait()
	close(stop)
	fmt.Println("services:", len(must(h.GetServices())))
	must(0, h.Flush())
}
