package hooks

import (
	"goipvs/conntrack"
	"goipvs/sched"
)

// updateDefense brings the defences in line with their modes: 0 off, 3 on, 1 and
// 2 on where memory is short.
//
// Differs: memory is never short here; the connection table is bounded by its
// own size. So modes 1 and 2 stay in their quiet state.
//
// Kernel: ip_vs_ctl.c, update_defense_level (6.1).
func (d *Director) updateDefense() {
	s := &d.set
	for _, mode := range []*int{&s.DropEntry, &s.DropPacket, &s.SecureTCP} {
		if *mode == 2 {
			*mode = 1
		}
	}
	s.dropRate = 0
	if s.DropPacket == 3 {
		s.dropRate = s.AMDropRate
	}
	d.machines.SecureTCP = s.SecureTCP == 3
}

// dropEntries ends connections at random, as drop_entry wants it.
func (d *Director) dropEntries() {
	d.conns.RandomDrop(d.random, func(c *conntrack.Conn) bool {
		dest := d.table.Dest(c.DestID)
		return dest != nil && dest.Service().Flags&sched.OnePacket != 0
	})
}
