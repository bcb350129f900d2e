package queue

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The messages of nfnetlink_queue, and what of their attributes is used here.
//
// Kernel: include/uapi/linux/netfilter/nfnetlink_queue.h.
const (
	subsystem = unix.NFNL_SUBSYS_QUEUE << 8

	msgPacket       = subsystem
	msgVerdict      = subsystem | 1
	msgConfig       = subsystem | 2
	msgVerdictBatch = subsystem | 3

	attrPacketHeader  = 1
	attrVerdictHeader = 2
	attrMark          = 3
	attrInDev         = 5
	attrOutDev        = 6
	attrHWAddr        = 9
	attrPayload       = 10
	attrFullLen       = 13
	attrInfo          = 14

	configCommand = 1
	configParams  = 2
	configMaxLen  = 3
	configMask    = 4
	configFlags   = 5

	commandBind = 1
	copyPacket  = 2
	flagGSO     = 1 << 2
)

// Lengths of headers.
const (
	sizeHeader = unix.SizeofNlMsghdr + 4 // struct nlmsghdr and struct nfgenmsg
	sizeAttr   = unix.SizeofNlAttr
)

// attrType is the part of an attribute's type field that is its type.
const attrType = 1<<14 - 1

func align(n int) int { return (n + 3) &^ 3 }

// parse makes p the packet that a message is about, whose octets stay in b. The
// message starts at off; what is before it is room for headers, and so is what
// the message has before the packet. It reports false for other messages, and
// for one without the packet.
//
// Kernel: net/netfilter/nfnetlink_queue.c, nfqnl_build_packet_message (6.1).
func (p *Packet) parse(b []byte, off int) bool {
	m := b[off:]
	if len(m) < sizeHeader || binary.NativeEndian.Uint16(m[4:]) != msgPacket {
		return false
	}
	*p = Packet{queue: binary.BigEndian.Uint16(m[18:])}
	known := false
	for at := sizeHeader; len(m)-at >= sizeAttr; {
		n := int(binary.NativeEndian.Uint16(m[at:]))
		if n < sizeAttr || n > len(m)-at {
			return false
		}
		typ, v := binary.NativeEndian.Uint16(m[at+2:])&attrType, m[at+sizeAttr:at+n]
		switch {
		case typ == attrPayload:
			p.Off = off + at + sizeAttr
			p.Buf = b[: off+at+n : off+at+n]
		case typ == attrPacketHeader && len(v) >= 7:
			p.ID, p.Protocol, p.Hook = binary.BigEndian.Uint32(v), binary.BigEndian.Uint16(v[4:]), v[6]
			known = true
		case typ == attrHWAddr && len(v) >= 10:
			copy(p.HWAddr[:], v[4:])
		case len(v) < 4:
		case typ == attrInDev:
			p.InIf = int(binary.BigEndian.Uint32(v))
		case typ == attrOutDev:
			p.OutIf = int(binary.BigEndian.Uint32(v))
		case typ == attrMark:
			p.Mark = binary.BigEndian.Uint32(v)
		case typ == attrFullLen:
			p.Full = int(binary.BigEndian.Uint32(v))
		case typ == attrInfo:
			p.Info = Info(binary.BigEndian.Uint32(v))
		}
		at += align(n)
	}
	if p.Full == 0 {
		p.Full = len(p.Buf) - p.Off
	}
	return known && p.Buf != nil
}

// parseError returns the error that a message tells; ok is false if it is none.
func parseError(m []byte) (err unix.Errno, ok bool) {
	if len(m) < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(m[4:]) != unix.NLMSG_ERROR {
		return 0, false
	}
	return unix.Errno(-int32(binary.NativeEndian.Uint32(m[unix.SizeofNlMsghdr:]))), true
}

// appendHeader begins a message about a queue; sealed by putLen.
func appendHeader(b []byte, typ, flags, queue uint16) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // sequence number, port
	b = append(b, unix.AF_UNSPEC, 0)
	return binary.BigEndian.AppendUint16(b, queue)
}

// appendAttr begins an attribute whose n octets follow.
func appendAttr(b []byte, typ uint16, n int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(sizeAttr+n))
	return binary.NativeEndian.AppendUint16(b, typ)
}

// configMessages returns what takes a queue, a message each: bind it, and say how
// it shall be.
func configMessages(number uint16, c *Config, gso bool) [][]byte {
	bind := appendHeader(nil, msgConfig, unix.NLM_F_ACK, number)
	bind = append(appendAttr(bind, configCommand, 4), commandBind, 0, 0, unix.AF_UNSPEC)
	params := appendHeader(nil, msgConfig, unix.NLM_F_ACK, number)
	params = binary.BigEndian.AppendUint32(appendAttr(params, configParams, 5), CopyRange)
	params = append(params, copyPacket, 0, 0, 0)
	params = binary.BigEndian.AppendUint32(appendAttr(params, configMaxLen, 4), c.MaxLen)
	var flags uint32
	if gso {
		flags = flagGSO
	}
	params = binary.BigEndian.AppendUint32(appendAttr(params, configFlags, 4), flags)
	params = binary.BigEndian.AppendUint32(appendAttr(params, configMask, 4), flagGSO)
	return [][]byte{sealed(bind), sealed(params)}
}

// sealed gives a message its length.
func sealed(b []byte) []byte {
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}
