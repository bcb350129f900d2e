package sched

// Ledger counts for all services and servers what one part of a director sees,
// in plain memory: its user sees to it that only one goroutine counts at a time.
// Nothing of it is in the Stats before Fold.
type Ledger struct {
	table *Table
	pages []*page // by the server's number
	open  uint32  // the line that was opened last
}

// page is room for pageLines servers. A ledger grows by one at a time: making
// all lines anew for more of them would keep packets waiting.
type page [pageLines]line

const pageLines = 128

// line is what a Ledger has counted for a server, its service and the total.
type line struct {
	Counters
	next uint32 // closed while there is nothing to fold, else the line opened before
}

// What a line's number can be beside a server's, which have firstLine added.
const (
	closed    = iota
	lastLine  // no other was opened before
	firstLine // the line of server 0
)

// NewLedger returns a ledger for the table's servers, those to come included.
// It belongs to the changes.
func (t *Table) NewLedger() *Ledger {
	l := &Ledger{table: t, open: lastLine}
	l.grow(len(t.dests))
	t.ledgers = append(t.ledgers, l)
	return l
}

// grow makes room for n servers, so that counting takes no memory.
func (l *Ledger) grow(n int) {
	for len(l.pages)*pageLines < n {
		l.pages = append(l.pages, new(page))
	}
}

// at returns the line of a server.
func (l *Ledger) at(id uint32) *line { return &l.pages[id/pageLines][id%pageLines] }

func (l *Ledger) line(d *Dest) *line {
	x := l.at(d.ID)
	if x.next == closed {
		x.next, l.open = l.open, d.ID+firstLine
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
	for l.open != lastLine {
		id := l.open - firstLine
		x, d := l.at(id), l.table.dests[id]
		d.Stats.Add(&x.Counters)
		d.svc.Stats.Add(&x.Counters)
		l.table.Total.Add(&x.Counters)
		l.open = x.next
		*x = line{}
	}
}

// Fold folds all ledgers: before a number gets another server, or a server
// another service, and for those who want to see what was counted by now. It is
// called while nobody counts.
func (t *Table) Fold() {
	for _, l := range t.ledgers {
		l.Fold()
	}
}
