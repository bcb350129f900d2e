package sched

// Options are what a service may be told beside what the kernel knows. The zero
// value is as the kernel does.
type Options struct {
	// TCP, TCPFin and UDP are timeouts in seconds, in place of those that
	// ipvsadm --set sets, for connections to the service's servers; 0: those.
	TCP, TCPFin, UDP uint32
	// FlushUDP says that UDP connections end at once when their server, or the
	// service, is deleted, whatever expire_nodest_conn says.
	FlushUDP bool
}

// timed reports whether a timeout is among them.
func (o *Options) timed() bool { return o.TCP|o.TCPFin|o.UDP != 0 }

// SetOptions gives a service options, which it keeps until it is deleted. It
// fails with ErrNoService, or ErrInvalid for a timeout longer than maxTimeout.
func (t *Table) SetOptions(k ServiceKey, o Options) error {
	s, err := t.lookup(k)
	if err != nil {
		return err
	}
	if max(o.TCP, o.TCPFin, o.UDP) > maxTimeout {
		return ErrInvalid
	}
	t.count(s, -1)
	s.Options = o
	t.count(s, 1)
	return nil
}

// maxTimeout is how many seconds a connection's timer can be set to, those that
// the kernel's jiffies of 31 bits hold.
const maxTimeout = (1<<31 - 1) / 250

// Timed reports whether a service has timeouts of its own.
func (t *Table) Timed() bool { return t.timed > 0 }
