package hooks

import (
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
	"goipvs/xmit"
)

// Config is what a Director is made from.
type Config struct {
	Stack  xmit.Stack
	Shards int           // parts of the connection table, each with a lock; 0 means 1, which keeps expiry strictly in order
	Now    time.Duration // the clock's reading at the start; its zero is the caller's choice
	Random func() uint32 // for GUE's source ports and the like; nil: a fixed sequence
}

// Director is one ip_vs: services, connections, settings. Its hook functions
// may be called from many goroutines at once, for different packets. Methods
// that change it wait until no packet is handled.
//
// Kernel: include/net/ip_vs.h, struct netns_ipvs (6.1).
type Director struct {
	stack xmit.Stack
	table *sched.Table
	conns *conntrack.Table
}

// New makes a director without services.
func New(c Config) *Director { return nil }

// Advance moves the director's clock to now, which is not before the last: what
// is due by then happens, in order of time. Live, call it every few
// milliseconds; in replay, before each packet.
func (d *Director) Advance(now time.Duration) {}

// Hook runs the hook functions of a point in their order, until one doesn't
// accept. Where no service of the family exists there are none and the packet
// is accepted.
func (d *Director) Hook(pt Point, p *packet.Packet) xmit.Verdict { return xmit.Accept }

// Active reports whether the hooks of a family exist: while it has a service.
func (d *Director) Active(f packet.Family) bool { return false }

// Out is ip_vs_out_hook: replies.
func (d *Director) Out(p *packet.Packet, pt Point) xmit.Verdict { return xmit.Accept }

// In is ip_vs_in_hook: requests.
func (d *Director) In(p *packet.Packet, pt Point) xmit.Verdict { return xmit.Accept }

// ForwardICMP is ip_vs_forward_icmp.
func (d *Director) ForwardICMP(p *packet.Packet, pt Point) xmit.Verdict { return xmit.Accept }

// Changes. Errors are sched's sentinels.

// AddService adds a virtual service.
func (d *Director) AddService(c sched.ServiceConfig) error { return nil }

// EditService changes scheduler, flags, timeout, netmask and persistence engine
// of a service.
func (d *Director) EditService(c sched.ServiceConfig) error { return nil }

// DelService deletes a service and its servers.
func (d *Director) DelService(k sched.ServiceKey) error { return nil }

// Flush deletes all services.
func (d *Director) Flush() {}

// AddDest adds a server to a service.
func (d *Director) AddDest(k sched.ServiceKey, c sched.DestConfig) error { return nil }

// EditDest changes a server.
func (d *Director) EditDest(k sched.ServiceKey, c sched.DestConfig) error { return nil }

// DelDest deletes a server from a service.
func (d *Director) DelDest(k sched.ServiceKey, dk sched.DestKey) error { return nil }

// Zero sets the counters of a service and its servers to zero,
func (d *Director) Zero(k sched.ServiceKey) error { return nil }

// ZeroAll those of all services and the total.
func (d *Director) ZeroAll() {}

// View calls f with the services while nothing changes; f must not call the
// director, nor keep what it is given.
func (d *Director) View(f func(t *sched.Table)) {}

// Timeouts returns the timeouts that ipvsadm --set sets: TCP ESTABLISHED, TCP
// FIN_WAIT and UDP.
func (d *Director) Timeouts() (tcp, fin, udp time.Duration) { return }

// SetTimeouts sets them; 0 leaves one as it is. Negative ones, and those
// of more seconds than the kernel's jiffies hold, are sched.ErrInvalid.
func (d *Director) SetTimeouts(tcp, fin, udp time.Duration) error { return nil }

// ConnInfo is a connection as listings show it.
type ConnInfo struct {
	Family, DestFamily    packet.Family
	Protocol              uint8
	Client, Virtual, Dest packet.Addr
	CPort, VPort, DPort   uint16
	State                 string // the kernel's word
	Expires               time.Duration
	Template              bool
	PEName, PEData        string
}

// Conns calls f for each connection, until it returns false. It is no snapshot:
// connections made or gone meanwhile may be seen or not. f must not call the
// director.
func (d *Director) Conns(f func(*ConnInfo) bool) {}

// TableSize is the number of buckets that listings show (size=4096).
const TableSize = 4096

// Setting returns the value of a setting under net.ipv4.vs, as its file in
// /proc reads, without the newline.
func (d *Director) Setting(name string) (string, error) { return "", nil }

// SetSetting writes it. Errors: ErrNoSetting for a name the kernel doesn't
// have, sched.ErrInvalid for a value it refuses.
func (d *Director) SetSetting(name, value string) error { return nil }

// Settings returns the names of all settings, sorted.
func Settings() []string { return nil }
