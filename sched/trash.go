package sched

import (
	"slices"
	"time"

	"goipvs/packet"
)

// trashPeriod is how long a deleted server is kept after it was first seen
// without connections; it is looked after in intervals of half of it.
//
// Kernel: include/net/ip_vs.h, IP_VS_DEST_TRASH_PERIOD (6.1).
const trashPeriod = 120 * time.Second

// trash are the servers that were deleted but may still have connections, in
// order, and by what they are looked for: many may lie here after a flush.
type trash struct {
	oldest, newest *Dest
	byKey          map[trashKey][]*Dest // each list newest last
}

// trashKey is what a server is taken back by, but for the address of a service of
// IPv6, of which it has a part.
type trashKey struct {
	dest     DestKey
	mark     uint32
	protocol uint8
	vaddr    uint32 // of marks 0, as the port
	vport    uint16
}

func trashKeyOf(k DestKey, mark uint32, protocol uint8, vaddr packet.Addr, vport uint16) trashKey {
	if mark != 0 {
		return trashKey{dest: k, mark: mark, protocol: protocol}
	}
	return trashKey{k, 0, protocol, vaddr.V4(), vport}
}

func (d *Dest) trashKey() trashKey {
	return trashKeyOf(d.DestKey, d.VFWMark, d.Protocol, d.VAddr, d.VPort)
}

// put makes d the newest.
func (t *trash) put(d *Dest) {
	d.older, d.newer = t.newest, nil
	if t.newest == nil {
		t.oldest = d
	} else {
		t.newest.newer = d
	}
	t.newest = d
	k := d.trashKey()
	t.byKey[k] = append(t.byKey[k], d)
}

// take takes d out.
func (t *trash) take(d *Dest) {
	if d.older == nil {
		t.oldest = d.newer
	} else {
		d.older.newer = d.newer
	}
	if d.newer == nil {
		t.newest = d.older
	} else {
		d.newer.older = d.older
	}
	d.older, d.newer = nil, nil
	k := d.trashKey()
	list := t.byKey[k]
	i := slices.Index(list, d)
	if list = slices.Delete(list, i, i+1); len(list) == 0 {
		delete(t.byKey, k)
	} else {
		t.byKey[k] = list
	}
}

// discard puts a server that was unlinked from its service into the trash.
//
// Kernel: ip_vs_ctl.c, __ip_vs_del_dest (6.1).
func (t *Table) discard(d *Dest) {
	t.unhashReal(d)
	if t.trash.newest == nil {
		t.trashDue = t.now + trashPeriod/2
	}
	t.trash.put(d)
	t.deleted++
	d.idle = false
}

// Deleted returns how many servers were deleted so far, those with their service
// included.
func (t *Table) Deleted() uint64 { return t.deleted }

// recover takes a server out of the trash that belonged to a service like s,
// nil if there is none.
//
// Kernel: ip_vs_ctl.c, ip_vs_trash_get_dest (6.1).
func (t *Table) recover(s *Service, k DestKey) *Dest {
	for _, d := range slices.Backward(t.trash.byKey[trashKeyOf(k, s.FWMark, s.Protocol, s.Addr, s.Port)]) {
		if s.FWMark != 0 || equalAddr(s.Family, d.VAddr, s.Addr) {
			t.trash.take(d)
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
	for d := t.trash.oldest; d != nil; {
		next := d.newer
		switch {
		case d.refs.Load() > 0:
		case !d.idle:
			d.idle, d.idleSince = true, now
		case now >= d.idleSince+trashPeriod:
			t.Fold()
			t.trash.take(d)
			t.dests[d.ID] = nil
			t.free = append(t.free, d.ID)
		}
		d = next
	}
	t.trashDue = never
	if t.trash.newest != nil {
		t.trashDue = now + trashPeriod/2
	}
}

// Trash calls f for each server in the trash, newest first.
func (t *Table) Trash(f func(*Dest)) {
	for d := t.trash.newest; d != nil; d = d.older {
		f(d)
	}
}
