package sched

import (
	"goipvs/packet"
)

// Table holds the services of one director, their servers, and the servers that
// were deleted but still have connections.
//
// Kernel: ip_vs_ctl.c (6.1).
type Table struct{}

// NewTable returns an empty table.
func NewTable() *Table { return &Table{} }

// AddService adds a service, in front of those it shares a bucket with.
func (t *Table) AddService(c ServiceConfig) (*Service, error) { return nil, nil }

// EditService changes all of a service but its key.
func (t *Table) EditService(c ServiceConfig) error { return nil }

// DelService deletes a service; its servers go to the trash.
func (t *Table) DelService(k ServiceKey) error { return nil }

// Flush deletes all services.
func (t *Table) Flush() {}

// AddDest adds a server to a service, or takes it back from the trash.
func (t *Table) AddDest(k ServiceKey, c DestConfig) error { return nil }

// EditDest changes a server.
func (t *Table) EditDest(k ServiceKey, c DestConfig) error { return nil }

// DelDest moves a server to the trash.
func (t *Table) DelDest(k ServiceKey, d DestKey) error { return nil }

// Lookup returns the service with exactly this key, nil if there is none.
func (t *Table) Lookup(k ServiceKey) *Service { return nil }

// Find returns the service that a packet belongs to: by its mark, its
// destination, FTP's data rule or the catch-all port; nil if none.
//
// Kernel: ip_vs_ctl.c, ip_vs_service_find (6.1).
func (t *Table) Find(f packet.Family, mark uint32, proto uint8, addr packet.Addr, port uint16) *Service {
	return nil
}

// Services returns all services in the kernel's order: by bucket of the address
// hash, newest first, then by bucket of the mark hash.
func (t *Table) Services() []*Service { return nil }

// NumServices returns how many services a family has.
func (t *Table) NumServices(f packet.Family) int { return 0 }

// Dest returns the server with a number, also from the trash; nil for 0.
func (t *Table) Dest(id uint32) *Dest { return nil }

// RealService returns the first NAT server with that address and port, nil if
// there is none.
//
// Kernel: ip_vs_ctl.c, ip_vs_find_real_service (6.1).
func (t *Table) RealService(f packet.Family, proto uint8, a packet.Addr, port uint16) *Dest {
	return nil
}

// TunnelTo returns the first tunnelled server with that address and GUE port (0
// for the other tunnel types), nil if there is none.
//
// Kernel: ip_vs_ctl.c, ip_vs_find_tunnel (6.1).
func (t *Table) TunnelTo(f packet.Family, a packet.Addr, port uint16) *Dest { return nil }
