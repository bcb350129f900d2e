package sched

import (
	"slices"
	"time"
)

// trashPeriod is how long a deleted server is kept after it was first seen
// without connections; it is looked after in intervals of half of it.
//
// Kernel: include/net/ip_vs.h, IP_VS_DEST_TRASH_PERIOD (6.1).
const trashPeriod = 120 * time.Second

// discard puts a server that was unlinked from its service into the trash.
//
// Kernel: ip_vs_ctl.c, __ip_vs_del_dest (6.1).
func (t *Table) discard(d *Dest) {
	t.unhashReal(d)
	if len(t.trash) == 0 {
		t.trashDue = t.now + trashPeriod/2
	}
	t.trash = append(t.trash, d)
	d.idle = false
}

// recover takes a server out of the trash that belonged to a service like s,
// nil if there is none.
//
// Kernel: ip_vs_ctl.c, ip_vs_trash_get_dest (6.1).
func (t *Table) recover(s *Service, k DestKey) *Dest {
	for i, d := range slices.Backward(t.trash) {
		if d.DestKey == k && d.VFWMark == s.FWMark && d.Protocol == s.Protocol &&
			(s.FWMark != 0 || equalAddr(s.Family, d.VAddr, s.Addr) && d.VPort == s.Port) {
			t.trash = slices.Delete(t.trash, i, i+1)
			return d
		}
	}
	return nil
}

// expireTrash frees the servers in the trash that nothing refers to and that
// were seen so a trashPeriod ago.
//
// Kernel: ip_vs_ctl.c, ip_vs_dest_trash_expire (6.1).
func (t *Table) expireTrash(now time.Duration) {
	t.trash = slices.DeleteFunc(t.trash, func(d *Dest) bool {
		switch {
		case d.refs.Load() > 0:
			return false
		case !d.idle:
			d.idle, d.idleSince = true, now
			return false
		case now < d.idleSince+trashPeriod:
			return false
		}
		t.Fold()
		t.dests[d.ID] = nil
		t.free = append(t.free, d.ID)
		return true
	})
	t.trashDue = never
	if len(t.trash) > 0 {
		t.trashDue = now + trashPeriod/2
	}
}

// Trash calls f for each server in the trash, newest first.
func (t *Table) Trash(f func(*Dest)) {
	for _, d := range slices.Backward(t.trash) {
		f(d)
	}
}
