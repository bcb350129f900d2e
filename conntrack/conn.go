package conntrack

import (
	"goipvs/packet"
)

// Flags are a connection's flags, with the numbers of the kernel's interface.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_CONN_F_* (6.1).
type Flags uint32

// The flags of a connection.
const (
	FwdMask   Flags = 0x0007 // forwarding method, a sched.Forward
	NoOutput  Flags = 0x0080 // only its requests pass here, so far
	Inactive  Flags = 0x0100 // not counted as active
	OutSeq    Flags = 0x0200
	InSeq     Flags = 0x0400
	NoCPort   Flags = 0x0800 // the client's port isn't known yet
	Template  Flags = 0x1000
	OnePacket Flags = 0x2000
	NFCT      Flags = 1 << 16 // the kernel's connection tracking may keep it

	hashed Flags = 0x0040
)

// Ref names a connection: shard and place in it. 0 is none. It is valid as long
// as the connection is.
type Ref uint32

const (
	refBits  = 26 // of a Ref for the place in a shard
	maxShard = 1 << (32 - refBits)
	maxConns = 1<<refBits - 1
)

// Conn is a connection or, with the Template flag, a persistence template. It
// lies in its shard's slab and belongs to the shard's lock. What it is looked up
// by only the Shard's methods change.
//
// Kernel: include/net/ip_vs.h, struct ip_vs_conn (6.1).
type Conn struct {
	Client, Virtual, Dest packet.Addr // Virtual of a firewall-mark template holds the mark
	CPort, VPort, DPort   uint16
	Family, DestFamily    packet.Family
	Protocol              uint8
	State                 uint8
	slot                  uint16 // of the wheel, see wheel.arm; 0: the timer isn't running
	Flags                 Flags
	Timeout               uint32 // ticks that Put sets the timer to
	expires               uint32 // tick at which it is due
	DestID                uint32 // sched.Dest; 0: none
	InPkts                uint32
	Control               Ref    // what controls it: a template, or FTP's control connection
	ext                   uint32 // Ext, in the shard's side table; 0: none
	self                  Ref

	// What an existing connection's packets don't need.
	born         uint32 // second of the table's clock at which it was made
	NControl     int32  // connections that it controls
	tnext, tprev uint32 // in its slot of the wheel; tnext also in the free list
}

// Assured is the state bit of a template one of whose connections was
// established.
//
// Kernel: include/net/ip_vs.h, IP_VS_CTPL_S_ASSURED (6.1).
const Assured = 1

// Ref returns the connection's name.
func (c *Conn) Ref() Ref { return c.self }

// Forward returns the forwarding method, a sched.Forward.
func (c *Conn) Forward() Flags { return c.Flags & FwdMask }

// Plain reports whether a connection has nothing about it that only few have: it
// is followed by no helper, and neither a template, nor for one packet, nor
// without its client's port.
func (c *Conn) Plain() bool { return c.Flags&(NoCPort|Template|OnePacket) == 0 && c.ext == 0 }

// StateName returns the state as listings show it.
//
// Kernel: ip_vs_proto.c, ip_vs_state_name (6.1).
func (c *Conn) StateName() string {
	if c.Flags&Template != 0 {
		// A reply to port 0 may find a template, and then leads it through the
		// protocol's states.
		switch c.State {
		case 0:
			return "NONE"
		case Assured:
			return "ASSURED"
		}
		return "ERR!"
	}
	return StateName(c.Protocol, c.State)
}

// Key is what a connection is looked up by. For replies Client is the packet's
// source, the server's side, and Virtual its destination, as in the kernel.
//
// Kernel: include/net/ip_vs.h, struct ip_vs_conn_param (6.1).
type Key struct {
	Family          packet.Family
	Protocol        uint8
	CPort, VPort    uint16
	Client, Virtual packet.Addr
	PE              string // persistence engine and its data, for templates
	PEData          []byte
}

// Ext is what only few connections have.
type Ext struct {
	PE     string // persistence engine's name and data, of templates
	PEData []byte
	FTP    *FTP // of an FTP control connection
	next   uint32
}

// New tells a shard what connection to make.
type New struct {
	Key
	DestFamily packet.Family
	Dest       packet.Addr
	DPort      uint16
	Flags      Flags
	DestID     uint32
	FTP        bool // it is an FTP control connection
}

// FTP is what the FTP helper keeps of a control connection.
//
// Kernel: ip_vs_ftp.c, cp->app_data (6.1).
type FTP struct {
	Mode    uint8  // the last command that asked for a data connection; the helper's own numbers
	In, Out SeqAdj // of the client's and of the server's segments
}
