package ipvs

import (
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Service is a virtual service. What identifies one is AddressFamily with
// Protocol, Address and Port, or with FWMark.
type Service struct {
	Address  net.IP
	Protocol uint16 // IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP
	Port     uint16
	FWMark   uint32 // its firewall mark; 0: it is known by address and port

	SchedName     string // its scheduler
	Flags         uint32 // IP_VS_SVC_F_*
	Timeout       uint32 // of persistence, in seconds
	Netmask       uint32 // of persistent clients: IPv4 in network order, IPv6 a prefix length
	AddressFamily uint16 // AF_INET or AF_INET6
	PEName        string // its persistence engine; isn't filled in by GetService and GetServices
	Stats         SvcStats
}

// SvcStats are the statistics of a service: sums, and rates a second.
type SvcStats struct {
	Connections uint32
	PacketsIn   uint32
	PacketsOut  uint32
	BytesIn     uint64
	BytesOut    uint64
	CPS         uint32
	BPSOut      uint32
	PPSIn       uint32
	PPSOut      uint32
	BPSIn       uint32
}

// Destination is a real server of a service. What identifies it is Address and
// Port.
type Destination struct {
	Address             net.IP
	Port                uint16
	Weight              int    // up to 65535, where it is read
	ConnectionFlags     uint32 // the forwarding method
	AddressFamily       uint16 // where it is read; else it is the service's
	UpperThreshold      uint32
	LowerThreshold      uint32
	ActiveConnections   int
	InactiveConnections int
	Stats               DstStats
}

// DstStats are the statistics of a server.
type DstStats SvcStats

// Config are the timeouts of connections, in whole seconds.
type Config struct {
	TimeoutTCP    time.Duration // in ESTABLISHED
	TimeoutTCPFin time.Duration // in FIN_WAIT
	TimeoutUDP    time.Duration
}

// Handle configures the IPVS of one network namespace. It is safe for concurrent
// use. All its methods but Close wait for a daemon that is away, half a minute at
// most, and then return an error that says so.
type Handle struct {
	mu sync.Mutex
	d  *daemon // nil: closed
}

// New returns a handle for the network namespace that path names, such as
// /run/netns/blue or /proc/1234/ns/net; with "" it is the calling thread's. It is
// an error if no daemon runs there.
//
// Differs: moby/ipvs returns a handle where the kernel has no IPVS, too, which
// then does nothing.
func New(path string) (*Handle, error) {
	d, err := find(path)
	if err != nil {
		return nil, err
	}
	return &Handle{d: d}, nil
}

// Close lets go of the daemon. The handle is of no use any more.
func (i *Handle) Close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.d != nil {
		i.d.release()
		i.d = nil
	}
}

// NewService adds a service.
func (i *Handle) NewService(s *Service) error { return i.put(cmdNewService, s, nil) }

// IsServicePresent reports whether there is a service.
func (i *Handle) IsServicePresent(s *Service) bool { return i.put(cmdGetService, s, nil) == nil }

// UpdateService changes all of a service but what identifies it.
func (i *Handle) UpdateService(s *Service) error { return i.put(cmdSetService, s, nil) }

// DelService deletes a service with its servers.
func (i *Handle) DelService(s *Service) error { return i.put(cmdDelService, s, nil) }

// Flush deletes all services.
func (i *Handle) Flush() error {
	_, err := i.ask(newRequest(cmdFlush))
	return err
}

// NewDestination adds a server to a service.
func (i *Handle) NewDestination(s *Service, d *Destination) error { return i.put(cmdNewDest, s, d) }

// UpdateDestination changes all of a server but what identifies it.
func (i *Handle) UpdateDestination(s *Service, d *Destination) error { return i.put(cmdSetDest, s, d) }

// DelDestination deletes a server of a service.
func (i *Handle) DelDestination(s *Service, d *Destination) error { return i.put(cmdDelDest, s, d) }

// GetServices returns all services.
func (i *Handle) GetServices() ([]*Service, error) { return i.services(nil) }

// GetDestinations returns the servers of a service; of one that isn't there, none.
func (i *Handle) GetDestinations(s *Service) ([]*Destination, error) {
	var all []*Destination
	answers, err := i.ask(about(cmdGetDest, s, nil))
	if err != nil {
		return nil, err
	}
	for _, m := range answers {
		d, err := parseDestination(m)
		if err != nil {
			return all, err
		}
		all = append(all, d)
	}
	return all, nil
}

// GetService returns a service as it is now.
func (i *Handle) GetService(s *Service) (*Service, error) {
	all, err := i.services(s)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("Expected only one service obtained=%d", len(all))
	}
	return all[0], nil
}

// GetConfig returns the timeouts.
func (i *Handle) GetConfig() (*Config, error) {
	answers, err := i.ask(newRequest(cmdGetConfig))
	if err != nil {
		return nil, err
	}
	if len(answers) != 1 {
		return nil, fmt.Errorf("%w: %d messages", errAnswer, len(answers))
	}
	return parseConfig(answers[0])
}

// SetConfig sets the timeouts; one that is 0 stays as it is.
func (i *Handle) SetConfig(c *Config) error {
	if c == nil {
		return syscall.EINVAL
	}
	r := newRequest(cmdSetConfig)
	r.u32(attrTimeoutTCP, uint32(c.TimeoutTCP.Seconds()))
	r.u32(attrTimeoutTCPFin, uint32(c.TimeoutTCPFin.Seconds()))
	r.u32(attrTimeoutUDP, uint32(c.TimeoutUDP.Seconds()))
	_, err := i.ask(r)
	return err
}

// put sends a command about a service or a server of it.
func (i *Handle) put(cmd uint8, s *Service, d *Destination) error {
	_, err := i.ask(about(cmd, s, d))
	return err
}

// services returns a service; with nil, all.
func (i *Handle) services(s *Service) ([]*Service, error) {
	answers, err := i.ask(about(cmdGetService, s, nil))
	if err != nil {
		return nil, err
	}
	var all []*Service
	for _, m := range answers {
		s, err := parseService(m)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// ask sends a request and returns the attributes of each message of the answer.
func (i *Handle) ask(r *request) ([][]byte, error) {
	i.mu.Lock()
	d := i.d
	i.mu.Unlock()
	if d == nil {
		return nil, errClosed
	}
	msg, err := r.message()
	if err != nil {
		return nil, err
	}
	return d.do(msg)
}
