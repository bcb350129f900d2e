package control

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"time"

	"goipvs/packet"
	"goipvs/sched"
)

// The options of the old interface, getsockopt and setsockopt at level
// IPPROTO_IP. It knows IPv4 alone.
//
// Kernel: include/uapi/linux/ip_vs.h, IP_VS_SO_* (6.1).
const (
	soBase = 64 + 1024 + 64

	soSetAdd      = soBase + 2
	soSetEdit     = soBase + 3
	soSetDel      = soBase + 4
	soSetFlush    = soBase + 5
	soSetAddDest  = soBase + 7
	soSetDelDest  = soBase + 8
	soSetEditDest = soBase + 9
	soSetTimeout  = soBase + 10
	soSetStart    = soBase + 11
	soSetStop     = soBase + 12
	soSetZero     = soBase + 15
	soSetMax      = soSetZero

	soGetVersion  = soBase
	soGetInfo     = soBase + 1
	soGetServices = soBase + 2
	soGetService  = soBase + 3
	soGetDests    = soBase + 4
	soGetTimeout  = soBase + 6
	soGetDaemon   = soBase + 7
	soGetMax      = soGetDaemon
)

// SockoptFirst and SockoptLast bound the options that an IPv4 socket has because
// of IPVS, for getsockopt and setsockopt together.
const (
	SockoptFirst = soBase
	SockoptLast  = soSetMax
)

// The lengths of the interface's structures on machines of 64 bits.
//
// Kernel: include/uapi/linux/ip_vs.h, struct ip_vs_service_user and its fellows
// (6.1).
const (
	soServiceLen      = 44
	soDestLen         = 24
	soDaemonLen       = 24
	soTimeoutLen      = 12
	soInfoLen         = 12
	soVersionLen      = 64
	soServiceEntryLen = 104
	soDestEntryLen    = 96
	soServicesLen     = 8  // struct ip_vs_get_services without entries
	soDestsLen        = 24 // struct ip_vs_get_dests without entries
)

// SockoptSetLen returns how many octets a setsockopt of opt must have. ok is
// false where opt is no option.
//
// Kernel: ip_vs_ctl.c, set_arglen (6.1).
func SockoptSetLen(opt int) (n int, ok bool) {
	switch opt {
	case soSetAdd, soSetEdit, soSetDel, soSetZero:
		n = soServiceLen
	case soSetAddDest, soSetDelDest, soSetEditDest:
		n = soServiceLen + soDestLen
	case soSetTimeout:
		n = soTimeoutLen
	case soSetStart, soSetStop:
		n = soDaemonLen
	}
	return n, soBase <= opt && opt <= soSetMax
}

// SockoptGetLen returns how many octets a getsockopt of opt reads from the
// asker's buffer, which must be as long at least. ok is false where opt is no
// option.
//
// Kernel: ip_vs_ctl.c, get_arglen (6.1).
func SockoptGetLen(opt int) (n int, ok bool) {
	switch opt {
	case soGetVersion:
		n = soVersionLen
	case soGetInfo:
		n = soInfoLen
	case soGetServices:
		n = soServicesLen
	case soGetService:
		n = soServiceEntryLen
	case soGetDests:
		n = soDestsLen
	case soGetTimeout:
		n = soTimeoutLen
	case soGetDaemon:
		n = 2 * soDaemonLen
	}
	return n, soBase <= opt && opt <= soGetMax
}

// SetSockopt does what setsockopt(IPPROTO_IP, opt, value) does on an IPv4
// socket. The error unwraps to a syscall.Errno.
//
// Differs: a firewall mark's service has no protocol, so all protocols find it;
// of a server's flags only the forwarding method counts.
//
// Kernel: ip_vs_ctl.c, do_ip_vs_set_ctl (6.1).
func (e *Engine) SetSockopt(opt int, value []byte, from Caller) error {
	if from.Unprivileged {
		return syscall.EPERM
	}
	if n, ok := SockoptSetLen(opt); !ok || n != len(value) {
		return syscall.EINVAL
	}
	if err := e.setSockopt(opt, value); err != nil {
		return errnoOf(err)
	}
	return nil
}

func (e *Engine) setSockopt(opt int, v []byte) error {
	switch opt {
	case soSetStart:
		name := cString(v[4:20])
		if name == "" || len(name) > ifNameMax {
			return syscall.EINVAL
		}
		return e.startDaemon(name)
	case soSetStop:
		return stopDaemon(ne.Uint32(v))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case opt == soSetFlush:
		e.b.Flush()
		return nil
	case opt == soSetTimeout:
		return e.b.SetTimeouts(soSeconds(v), soSeconds(v[4:]), soSeconds(v[8:]))
	case len(v) == 0:
		return syscall.EINVAL
	}
	k := soKey(v)
	if opt == soSetZero && k.FWMark == 0 && k.Addr.IsZero() && k.Port == 0 {
		e.b.ZeroAll()
		return nil
	}
	name := cString(v[16:32])
	if (opt == soSetAdd || opt == soSetEdit) && len(name) > schedNameMax {
		return syscall.EINVAL
	}
	switch ne.Uint16(v) { // even with a mark
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
	default:
		return syscall.EFAULT
	}
	there := false
	e.b.View(func(t *sched.Table) { there = t.Lookup(k) != nil })
	if !there && opt != soSetAdd {
		return syscall.ESRCH
	}
	switch opt {
	case soSetAdd, soSetEdit:
		c := sched.ServiceConfig{
			ServiceKey: k, Scheduler: name,
			Flags:   sched.ServiceFlags(ne.Uint32(v[32:])),
			Timeout: ne.Uint32(v[36:]) * hz / hz,
			Netmask: binary.BigEndian.Uint32(v[40:]),
		}
		if opt == soSetEdit {
			return e.b.EditService(c)
		}
		return e.b.AddService(c)
	case soSetDel:
		return e.b.DelService(k)
	case soSetZero:
		return e.b.Zero(k)
	}
	d := soDest(v[soServiceLen:])
	switch opt {
	case soSetAddDest:
		return e.b.AddDest(k, d)
	case soSetEditDest:
		return e.b.EditDest(k, d)
	}
	return e.b.DelDest(k, d.DestKey)
}

// GetSockopt does what getsockopt(IPPROTO_IP, opt) does on an IPv4 socket, for a
// buffer of length octets of which arg are those that SockoptGetLen counts. It
// returns what goes to the buffer's beginning, and the length that the asker is
// told. The error unwraps to a syscall.Errno.
//
// Kernel: ip_vs_ctl.c, do_ip_vs_get_ctl (6.1).
func (e *Engine) GetSockopt(opt, length int, arg []byte, from Caller) (value []byte, told int, err error) {
	if from.Unprivileged {
		return nil, 0, syscall.EPERM
	}
	n, ok := SockoptGetLen(opt)
	if !ok || length < n || len(arg) < n {
		return nil, 0, syscall.EINVAL
	}
	switch opt {
	case soGetVersion:
		value = fmt.Appendf(nil, "IP Virtual Server version %d.%d.%d (size=%d)\x00", Version>>16, Version>>8&0xff, Version&0xff, e.b.TableSize())
		return value, len(value), nil
	case soGetInfo:
		value = e.soInfo()
	case soGetServices:
		value, err = e.soServices(arg, length)
	case soGetService:
		value, err = e.soService(arg)
	case soGetDests:
		value, err = e.soDests(arg, length)
	case soGetTimeout:
		for _, t := range e.timeouts() {
			value = ne.AppendUint32(value, t)
		}
	case soGetDaemon:
		value = make([]byte, 2*soDaemonLen) // there are none
	default:
		err = syscall.EINVAL
	}
	return value, length, err
}

// soKey reads the key of a struct ip_vs_service_user.
func soKey(v []byte) sched.ServiceKey {
	if mark := ne.Uint32(v[12:]); mark != 0 {
		return sched.ServiceKey{Family: packet.IPv4, FWMark: mark}
	}
	k := sched.ServiceKey{Family: packet.IPv4, Port: binary.BigEndian.Uint16(v[8:])}
	if p := ne.Uint16(v); p <= 255 { // others no service has
		k.Protocol = uint8(p)
	}
	copy(k.Addr[:4], v[4:])
	return k
}

// soDest reads a struct ip_vs_dest_user.
func soDest(v []byte) sched.DestConfig {
	c := sched.DestConfig{
		DestKey: sched.DestKey{Family: packet.IPv4, Port: binary.BigEndian.Uint16(v[4:])},
		Forward: sched.Forward(ne.Uint32(v[8:]) & fwdMask),
		Weight:  int32(ne.Uint32(v[12:])),
		Upper:   ne.Uint32(v[16:]), Lower: ne.Uint32(v[20:]),
	}
	copy(c.Addr[:4], v)
	return c
}

func soSeconds(v []byte) time.Duration { return time.Duration(int32(ne.Uint32(v))) * time.Second }

// cString returns the characters before the first zero, all where there is
// none.
func cString(v []byte) string {
	for i, c := range v {
		if c == 0 {
			return string(v[:i])
		}
	}
	return string(v)
}
