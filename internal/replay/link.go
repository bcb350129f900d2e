package replay

import (
	"encoding/binary"
	"fmt"
)

// Ethernet.
const (
	sizeEthernet = 14
	typeIPv4     = 0x0800
	typeIPv6     = 0x86dd
)

// How a "cooked" frame was addressed, and the length of its header.
//
// Kernel: include/uapi/linux/if_packet.h, PACKET_HOST and others.
const (
	cookedHost = iota
	cookedBroadcast
	cookedMulticast
	cookedOther
	cookedOutgoing

	sizeSLL  = 16
	sizeSLL2 = 20
)

// known returns an error for a link type that is not understood.
func (l LinkType) known() error {
	switch l {
	case LinkEthernet, LinkRaw, LinkRawBSD, LinkRawOpen, LinkIPv4, LinkIPv6, LinkSLL, LinkSLL2:
		return nil
	}
	return fmt.Errorf("link type %d is not understood: only Ethernet (1), raw IP (101) and Linux cooked (113, 276) are", l)
}

// String names what frames of the type are.
func (l LinkType) String() string {
	switch {
	case l == LinkEthernet:
		return "ethernet"
	case l == LinkSLL:
		return "sll"
	case l == LinkSLL2:
		return "sll2"
	case l.raw():
		return "raw"
	}
	return fmt.Sprintf("link type %d", uint16(l))
}

// raw reports whether frames are IP datagrams and nothing more.
func (l LinkType) raw() bool {
	switch l {
	case LinkRaw, LinkRawBSD, LinkRawOpen, LinkIPv4, LinkIPv6:
		return true
	}
	return false
}

// ethernet makes an Ethernet frame of a frame of any link type, as it would
// have come to an interface with address mac. It appends to buf, or returns
// data itself. It reports false for what the host sent itself, and for frames
// too short for their own header.
func (l LinkType) ethernet(data []byte, mac [6]byte, buf []byte) ([]byte, bool) {
	switch {
	case l == LinkEthernet:
		return data, true
	case l.raw():
		if len(data) == 0 {
			return nil, false
		}
		typ := uint16(typeIPv4)
		if data[0]>>4 == 6 {
			typ = typeIPv6
		}
		return appendEthernet(buf, mac, [6]byte{}, typ, data), true
	case l == LinkSLL && len(data) >= sizeSLL:
		h := data[:sizeSLL]
		return cooked(buf, mac, int(binary.BigEndian.Uint16(h)), h[6:12], binary.BigEndian.Uint16(h[14:]), data[sizeSLL:])
	case l == LinkSLL2 && len(data) >= sizeSLL2:
		h := data[:sizeSLL2]
		return cooked(buf, mac, int(h[10]), h[12:18], binary.BigEndian.Uint16(h), data[sizeSLL2:])
	}
	return nil, false
}

func cooked(buf []byte, mac [6]byte, how int, from []byte, typ uint16, data []byte) ([]byte, bool) {
	to := mac
	switch how {
	case cookedBroadcast:
		to = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	case cookedMulticast:
		to = [6]byte{0x01, 0x00, 0x5e}
	case cookedOther:
		to[5] ^= 0xff
	case cookedOutgoing:
		return nil, false
	}
	return appendEthernet(buf, to, [6]byte(from), typ, data), true
}

func appendEthernet(buf []byte, to, from [6]byte, typ uint16, data []byte) []byte {
	buf = append(append(buf, to[:]...), from[:]...)
	return append(binary.BigEndian.AppendUint16(buf, typ), data...)
}
