package packet

// Reason names a decision, stably and in a word or two ("no-service"). Each
// package declares its reasons as constants and says in a table, Reasons, what
// they mean and what a user can do (docs/reasons.md); the same names count the
// decisions in the statistics.
type Reason string

// Event is one decision about a packet. Each package declares the events it
// emits as small structs; internal/trace renders them.
type Event interface {
	// Reason says what was decided and why.
	Reason() Reason
	// Func is the kernel function that decides so.
	Func() string
}

// Listener gets the events of a packet's way, in order. The packet's data is as
// it is at that moment and must not be changed or kept. p is nil where something
// happens by time or by command, not to a packet. Some events come with a part of
// the connection table locked: a listener must not look up connections. With no
// listener a decision
// costs one branch:
//
//	if p.Listener != nil {
//		p.Listener.Event(p, Found{Conn: c})
//	}
type Listener interface {
	Event(p *Packet, e Event)
}
