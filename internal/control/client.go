package control

import (
	"io"
	"time"

	"goipvs/sched"
)

// Client makes Go calls of the protocol. Errors of the daemon unwrap to
// syscall.Errno. It is safe for concurrent use.
type Client struct {
	c Conn
}

// NewClient returns a client on c, which stays the caller's to close.
func NewClient(c Conn) *Client { return &Client{c: c} }

// Service is a virtual service as it is.
type Service struct {
	sched.ServiceConfig
	Stats, Rates sched.Counters
}

// Dest is a real server as it is.
type Dest struct {
	sched.DestConfig
	Active, Inactive, Persist uint32 // connections
	Stats, Rates              sched.Counters
}

// Setting is a setting under net.ipv4.vs.
type Setting struct{ Name, Value string }

// Info returns the version of IPVS (0x010201 is 1.2.1) and the number of
// buckets of the connection table.
func (c *Client) Info() (version, size uint32, err error) { return }

// AddService adds a virtual service.
func (c *Client) AddService(s sched.ServiceConfig) error { return nil }

// EditService changes all of a virtual service but its key.
func (c *Client) EditService(s sched.ServiceConfig) error { return nil }

// DelService deletes a virtual service with its servers.
func (c *Client) DelService(k sched.ServiceKey) error { return nil }

// Flush deletes all services.
func (c *Client) Flush() error { return nil }

// Services returns all services in the kernel's order.
func (c *Client) Services() ([]Service, error) { return nil, nil }

// Service returns one service.
func (c *Client) Service(k sched.ServiceKey) (Service, error) { return Service{}, nil }

// AddDest adds a real server to a service.
func (c *Client) AddDest(k sched.ServiceKey, d sched.DestConfig) error { return nil }

// EditDest changes a real server.
func (c *Client) EditDest(k sched.ServiceKey, d sched.DestConfig) error { return nil }

// DelDest deletes a real server from a service.
func (c *Client) DelDest(k sched.ServiceKey, d sched.DestKey) error { return nil }

// Dests returns the servers of a service, newest first; none, without an
// error, for a service that isn't there.
func (c *Client) Dests(k sched.ServiceKey) ([]Dest, error) { return nil, nil }

// Zero sets the counters of a service and its servers to zero.
func (c *Client) Zero(k sched.ServiceKey) error { return nil }

// ZeroAll sets all counters to zero.
func (c *Client) ZeroAll() error { return nil }

// Timeouts returns the timeouts of TCP ESTABLISHED, TCP FIN_WAIT and UDP.
func (c *Client) Timeouts() (tcp, fin, udp time.Duration, err error) { return }

// SetTimeouts sets them, in whole seconds; 0 leaves one as it is.
func (c *Client) SetTimeouts(tcp, fin, udp time.Duration) error { return nil }

// Proc writes the text of a file of /proc/net to w: ip_vs, ip_vs_conn,
// ip_vs_conn_sync, ip_vs_app, ip_vs_stats or ip_vs_stats_percpu.
func (c *Client) Proc(name string, w io.Writer) error { return nil }

// Setting returns the value of a setting under net.ipv4.vs.
func (c *Client) Setting(name string) (string, error) { return "", nil }

// SetSetting sets it.
func (c *Client) SetSetting(name, value string) error { return nil }

// Settings returns all settings, sorted by name.
func (c *Client) Settings() ([]Setting, error) { return nil, nil }
