package xmit

import (
	"goipvs/packet"
)

// Settings are the transmitters' own.
type Settings struct {
	PMTUDisc bool // tunnels take part in path MTU discovery (pmtu_disc)
}

// Context is what the transmitters work with for one packet. What they send
// waits in it until Flush, since the director's locks are held meanwhile. The
// zero value needs Stack and Settings.
type Context struct {
	Stack    Stack
	Settings *Settings
	Random   func() uint32
	Tracker  Tracker       // nil: connection tracking is left to itself
	Dropped  packet.Reason // why the packet was given up, once it is

	out [4]*packet.Packet
	n   int
}

// send queues a packet for LOCAL_OUT, if there is one. A packet causes at most an ICMP error and
// itself; beyond the queue's length it is dropped.
func (x *Context) send(p *packet.Packet) {
	if p != nil && x.n < len(x.out) {
		x.out[x.n] = p
		x.n++
	}
}

// Flush sends what the transmitters gave out, in order.
func (x *Context) Flush() {
	for i := 0; i < x.n; i++ {
		p := x.out[i]
		x.out[i] = nil
		x.Stack.LocalOut(p)
	}
	x.n = 0
}

// ICMPError queues the ICMP error that answers p; see ICMPError.
func (x *Context) ICMPError(p *packet.Packet, typ, code uint8, info uint32) {
	x.send(newICMPError(x.Stack, p, typ, code, info, optionsOf(p, typ, info)))
}

// ICMPErrorInside is ICMPError about a packet that came inside another: nobody
// looked at its IPv4 options, so none are echoed.
func (x *Context) ICMPErrorInside(p *packet.Packet, typ, code uint8, info uint32) {
	x.send(newICMPError(x.Stack, p, typ, code, info, received{}))
}
