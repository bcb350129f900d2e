package ipvs

import (
	"encoding/binary"
	"net"
	"runtime"
	"syscall"
)

// family is the number of goipvs's IPVS family, which is always the same.
const family = 1023

// The sizes of the heads of netlink messages, generic-netlink messages and
// attributes.
const (
	nlHeader   = 16
	genlHeader = 4
	attrHeader = 4
)

// maxValue is how long a value may be that the caller gives. The kernel takes no
// longer ones.
const maxValue = 16 << 10

// ne is the octet order of netlink: the machine's.
var ne = nativeEndian(runtime.GOARCH)

// nativeEndian returns an architecture's octet order. Package encoding/binary
// knows it from Go 1.21 on.
func nativeEndian(arch string) binary.ByteOrder {
	switch arch {
	case "mips", "mips64", "ppc64", "s390x":
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// request is a message that is built attribute by attribute.
type request struct {
	b       []byte
	tooLong bool // a value
}

// newRequest begins a request that is acknowledged.
func newRequest(cmd uint8) *request {
	r := &request{b: make([]byte, nlHeader+genlHeader, 256)}
	ne.PutUint16(r.b[4:], family)
	r.flags(syscall.NLM_F_REQUEST | syscall.NLM_F_ACK)
	r.b[nlHeader], r.b[nlHeader+1] = cmd, 1 // the family's version
	return r
}

// about is a request about a service or a server of it. Without a service it
// asks for all there are; the kernel has something to say of commands that can't.
func about(cmd uint8, s *Service, d *Destination) *request {
	r := newRequest(cmd)
	if s == nil {
		r.flags(syscall.NLM_F_DUMP)
		r.bytes(attrService, nil)
	} else {
		r.service(s)
	}
	if d != nil {
		r.destination(d)
	} else if cmd == cmdGetDest {
		r.flags(syscall.NLM_F_DUMP)
	}
	return r
}

// message ends the request. What is too long for a message the kernel would
// refuse, too.
func (r *request) message() ([]byte, error) {
	if r.tooLong {
		return nil, syscall.EINVAL
	}
	ne.PutUint32(r.b, uint32(len(r.b)))
	return r.b, nil
}

func (r *request) flags(f uint16) { ne.PutUint16(r.b[6:], ne.Uint16(r.b[6:])|f) }

// head begins an attribute and returns where, for end.
func (r *request) head(typ uint16) int {
	at := len(r.b)
	r.b = append(r.b, 0, 0, 0, 0)
	ne.PutUint16(r.b[at+2:], typ)
	return at
}

// end ends the attribute that began at an offset.
func (r *request) end(at int) {
	ne.PutUint16(r.b[at:], uint16(len(r.b)-at))
	for len(r.b)%4 != 0 {
		r.b = append(r.b, 0)
	}
}

func (r *request) bytes(typ uint16, v []byte) {
	if len(v) > maxValue {
		r.tooLong = true
		return
	}
	at := r.head(typ)
	r.b = append(r.b, v...)
	r.end(at)
}

// str adds a string with its terminating zero.
func (r *request) str(typ uint16, v string) {
	r.bytes(typ, append([]byte(v), 0))
}

func (r *request) u16(typ, v uint16) {
	var b [2]byte
	ne.PutUint16(b[:], v)
	r.bytes(typ, b[:])
}

func (r *request) u32(typ uint16, v uint32) {
	var b [4]byte
	ne.PutUint32(b[:], v)
	r.bytes(typ, b[:])
}

// port adds a port, in network order.
func (r *request) port(typ, v uint16) { r.bytes(typ, []byte{byte(v >> 8), byte(v)}) }

// address adds an address: of IPv4 four octets, in whichever form it is given.
func (r *request) address(typ uint16, ip net.IP) {
	if v4 := ip.To4(); v4 != nil || len(ip) <= net.IPv4len {
		ip = v4
	}
	r.bytes(typ, ip)
}

// service adds all of a service.
func (r *request) service(s *Service) {
	at := r.head(attrService)
	r.u16(svcFamily, s.AddressFamily)
	if s.FWMark != 0 {
		r.u32(svcFWMark, s.FWMark)
	} else {
		r.u16(svcProtocol, s.Protocol)
		r.address(svcAddress, s.Address)
		r.port(svcPort, s.Port)
	}
	r.str(svcSched, s.SchedName)
	if s.PEName != "" {
		r.str(svcPE, s.PEName)
	}
	flags := r.head(svcFlags)
	r.b = append(r.b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff) // the mask: all count
	ne.PutUint32(r.b[flags+attrHeader:], s.Flags)
	r.end(flags)
	r.u32(svcTimeout, s.Timeout)
	r.u32(svcNetmask, s.Netmask)
	r.end(at)
}

// destination adds all of a server.
func (r *request) destination(d *Destination) {
	at := r.head(attrDest)
	r.address(destAddress, d.Address)
	r.port(destPort, d.Port)
	r.u32(destForward, d.ConnectionFlags&ConnectionFlagFwdMask)
	r.u32(destWeight, uint32(d.Weight))
	r.u32(destUpper, d.UpperThreshold)
	r.u32(destLower, d.LowerThreshold)
	r.end(at)
}
