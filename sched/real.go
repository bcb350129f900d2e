package sched

import "goipvs/packet"

// hostKey is what real servers are found by.
type hostKey struct {
	addr   packet.Addr
	family packet.Family
}

// RealService returns the first NAT server with that address and port, the one
// that took its place last; nil if there is none. Servers of firewall-mark
// services have any protocol.
//
// Kernel: ip_vs_ctl.c, ip_vs_find_real_service (6.1).
func (t *Table) RealService(f packet.Family, proto uint8, a packet.Addr, port uint16) *Dest {
	for d := t.real[hostKey{a, f}].first(); d != nil; d = d.realOlder {
		if d.Port == port && d.Forward == Masq && (d.Protocol == proto || d.VFWMark != 0) {
			return d
		}
	}
	return nil
}

// TunnelTo returns the first tunnelled server with that address and GUE port (0
// for the other tunnel types), nil if there is none. The server's tunnel type
// may be another than the caller has in mind.
//
// Kernel: ip_vs_ctl.c, ip_vs_find_tunnel (6.1).
func (t *Table) TunnelTo(f packet.Family, a packet.Addr, port uint16) *Dest {
	for d := t.real[hostKey{a, f}].first(); d != nil; d = d.realOlder {
		if d.TunPort != port || d.Forward != Tunnel {
			continue
		}
		if kept, _ := d.realPort(); portBits(kept) == portBits(port) {
			return d
		}
	}
	return nil
}

// realPort is the port by which a server is kept in the table of real servers,
// if it is.
//
// Kernel: ip_vs_ctl.c, ip_vs_rs_hash (6.1).
func (d *Dest) realPort() (port uint16, ok bool) {
	switch d.Forward {
	case Masq:
		return d.Port, true
	case Tunnel:
		switch d.TunType {
		case TunGUE:
			return d.TunPort, true
		case TunIPIP, TunGRE:
			return 0, true
		}
	}
	return 0, false
}

// portBits is the port's part in the kernel's hash of real servers. It matters
// for a tunnel that has a port without being GUE: such a server is kept by port
// 0 but compared by its own, so that it is found only where the two share a
// bucket.
//
// Kernel: ip_vs_ctl.c, ip_vs_rs_hashkey (6.1).
func portBits(port uint16) uint16 { return (port>>4 ^ port) & 15 }

// realList are the servers with an address. One host may serve thousands of
// services, so they are linked.
type realList struct{ newest *Dest }

// first returns the one that took its place last.
func (l *realList) first() *Dest {
	if l == nil {
		return nil
	}
	return l.newest
}

func (t *Table) hashReal(d *Dest) {
	if _, ok := d.realPort(); !ok || d.hashedReal {
		return
	}
	k := hostKey{d.Addr, d.Family}
	l := t.real[k]
	if l == nil {
		l = &realList{}
		t.real[k] = l
	}
	if d.realOlder = l.newest; l.newest != nil {
		l.newest.realNewer = d
	}
	l.newest = d
	d.hashedReal = true
}

func (t *Table) unhashReal(d *Dest) {
	if !d.hashedReal {
		return
	}
	k := hostKey{d.Addr, d.Family}
	l := t.real[k]
	if d.realOlder != nil {
		d.realOlder.realNewer = d.realNewer
	}
	if d.realNewer != nil {
		d.realNewer.realOlder = d.realOlder
	} else if l.newest = d.realOlder; l.newest == nil {
		delete(t.real, k)
	}
	d.realOlder, d.realNewer = nil, nil
	d.hashedReal = false
}
