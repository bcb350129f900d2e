package ipvs

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// errAnswer is an answer that isn't what the protocol says.
var errAnswer = errors.New("malformed answer of goipvs")

// answer collects the datagrams of an answer.
type answer struct {
	seq   uint32
	parts [][]byte // the attributes of each message
	done  bool
	errno syscall.Errno
}

// add takes a datagram in, which stays the caller's.
func (a *answer) add(b []byte) error {
	for len(b) >= nlHeader {
		n := int64(ne.Uint32(b))
		if n < nlHeader || n > int64(len(b)) || ne.Uint32(b[8:]) != a.seq {
			return errAnswer
		}
		m := b[:n]
		switch typ := ne.Uint16(m[4:]); {
		case typ == syscall.NLMSG_ERROR || typ == syscall.NLMSG_DONE:
			if n < nlHeader+4 {
				return errAnswer
			}
			no := int32(ne.Uint32(m[nlHeader:]))
			if no > 0 {
				return errAnswer
			}
			a.done, a.errno = true, syscall.Errno(-no)
		case typ == family && n >= nlHeader+genlHeader:
			a.parts = append(a.parts, append([]byte(nil), m[nlHeader+genlHeader:]...))
		}
		b = after(b, int(n))
	}
	return nil
}

// after is what follows the first n octets and the padding behind them.
func after(b []byte, n int) []byte {
	if n = (n + 3) &^ 3; n > len(b) {
		return nil
	}
	return b[n:]
}

// each calls f with the type and value of each attribute in b.
func each(b []byte, f func(typ uint16, v value)) error {
	for len(b) >= attrHeader {
		n := int(ne.Uint16(b))
		if n < attrHeader || n > len(b) {
			return errAnswer
		}
		f(ne.Uint16(b[2:])&0x3fff, b[attrHeader:n])
		b = after(b, n)
	}
	return nil
}

// value is what an attribute holds. What is missing of a number is 0.
type value []byte

func (v value) u16() uint16 {
	var b [2]byte
	copy(b[:], v)
	return ne.Uint16(b[:])
}

func (v value) u32() uint32 {
	var b [4]byte
	copy(b[:], v)
	return ne.Uint32(b[:])
}

func (v value) u64() uint64 {
	var b [8]byte
	copy(b[:], v)
	return ne.Uint64(b[:])
}

// port reads a port, in network order.
func (v value) port() uint16 {
	var b [2]byte
	copy(b[:], v)
	return uint16(b[0])<<8 | uint16(b[1])
}

// str reads a string, as far as the terminating zero.
func (v value) str() string {
	for i, c := range v {
		if c == 0 {
			return string(v[:i])
		}
	}
	return string(v)
}

// address reads an address, which has 16 octets in any family.
func (v value) address(family uint16) (net.IP, error) {
	switch {
	case v == nil: // a service with a mark
		return nil, nil
	case family == syscall.AF_INET && len(v) >= net.IPv4len:
		return net.IP(v[:net.IPv4len]), nil
	case family == syscall.AF_INET6 && len(v) >= net.IPv6len:
		return net.IP(v[:net.IPv6len]), nil
	}
	return nil, fmt.Errorf("%w: address of family %d with %d octets", errAnswer, family, len(v))
}

// within calls f with the attributes in the first attribute of a message.
func within(m []byte, f func(typ uint16, v value)) error {
	var first value
	err := each(m, func(_ uint16, v value) {
		if first == nil {
			first = v
		}
	})
	if err == nil && first == nil {
		err = errAnswer
	}
	if err != nil {
		return err
	}
	return each(first, f)
}

func parseService(m []byte) (*Service, error) {
	var s Service
	var addr, stats value
	err := within(m, func(typ uint16, v value) {
		switch typ {
		case svcFamily:
			s.AddressFamily = v.u16()
		case svcProtocol:
			s.Protocol = v.u16()
		case svcAddress:
			addr = v
		case svcPort:
			s.Port = v.port()
		case svcFWMark:
			s.FWMark = v.u32()
		case svcSched:
			s.SchedName = v.str()
		case svcFlags:
			s.Flags = v.u32()
		case svcTimeout:
			s.Timeout = v.u32()
		case svcNetmask:
			s.Netmask = v.u32()
		case svcStats:
			stats = v
		}
	})
	if err == nil {
		s.Stats, err = parseStats(stats)
	}
	if err == nil {
		s.Address, err = addr.address(s.AddressFamily)
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

func parseDestination(m []byte) (*Destination, error) {
	var d Destination
	var addr, stats value
	err := within(m, func(typ uint16, v value) {
		switch typ {
		case destFamily:
			d.AddressFamily = v.u16()
		case destAddress:
			addr = v
		case destPort:
			d.Port = v.port()
		case destForward:
			d.ConnectionFlags = v.u32()
		case destWeight:
			d.Weight = int(uint16(v.u32())) // as moby/ipvs reads it
		case destUpper:
			d.UpperThreshold = v.u32()
		case destLower:
			d.LowerThreshold = v.u32()
		case destActive:
			d.ActiveConnections = int(v.u32())
		case destInactive:
			d.InactiveConnections = int(v.u32())
		case destStats:
			stats = v
		}
	})
	var sum SvcStats
	if err == nil {
		sum, err = parseStats(stats)
		d.Stats = DstStats(sum)
	}
	if err == nil {
		d.Address, err = addr.address(d.AddressFamily)
	}
	if err != nil {
		return nil, err
	}
	return &d, nil
}

func parseStats(b value) (s SvcStats, err error) {
	err = each(b, func(typ uint16, v value) {
		switch typ {
		case statsConns:
			s.Connections = v.u32()
		case statsInPkts:
			s.PacketsIn = v.u32()
		case statsOutPkts:
			s.PacketsOut = v.u32()
		case statsInBytes:
			s.BytesIn = v.u64()
		case statsOutBytes:
			s.BytesOut = v.u64()
		case statsCPS:
			s.CPS = v.u32()
		case statsInPPS:
			s.PPSIn = v.u32()
		case statsOutPPS:
			s.PPSOut = v.u32()
		case statsInBPS:
			s.BPSIn = v.u32()
		case statsOutBPS:
			s.BPSOut = v.u32()
		}
	})
	return s, err
}

func parseConfig(m []byte) (*Config, error) {
	var c Config
	err := each(m, func(typ uint16, v value) {
		t := time.Duration(v.u32()) * time.Second
		switch typ {
		case attrTimeoutTCP:
			c.TimeoutTCP = t
		case attrTimeoutTCPFin:
			c.TimeoutTCPFin = t
		case attrTimeoutUDP:
			c.TimeoutUDP = t
		}
	})
	if err != nil {
		return nil, err
	}
	return &c, nil
}
