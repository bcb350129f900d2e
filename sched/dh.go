package sched

import "goipvs/packet"

const (
	dhBits = 8 // Kernel: IP_VS_DH_TAB_BITS
	dhSize = 1 << dhBits
)

// dh goes by the packet's destination address: for caches before a firewall
// mark. The places of its table go to the servers in turn, whatever their
// weight. A server that takes no connections is not replaced.
//
// Kernel: ip_vs_dh.c (6.1).
type dh struct {
	table [dhSize]*Dest
}

func newDH(s *Service) (Scheduler, error) {
	x := &dh{}
	x.AddDest(s, nil)
	return x, nil
}

// AddDest deals the places out anew.
//
// Kernel: ip_vs_dh_reassign.
func (x *dh) AddDest(s *Service, _ *Dest) {
	d := s.First()
	for i := range x.table {
		x.table[i] = d
		if d == nil {
			continue
		}
		if d = s.Next(d); d == nil {
			d = s.First()
		}
	}
}

// DelDest is as AddDest.
func (x *dh) DelDest(s *Service, d *Dest) { x.AddDest(s, d) }

// UpdateDest changes nothing.
func (x *dh) UpdateDest(*Service, *Dest) {}

// Schedule takes the destination as the header has it, also that of a packet
// quoted by an ICMP error.
//
// Kernel: ip_vs_dh_schedule.
func (x *dh) Schedule(s *Service, r *Request) *Dest {
	d := x.table[dhHash(r.Dst)]
	if d == nil || d.unavailable() {
		return nil
	}
	return d
}

// unavailable reports whether a server found in a hash table takes no new
// connections.
//
// Kernel: ip_vs_sh.c, ip_vs_mh.c, is_unavailable (6.1).
func (d *Dest) unavailable() bool { return d.Weight <= 0 || d.Overloaded() }

// Kernel: ip_vs_dh_hashkey.
func dhHash(a packet.Addr) uint32 { return hash32(a.Fold(), dhBits) }

func (x *dh) explain(s *Service, r *Request, e *Chosen) {
	e.addr("destination", r.Dst)
	e.slots(x.table[:], dhHash(r.Dst))
}
