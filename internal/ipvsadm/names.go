package ipvsadm

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"goipvs/packet"
)

// Names translates between names and numbers of hosts and ports. What it doesn't
// know is printed as a number.
type Names interface {
	// Addr returns the first IPv4 address of a host,
	Addr(host string) (netip.Addr, bool)
	// Host the name of an address,
	Host(a netip.Addr) (string, bool)
	// Port the port of a service of TCP, UDP or SCTP,
	Port(service string, proto uint8) (uint16, bool)
	// Service the service of a port.
	Service(port uint16, proto uint8) (string, bool)
}

// dnsTime is how long an answer of the DNS is waited for. When none came once,
// it isn't asked any more.
const dnsTime = 5 * time.Second

// FileNames are the names in a machine's files. The files are read at the first
// question. It is safe for concurrent use.
type FileNames struct {
	Hosts, Services string // paths
	DNS             bool   // ask the DNS for hosts that aren't in the file

	once     sync.Once
	addrs    map[string]netip.Addr
	hosts    map[netip.Addr]string
	ports    map[serviceName]uint16
	services map[servicePort]string

	mu    sync.Mutex
	asked map[netip.Addr]string // answers of the DNS; "": none
	mute  bool                  // it doesn't answer
}

type serviceName struct{ name, proto string }

type servicePort struct {
	port  uint16
	proto string
}

// SystemNames returns the names of this machine.
func SystemNames() *FileNames {
	return &FileNames{Hosts: "/etc/hosts", Services: "/etc/services", DNS: true}
}

func (f *FileNames) read() {
	f.addrs, f.hosts = map[string]netip.Addr{}, map[netip.Addr]string{}
	f.ports, f.services = map[serviceName]uint16{}, map[servicePort]string{}
	f.asked = map[netip.Addr]string{}
	lines(f.Hosts, func(w []string) {
		a, err := netip.ParseAddr(w[0])
		if err != nil {
			return
		}
		if _, ok := f.hosts[a]; !ok {
			f.hosts[a] = w[1]
		}
		for _, name := range w[1:] {
			name = strings.ToLower(name)
			if _, ok := f.addrs[name]; !ok && a.Is4() {
				f.addrs[name] = a
			}
		}
	})
	lines(f.Services, func(w []string) {
		number, proto, _ := strings.Cut(w[1], "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return
		}
		at := servicePort{uint16(n), proto}
		if _, ok := f.services[at]; !ok {
			f.services[at] = w[0]
		}
		for _, name := range append(w[2:], w[0]) {
			key := serviceName{name, proto}
			if _, ok := f.ports[key]; !ok {
				f.ports[key] = uint16(n)
			}
		}
	})
}

// lines calls f with the words of each line of two or more, without remarks.
func lines(path string, f func([]string)) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if w := strings.Fields(line); len(w) > 1 {
			f(w)
		}
	}
}

// Addr implements Names.
func (f *FileNames) Addr(host string) (netip.Addr, bool) {
	f.once.Do(f.read)
	if a, ok := f.addrs[strings.ToLower(host)]; ok || !f.DNS {
		return a, ok
	}
	ctx, cancel := context.WithTimeout(context.Background(), dnsTime)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil || len(all) == 0 {
		return netip.Addr{}, false
	}
	return all[0].Unmap(), true
}

// Host implements Names.
func (f *FileNames) Host(a netip.Addr) (string, bool) {
	f.once.Do(f.read)
	if name, ok := f.hosts[a]; ok || !f.DNS {
		return name, ok
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	name, known := f.asked[a]
	if !known && !f.mute {
		ctx, cancel := context.WithTimeout(context.Background(), dnsTime)
		defer cancel()
		all, err := net.DefaultResolver.LookupAddr(ctx, a.String())
		if err == nil && len(all) > 0 {
			name = strings.TrimSuffix(all[0], ".")
		}
		f.mute = ctx.Err() != nil
		f.asked[a] = name
	}
	return name, name != ""
}

// Port implements Names.
func (f *FileNames) Port(service string, proto uint8) (uint16, bool) {
	f.once.Do(f.read)
	p, ok := f.ports[serviceName{service, protoName(proto)}]
	return p, ok
}

// Service implements Names.
func (f *FileNames) Service(port uint16, proto uint8) (string, bool) {
	f.once.Do(f.read)
	s, ok := f.services[servicePort{port, protoName(proto)}]
	return s, ok
}

// protoName is a protocol's name in /etc/services, "" for those that IPVS
// doesn't serve.
func protoName(proto uint8) string {
	switch proto {
	case packet.ProtoTCP:
		return "tcp"
	case packet.ProtoUDP:
		return "udp"
	case packet.ProtoSCTP:
		return "sctp"
	}
	return ""
}
