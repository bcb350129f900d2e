package sched

// Ledger counts for all services and servers what one part of a director sees,
// in plain memory: its user sees to it that only one goroutine counts at a time.
// Nothing of it is in the Stats before Fold.
type Ledger struct {
	table *Table
	lines []line   // by the server's number
	open  []uint32 // numbers of those with something to fold
}

// line is what a Ledger has counted for a server, its service and the total.
type line struct {
	Counters
	open bool
}

// NewLedger returns a ledger for the table's servers, those to come included.
// It belongs to the changes.
func (t *Table) NewLedger() *Ledger {
	l := &Ledger{table: t}
	l.grow(len(t.dests))
	t.ledgers = append(t.ledgers, l)
	return l
}

// grow makes room for n servers, so that counting takes no memory.
func (l *Ledger) grow(n int) {
	if n > len(l.lines) {
		l.lines = append(l.lines, make([]line, n-len(l.lines))...)
		if cap(l.open) < len(l.lines) { // not for each server anew
			l.open = append(make([]uint32, 0, cap(l.lines)), l.open...)
		}
	}
}

func (l *Ledger) line(d *Dest) *line {
	x := &l.lines[d.ID]
	if !x.open {
		x.open = true
		l.open = append(l.open, d.ID)
	}
	return x
}

// In counts a packet of n octets to a server,
func (l *Ledger) In(d *Dest, n int) {
	x := l.line(d)
	x.InPkts++
	x.InBytes += uint64(n)
}

// Out a packet of n octets from a server,
func (l *Ledger) Out(d *Dest, n int) {
	x := l.line(d)
	x.OutPkts++
	x.OutBytes += uint64(n)
}

// Conn a connection of a service to a server. The server may by now belong to
// another service: a template of one that shares its key chose it.
func (l *Ledger) Conn(d *Dest, s *Service) {
	l.line(d).Conns++
	if d.svc != s {
		s.Stats.Add(&Counters{Conns: 1})
		d.svc.Stats.Add(&Counters{Conns: ^uint64(0)}) // Fold will count it there
	}
}

// Fold moves what was counted to the Stats of servers, services and total. It
// needs what counting needs, and that the table doesn't change.
func (l *Ledger) Fold() {
	for _, id := range l.open {
		x, d := &l.lines[id], l.table.dests[id]
		d.Stats.Add(&x.Counters)
		d.svc.Stats.Add(&x.Counters)
		l.table.Total.Add(&x.Counters)
		*x = line{}
	}
	l.open = l.open[:0]
}

// Fold folds all ledgers: before a number gets another server, or a server
// another service, and for those who want to see what was counted by now. It is
// called while nobody counts.
func (t *Table) Fold() {
	for _, l := range t.ledgers {
		l.Fold()
	}
}
