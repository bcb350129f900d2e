package control

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"syscall"
	"time"

	"goipvs/sched"
)

// Client makes Go calls of the protocol. Errors of the daemon unwrap to
// syscall.Errno. It is safe for concurrent use.
type Client struct {
	c Conn

	mu  sync.Mutex
	seq uint32
	w   writer // the request
}

// NewClient returns a client on c, which stays the caller's to close.
func NewClient(c Conn) *Client { return &Client{c: c} }

// ErrAnswer is an answer of the daemon that isn't what the protocol says.
var ErrAnswer = errors.New("malformed answer")

// maxString is how long a name or value in a request may be. What is too long
// for the kernel the engine says itself.
const maxString = 16 << 10

// do sends a command whose attributes fill writes, and calls each with the
// attributes of each message of the answer.
func (c *Client) do(cmd uint8, flags uint16, fill func(*writer), each func([]byte) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	c.w.b = c.w.b[:0]
	c.w.startGen(header{typ: FamilyID, flags: flagRequest | flags, seq: c.seq}, cmd, familyVersion)
	if fill != nil {
		fill(&c.w)
	}
	c.w.end(0)
	var errno syscall.Errno
	err := c.c.Request(c.w.b, func(b []byte) error {
		for h, m := range messages(b) {
			switch {
			case h.seq != c.seq:
				return fmt.Errorf("%w: sequence number %d for %d", ErrAnswer, h.seq, c.seq)
			case h.typ == nlmsgError || h.typ == nlmsgDone:
				no, err := result(m)
				if err != nil {
					return err
				}
				errno = no
			case h.typ == FamilyID && len(m) >= nlHeader+genlHeader:
				if each == nil {
					continue
				}
				if err := each(m[nlHeader+genlHeader:]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}

// result returns the number in an acknowledgement or end mark.
func result(m []byte) (syscall.Errno, error) {
	if len(m) < nlHeader+4 {
		return 0, fmt.Errorf("%w: %d octets", ErrAnswer, len(m))
	}
	n := int32(ne.Uint32(m[nlHeader:]))
	if n > 0 || n == math.MinInt32 {
		return 0, fmt.Errorf("%w: error %d", ErrAnswer, n)
	}
	return syscall.Errno(-n), nil
}

// named wraps an error with what it was about.
func named(what any, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%v: %w", what, err)
}

// Info returns the version of IPVS (0x010201 is 1.2.1) and the number of
// buckets of the connection table.
func (c *Client) Info() (version, size uint32, err error) {
	err = c.do(CmdGetInfo, flagAck, nil, func(b []byte) error {
		a, err := infoPolicy.parse(b)
		if err != nil || !a.has(InfoAttrVersion, InfoAttrConnTabSize) {
			return fmt.Errorf("%w: information", ErrAnswer)
		}
		version, size = a.u32(InfoAttrVersion), a.u32(InfoAttrConnTabSize)
		return nil
	})
	return version, size, err
}

// AddService adds a virtual service.
func (c *Client) AddService(s sched.ServiceConfig) error { return c.putService(CmdNewService, &s) }

// EditService changes all of a virtual service but its key.
func (c *Client) EditService(s sched.ServiceConfig) error { return c.putService(CmdSetService, &s) }

func (c *Client) putService(cmd uint8, s *sched.ServiceConfig) error {
	if len(s.Scheduler) > maxString || len(s.PE) > maxString {
		return named(s.ServiceKey, syscall.EINVAL)
	}
	return named(s.ServiceKey, c.do(cmd, flagAck, func(w *writer) {
		n := w.nest(CmdAttrService)
		w.serviceKey(s.ServiceKey)
		w.str(SvcAttrSchedName, s.Scheduler)
		if s.PE != "" {
			w.str(SvcAttrPEName, s.PE)
		}
		w.serviceRest(s, 0)
		w.endNest(n)
	}, nil))
}

// DelService deletes a virtual service with its servers.
func (c *Client) DelService(k sched.ServiceKey) error { return c.key(CmdDelService, k) }

// Zero sets the counters of a service and its servers to zero.
func (c *Client) Zero(k sched.ServiceKey) error { return c.key(CmdZero, k) }

func (c *Client) key(cmd uint8, k sched.ServiceKey) error {
	return named(k, c.do(cmd, flagAck, func(w *writer) { w.key(k) }, nil))
}

// key writes a service's key as a message's service attribute.
func (w *writer) key(k sched.ServiceKey) { w.keyAs(CmdAttrService, k) }

func (w *writer) keyAs(typ uint16, k sched.ServiceKey) {
	n := w.nest(typ)
	w.serviceKey(k)
	w.endNest(n)
}

// ZeroAll sets all counters to zero.
func (c *Client) ZeroAll() error { return c.do(CmdZero, flagAck, nil, nil) }

// Flush deletes all services.
func (c *Client) Flush() error { return c.do(CmdFlush, flagAck, nil, nil) }

// AddDest adds a real server to a service.
func (c *Client) AddDest(k sched.ServiceKey, d sched.DestConfig) error {
	return c.putDest(CmdNewDest, k, &d)
}

// EditDest changes a real server.
func (c *Client) EditDest(k sched.ServiceKey, d sched.DestConfig) error {
	return c.putDest(CmdSetDest, k, &d)
}

// DelDest deletes a real server from a service.
func (c *Client) DelDest(k sched.ServiceKey, d sched.DestKey) error {
	return c.putDest(CmdDelDest, k, &sched.DestConfig{DestKey: d})
}

func (c *Client) putDest(cmd uint8, k sched.ServiceKey, d *sched.DestConfig) error {
	return named(d.DestKey, c.do(cmd, flagAck, func(w *writer) {
		w.key(k)
		n := w.nest(CmdAttrDest)
		w.destKey(d.DestKey)
		if cmd != CmdDelDest {
			w.u32(DestAttrFwdMethod, uint32(d.Forward))
			w.u32(DestAttrWeight, uint32(d.Weight))
			w.u8(DestAttrTunType, uint8(d.TunType))
			w.be16(DestAttrTunPort, d.TunPort)
			w.u16(DestAttrTunFlags, uint16(d.TunFlags))
			w.u32(DestAttrUThresh, d.Upper)
			w.u32(DestAttrLThresh, d.Lower)
		}
		w.endNest(n)
	}, nil))
}

// destKey writes the attributes of a server's key.
func (w *writer) destKey(k sched.DestKey) {
	w.u16(DestAttrAddrFamily, afOf(k.Family))
	w.bytes(DestAttrAddr, k.Addr[:])
	w.be16(DestAttrPort, k.Port)
}

// Timeouts returns the timeouts of TCP ESTABLISHED, TCP FIN_WAIT and UDP.
func (c *Client) Timeouts() (tcp, fin, udp time.Duration, err error) {
	var t [3]time.Duration
	err = c.do(CmdGetConfig, flagAck, nil, func(b []byte) error {
		a, err := cmdPolicy.parse(b)
		if err != nil || !a.has(CmdAttrTimeoutTCP, CmdAttrTimeoutTCPFin, CmdAttrTimeoutUDP) {
			return fmt.Errorf("%w: timeouts", ErrAnswer)
		}
		for i := range t {
			t[i] = time.Duration(a.u32(CmdAttrTimeoutTCP+i)) * time.Second
		}
		return nil
	})
	return t[0], t[1], t[2], err
}

// SetTimeouts sets them, in whole seconds; 0 leaves one as it is.
func (c *Client) SetTimeouts(tcp, fin, udp time.Duration) error {
	return c.do(CmdSetConfig, flagAck, func(w *writer) {
		for i, t := range []time.Duration{tcp, fin, udp} {
			w.u32(uint16(CmdAttrTimeoutTCP+i), uint32(min(max(t/time.Second, -1), math.MaxInt32)))
		}
	}, nil)
}

// Proc writes the text of a file of /proc/net to w: ProcServices, ProcConns and
// so on.
func (c *Client) Proc(name string, w io.Writer) error {
	err := c.do(CmdGetProc, flagDump, func(w *writer) { w.text(ExtName, name[:min(len(name), maxString)]) }, func(b []byte) error {
		a, err := extPolicy.parse(b)
		if err != nil {
			return fmt.Errorf("%w: text", ErrAnswer)
		}
		_, err = w.Write(a[ExtText])
		return err
	})
	return named(name, err)
}

// Setting is a setting under net.ipv4.vs.
type Setting struct{ Name, Value string }

// Setting returns the value of a setting under net.ipv4.vs, as its file in /proc
// reads, without the newline.
func (c *Client) Setting(name string) (value string, err error) {
	err = c.do(CmdGetSetting, flagAck, func(w *writer) { w.text(ExtName, name[:min(len(name), maxString)]) },
		eachSetting(func(s Setting) { value = s.Value }))
	return value, named(name, err)
}

// Settings returns all settings, sorted by name.
func (c *Client) Settings() (all []Setting, err error) {
	err = c.do(CmdGetSetting, flagDump, nil, eachSetting(func(s Setting) { all = append(all, s) }))
	return all, err
}

func eachSetting(f func(Setting)) func([]byte) error {
	return func(b []byte) error {
		a, err := extPolicy.parse(b)
		if err != nil || !a.has(ExtName, ExtText) {
			return fmt.Errorf("%w: setting", ErrAnswer)
		}
		f(Setting{string(a[ExtName]), string(a[ExtText])})
		return nil
	}
}

// SetSetting sets it.
func (c *Client) SetSetting(name, value string) error {
	if len(name) > maxString || len(value) > maxString {
		return named(name[:min(len(name), 64)], syscall.EINVAL)
	}
	return named(name, c.do(CmdSetSetting, flagAck, func(w *writer) {
		w.text(ExtName, name)
		w.text(ExtText, value)
	}, nil))
}
