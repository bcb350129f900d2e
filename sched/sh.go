package sched

import "goipvs/packet"

const (
	shBits = 8 // Kernel: IP_VS_SH_TAB_BITS
	shSize = 1 << shBits

	hashFallback = Sched1 // sh-fallback, mh-fallback
	hashPort     = Sched2 // sh-port, mh-port
)

// sh goes by the client's address, with sh-port also by its port. Each server
// gets as many places of its table in a row as its weight says, round and round.
//
// Kernel: ip_vs_sh.c (6.1).
type sh struct {
	table [shSize]*Dest
}

func newSH(s *Service) (Scheduler, error) {
	x := &sh{}
	x.AddDest(s, nil)
	return x, nil
}

// AddDest deals the places out anew. A server of weight 0 gets one at a time,
// too.
//
// Kernel: ip_vs_sh_reassign.
func (x *sh) AddDest(s *Service, _ *Dest) {
	d := s.First()
	n := int32(0)
	for i := range x.table {
		x.table[i] = d
		if d == nil {
			continue
		}
		if n++; n >= d.Weight {
			n = 0
			if d = s.Next(d); d == nil {
				d = s.First()
			}
		}
	}
}

// DelDest is as AddDest.
func (x *sh) DelDest(s *Service, d *Dest) { x.AddDest(s, d) }

// UpdateDest is as AddDest.
func (x *sh) UpdateDest(s *Service, d *Dest) { x.AddDest(s, d) }

// Schedule returns nil for a client whose server takes no connections, or with
// sh-fallback the first that does among the places following in an order of the
// client's own.
//
// Kernel: ip_vs_sh_schedule, ip_vs_sh_get_fallback.
func (x *sh) Schedule(s *Service, r *Request) *Dest {
	addr, port := hashInput(s, r)
	first := shHash(addr, port, 0)
	d := x.table[first]
	if d == nil || !d.unavailable() {
		return d
	}
	if s.Flags&hashFallback == 0 {
		return nil
	}
	for i := range uint32(shSize) {
		if d := x.table[shHash(addr, port, (i+first)%shSize)]; !d.unavailable() {
			return d
		}
	}
	return nil
}

// hashInput returns what sh and mh hash: the client's address, and its port if
// the service says so and the protocol has ports.
//
// Kernel: ip_vs_sh_get_port, ip_vs_mh_get_port.
func hashInput(s *Service, r *Request) (packet.Addr, uint16) {
	addr, port := r.Client()
	if s.Flags&hashPort != 0 {
		switch r.Protocol {
		case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
			return addr, port
		}
	}
	return addr, 0
}

// Kernel: ip_vs_sh_hashkey.
func shHash(a packet.Addr, port uint16, offset uint32) uint32 {
	return (offset + hash32(uint32(port)+a.Fold(), shBits)) % shSize
}

func (x *sh) explain(s *Service, r *Request, e *Chosen) {
	addr, port := hashInput(s, r)
	e.hashed(addr, port)
	e.slots(x.table[:], shHash(addr, port, 0))
}
