package control

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"goipvs/packet"
	"goipvs/sched"
)

// Service is a virtual service as it is.
type Service struct {
	sched.ServiceConfig
	Stats, Rates sched.Counters
}

// Dest is a real server as it is.
type Dest struct {
	sched.DestConfig
	Active, Inactive, Persist uint32 // connections
	Stats, Rates              sched.Counters
}

// Services returns all services in the kernel's order.
func (c *Client) Services() (all []Service, err error) {
	err = c.do(CmdGetService, flagDump, nil, func(b []byte) error {
		s, err := decodeService(b)
		all = append(all, s)
		return err
	})
	return all, err
}

// Service returns one service.
func (c *Client) Service(k sched.ServiceKey) (s Service, err error) {
	err = c.do(CmdGetService, flagAck, func(w *writer) { w.key(k) }, func(b []byte) (err error) {
		s, err = decodeService(b)
		return err
	})
	return s, named(k, err)
}

// Dests returns the servers of a service, newest first; none, without an
// error, for a service that isn't there.
func (c *Client) Dests(k sched.ServiceKey) (all []Dest, err error) {
	err = c.do(CmdGetDest, flagDump, func(w *writer) { w.key(k) }, func(b []byte) error {
		d, err := decodeDest(b, k.Family)
		all = append(all, d)
		return err
	})
	return all, named(k, err)
}

// Daemon is a sync daemon.
type Daemon struct {
	State     uint32 // 1 master, 2 backup
	Interface string // for multicast
	SyncID    uint32 // 0..255
	MaxLen    uint16 // of messages, in octets; 0: not told
	Group     netip.Addr
	Port      uint16 // 0: not told
	TTL       uint8  // 0: not told
}

// Daemons returns the sync daemons that run.
func (c *Client) Daemons() (all []Daemon, err error) {
	err = c.do(CmdGetDaemon, flagDump, nil, func(b []byte) error {
		a, err := cmdPolicy.parse(b)
		if err != nil || !a.has(CmdAttrDaemon) {
			return fmt.Errorf("%w: sync daemon", ErrAnswer)
		}
		d, err := decodeDaemon(a[CmdAttrDaemon])
		all = append(all, d)
		return err
	})
	return all, err
}

func decodeDaemon(b []byte) (d Daemon, err error) {
	a, err := daemonPolicy.parse(b)
	if err != nil || !a.has(DaemonAttrState, DaemonAttrMcastIfn, DaemonAttrSyncID) {
		return d, fmt.Errorf("%w: sync daemon", ErrAnswer)
	}
	d = Daemon{State: a.u32(DaemonAttrState), Interface: a.str(DaemonAttrMcastIfn), SyncID: a.u32(DaemonAttrSyncID)}
	if a.has(DaemonAttrSyncMaxlen) {
		d.MaxLen = a.u16(DaemonAttrSyncMaxlen)
	}
	if a.has(DaemonAttrMcastGroup) {
		d.Group = a.addr(DaemonAttrMcastGroup, packet.IPv4).Netip(packet.IPv4)
	} else if a.has(DaemonAttrMcastGroup6) {
		d.Group = a.addr(DaemonAttrMcastGroup6, packet.IPv6).Netip(packet.IPv6)
	}
	if a.has(DaemonAttrMcastPort) {
		d.Port = a.u16(DaemonAttrMcastPort)
	}
	if a.has(DaemonAttrMcastTTL) {
		d.TTL = a.u8(DaemonAttrMcastTTL)
	}
	return d, nil
}

// StartDaemon starts a sync daemon.
func (c *Client) StartDaemon(d Daemon) error { return c.daemon(CmdNewDaemon, d) }

// StopDaemon stops it; only State counts.
func (c *Client) StopDaemon(d Daemon) error { return c.daemon(CmdDelDaemon, d) }

func (c *Client) daemon(cmd uint8, d Daemon) error {
	return c.do(cmd, flagAck, func(w *writer) { w.daemon(&d) }, nil)
}

// daemon writes a sync daemon's attributes.
func (w *writer) daemon(d *Daemon) {
	n := w.nest(CmdAttrDaemon)
	w.u32(DaemonAttrState, d.State)
	w.str(DaemonAttrMcastIfn, d.Interface[:min(len(d.Interface), maxString)])
	w.u32(DaemonAttrSyncID, d.SyncID)
	if d.MaxLen != 0 {
		w.u16(DaemonAttrSyncMaxlen, d.MaxLen)
	}
	if d.Port != 0 {
		w.u16(DaemonAttrMcastPort, d.Port)
	}
	if d.TTL != 0 {
		w.u8(DaemonAttrMcastTTL, d.TTL)
	}
	switch {
	case d.Group.Is6():
		w.bytes(DaemonAttrMcastGroup6, d.Group.AsSlice())
	case d.Group.Is4():
		w.bytes(DaemonAttrMcastGroup, d.Group.AsSlice())
	}
	w.endNest(n)
}

var (
	errService = fmt.Errorf("%w: service", ErrAnswer)
	errDest    = fmt.Errorf("%w: server", ErrAnswer)
)

// decodeService reads a service as writer.service writes it, or a kernel.
func decodeService(b []byte) (s Service, err error) {
	a, err := cmdPolicy.parse(b)
	if err != nil || !a.has(CmdAttrService) {
		return s, errService
	}
	a, err = svcPolicy.parse(a[CmdAttrService])
	if err != nil || !a.has(SvcAttrAF, SvcAttrSchedName, SvcAttrFlags, SvcAttrTimeout, SvcAttrNetmask) ||
		!a.has(SvcAttrFWMark) && !a.has(SvcAttrProtocol, SvcAttrAddr, SvcAttrPort) || len(a[SvcAttrFlags]) < 8 {
		return s, errService
	}
	if s.Family, err = parseFamily(a.u16(SvcAttrAF)); err != nil {
		return s, errService
	}
	if a.has(SvcAttrFWMark) {
		s.FWMark = a.u32(SvcAttrFWMark)
	} else {
		s.Protocol = uint8(a.u16(SvcAttrProtocol))
		s.Addr = a.addr(SvcAttrAddr, s.Family)
		s.Port = a.be16(SvcAttrPort)
	}
	s.Scheduler, s.PE = a.str(SvcAttrSchedName), a.str(SvcAttrPEName)
	s.Flags = sched.ServiceFlags(a.u32(SvcAttrFlags)) &^ svcHashed
	s.Timeout = a.u32(SvcAttrTimeout)
	if s.Family == packet.IPv6 {
		s.Netmask = a.u32(SvcAttrNetmask)
	} else {
		s.Netmask = binary.BigEndian.Uint32(a[SvcAttrNetmask])
	}
	s.Stats, s.Rates, err = decodeStats(a[SvcAttrStats], a[SvcAttrStats64])
	return s, err
}

// decodeDest reads a server of a service of family f.
func decodeDest(b []byte, f packet.Family) (d Dest, err error) {
	a, err := cmdPolicy.parse(b)
	if err != nil || !a.has(CmdAttrDest) {
		return d, errDest
	}
	if d.DestConfig, err = parseDest(a[CmdAttrDest], f, true); err != nil {
		return d, errDest
	}
	a, err = destPolicy.parse(a[CmdAttrDest])
	if err != nil || !a.has(DestAttrActiveConns, DestAttrInactConns, DestAttrPersistConns) {
		return d, errDest
	}
	d.Active, d.Inactive, d.Persist = a.u32(DestAttrActiveConns), a.u32(DestAttrInactConns), a.u32(DestAttrPersistConns)
	d.Stats, d.Rates, err = decodeStats(a[DestAttrStats], a[DestAttrStats64])
	return d, err
}

// decodeStats reads statistics, those in 64 bits if they are there.
func decodeStats(b32, b64 []byte) (total, rate sched.Counters, err error) {
	to := []*uint64{
		&total.Conns, &total.InPkts, &total.OutPkts, &total.InBytes, &total.OutBytes,
		&rate.Conns, &rate.InPkts, &rate.OutPkts, &rate.InBytes, &rate.OutBytes,
	}
	b := b64
	if b == nil {
		b = b32
	}
	if b == nil {
		return total, rate, nil
	}
	a, err := statsPolicy.parse(b)
	if err != nil {
		return total, rate, fmt.Errorf("%w: statistics", ErrAnswer)
	}
	for i, p := range to {
		v := a[StatsAttrConns+i]
		switch {
		case len(v) >= 8:
			*p = ne.Uint64(v)
		case len(v) >= 4:
			*p = uint64(ne.Uint32(v))
		default:
			return total, rate, fmt.Errorf("%w: statistics", ErrAnswer)
		}
	}
	return total, rate, nil
}
