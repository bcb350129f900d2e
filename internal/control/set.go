package control

import (
	"encoding/binary"
	"syscall"
	"time"

	"goipvs/conntrack"
	"goipvs/packet"
	"goipvs/sched"
)

// set carries out the commands that change something, with the kernel's checks
// in the kernel's order.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_set_cmd (6.1).
func (e *Engine) set(r *request, a attrs) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case r.cmd == CmdFlush:
		e.b.Flush()
		return nil
	case r.cmd == CmdSetConfig:
		return e.setConfig(a)
	case r.cmd == CmdZero && !a.has(CmdAttrService):
		e.b.ZeroAll()
		return nil
	}
	full := r.cmd == CmdNewService || r.cmd == CmdSetService
	svc, there, err := e.parseService(a[CmdAttrService], full)
	if err != nil {
		return err
	}
	if !there && r.cmd != CmdNewService {
		return syscall.ESRCH
	}
	var dest sched.DestConfig
	switch r.cmd {
	case CmdNewDest, CmdSetDest, CmdDelDest:
		if dest, err = parseDest(a[CmdAttrDest], svc.Family, r.cmd != CmdDelDest); err != nil {
			return err
		}
		if dest.Family != svc.Family && r.cmd != CmdDelDest && dest.Forward != sched.Tunnel {
			return syscall.EINVAL
		}
	}
	switch r.cmd {
	case CmdNewService:
		if there {
			return syscall.EEXIST
		}
		return e.b.AddService(svc)
	case CmdSetService:
		return e.b.EditService(svc)
	case CmdDelService:
		return e.b.DelService(svc.ServiceKey)
	case CmdNewDest:
		return e.b.AddDest(svc.ServiceKey, dest)
	case CmdSetDest:
		return e.b.EditDest(svc.ServiceKey, dest)
	case CmdDelDest:
		return e.b.DelDest(svc.ServiceKey, dest.DestKey)
	}
	return e.b.Zero(svc.ServiceKey)
}

// parseFamily maps the kernel's number of an address family.
//
// Kernel: ip_vs_ctl.c, ip_vs_is_af_valid (6.1).
func parseFamily(af uint16) (packet.Family, error) {
	switch af {
	case afINET:
		return packet.IPv4, nil
	case afINET6:
		return packet.IPv6, nil
	}
	return 0, syscall.EAFNOSUPPORT
}

// parseService reads a service's attributes: its key, and all of it if full is
// set. It reports whether there is such a service; flags that the message's
// mask leaves out are then taken from it.
//
// Differs: protocols above 255 are EINVAL; the kernel keeps 16 bits.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_parse_service (6.1).
func (e *Engine) parseService(b []byte, full bool) (c sched.ServiceConfig, there bool, err error) {
	if b == nil {
		return c, false, syscall.EINVAL
	}
	a, err := svcPolicy.parse(b)
	if err != nil {
		return c, false, syscall.EINVAL
	}
	if c.ServiceKey, err = parseServiceKey(a); err != nil {
		return c, false, err
	}
	if c.FWMark == 0 && a.has(SvcAttrFWMark) {
		c.ServiceKey = sched.ServiceKey{Family: c.Family, Protocol: packet.ProtoTCP}
	}
	var old sched.ServiceFlags
	e.b.View(func(t *sched.Table) {
		if s := t.Lookup(c.ServiceKey); s != nil {
			there, old = true, s.Flags
		}
	})
	if !full {
		return c, there, nil
	}
	if !a.has(SvcAttrSchedName, SvcAttrFlags, SvcAttrTimeout, SvcAttrNetmask) {
		return c, there, syscall.EINVAL
	}
	var flags [8]byte
	copy(flags[:], a[SvcAttrFlags])
	mask := ne.Uint32(flags[4:])
	c.Flags = old&^sched.ServiceFlags(mask) | sched.ServiceFlags(ne.Uint32(flags[:])&mask)
	c.Scheduler = a.str(SvcAttrSchedName)
	c.PE = a.str(SvcAttrPEName)
	// The kernel keeps jiffies in 32 bits.
	c.Timeout = a.u32(SvcAttrTimeout) * hz / hz
	if c.Family == packet.IPv6 {
		c.Netmask = a.u32(SvcAttrNetmask)
	} else {
		c.Netmask = binary.BigEndian.Uint32(a[SvcAttrNetmask])
	}
	return c, there, nil
}

// parseServiceKey reads a service's key of its attributes.
func parseServiceKey(a attrs) (k sched.ServiceKey, err error) {
	if !a.has(SvcAttrAF) || !a.has(SvcAttrFWMark) && !a.has(SvcAttrProtocol, SvcAttrAddr, SvcAttrPort) {
		return k, syscall.EINVAL
	}
	if k.Family, err = parseFamily(a.u16(SvcAttrAF)); err != nil {
		return k, err
	}
	if a.has(SvcAttrFWMark) {
		k.FWMark = a.u32(SvcAttrFWMark)
		return k, nil
	}
	p := a.u16(SvcAttrProtocol)
	if p > 255 {
		return k, syscall.EINVAL
	}
	k.Protocol = uint8(p)
	k.Addr = a.addr(SvcAttrAddr, k.Family)
	k.Port = a.be16(SvcAttrPort)
	return k, nil
}

const hz = uint32(conntrack.HZ)

// parseDest reads a server's attributes: its key, and all of it if full is set.
// Its family is the service's unless the message says otherwise.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_parse_dest, ip_vs_genl_set_cmd (6.1).
func parseDest(b []byte, of packet.Family, full bool) (c sched.DestConfig, err error) {
	if b == nil {
		return c, syscall.EINVAL
	}
	a, err := destPolicy.parse(b)
	if err != nil || !a.has(DestAttrAddr, DestAttrPort) {
		return c, syscall.EINVAL
	}
	if full {
		if !a.has(DestAttrFwdMethod, DestAttrWeight, DestAttrUThresh, DestAttrLThresh) {
			return c, syscall.EINVAL
		}
		c.Forward = sched.Forward(a.u32(DestAttrFwdMethod) & fwdMask)
		c.Weight = int32(a.u32(DestAttrWeight))
		c.Upper = a.u32(DestAttrUThresh)
		c.Lower = a.u32(DestAttrLThresh)
		if a.has(DestAttrTunType) {
			c.TunType = sched.TunType(a.u8(DestAttrTunType))
		}
		if a.has(DestAttrTunPort) {
			c.TunPort = a.be16(DestAttrTunPort)
		}
		if a.has(DestAttrTunFlags) {
			c.TunFlags = sched.TunFlags(a.u16(DestAttrTunFlags))
		}
	}
	c.Family = of
	if a.has(DestAttrAddrFamily) && a.u16(DestAttrAddrFamily) != 0 {
		if c.Family, err = parseFamily(a.u16(DestAttrAddrFamily)); err != nil {
			return c, err
		}
	}
	c.Addr = a.addr(DestAttrAddr, c.Family)
	c.Port = a.be16(DestAttrPort)
	return c, nil
}

// setConfig sets the timeouts that the message has.
//
// Kernel: ip_vs_ctl.c, ip_vs_genl_set_config, ip_vs_set_timeout (6.1).
func (e *Engine) setConfig(a attrs) error {
	var t [3]time.Duration
	for i := range t {
		if a.has(CmdAttrTimeoutTCP + i) {
			t[i] = time.Duration(int32(a.u32(CmdAttrTimeoutTCP+i))) * time.Second
		}
	}
	return e.b.SetTimeouts(t[0], t[1], t[2])
}
