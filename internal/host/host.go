package host

import (
	"time"

	"goipvs/hooks"
	"goipvs/packet"
	"goipvs/xmit"
)

// Sink gets what leaves the host, in order. Data is valid during the call only
// and must not be changed.
type Sink interface {
	// Frame gets an Ethernet frame sent by an interface, without FCS and not
	// padded.
	Frame(ifname string, frame []byte)
	// Local gets a datagram that passed LOCAL_IN.
	Local(datagram []byte)
}

// Hooks is what the host calls at its hook points; hooks.Director is one.
type Hooks interface {
	// Hook handles p at a hook point. With xmit.Stolen p is no longer the
	// host's.
	Hook(pt hooks.Point, p *packet.Packet) xmit.Verdict
	// Active reports whether there are hooks for a family.
	Active(f packet.Family) bool
}

// Config is what a Host is made from.
type Config struct {
	Sink     Sink
	Now      time.Duration   // the clock's reading at the start
	Random   func() uint32   // for identifications of headers made here; nil: a fixed sequence
	Listener packet.Listener // gets the events of every packet; nil: none
}

// Host is one emulated host. It is not safe for concurrent use: one goroutine
// configures it and feeds it.
type Host struct{}

// New makes a host with a loopback interface that is up, without hooks, and
// with the ambient settings of a test director: no redirects, no reverse-path
// filter, no rate limit on ICMP errors, no forwarding.
func New(c Config) *Host { return nil }

// SetHooks sets what is called at the hook points; nil means nothing.
func (h *Host) SetHooks(k Hooks) {}

// Advance moves the clock to now, which is not before the last: reassembly
// queues that are due by then expire, in order of time, with the ICMP errors
// that this causes. Receive and SendLocal do it themselves.
func (h *Host) Advance(now time.Duration) {}

// Receive handles an Ethernet frame that arrives by an interface. The frame
// stays the caller's. Errors: ErrNoDevice.
func (h *Host) Receive(ifname string, frame []byte, now time.Duration) error { return nil }

// SendLocal handles a datagram that a process of this host sends through a raw
// socket with its header included (IP_HDRINCL): it is routed by its destination
// and passes LOCAL_OUT. The datagram stays the caller's. Errors: those sendto(2)
// would return (ErrUnreachable, ErrMessageSize, ErrInvalid); they say why
// nothing was sent and are no fault of the caller's.
func (h *Host) SendLocal(datagram []byte, now time.Duration) error { return nil }

var _ xmit.Stack = (*Host)(nil)
