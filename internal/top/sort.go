package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"goipvs/internal/control"
	"goipvs/sched"
)

// Order is what services, and the servers of each, are sorted by.
type Order uint8

// The orders.
const (
	Listed  Order = iota // as ipvsadm -L lists them
	Conns                // most new connections a second first,
	Packets              // most packets a second in both directions,
	Octets               // most octets,
	Active               // most active connections
	orders
)

var orderNames = [orders]string{"listed", "conns", "packets", "octets", "active"}

// String names an order.
func (o Order) String() string { return orderNames[o] }

// Set takes an order's name.
func (o *Order) Set(name string) error {
	i := slices.Index(orderNames[:], name)
	if i < 0 {
		return fmt.Errorf("none of %s", strings.Join(orderNames[:], ", "))
	}
	*o = Order(i)
	return nil
}

// Type says what an order is given as.
func (*Order) Type() string { return "name" }

// by returns what rates, and a number of active connections, count for in an
// order.
func (o Order) by(r *sched.Counters, active uint64) uint64 {
	switch o {
	case Conns:
		return r.Conns
	case Packets:
		return r.InPkts + r.OutPkts
	case Octets:
		return r.InBytes + r.OutBytes
	case Active:
		return active
	}
	return 0
}

// active is how many active connections a service has.
func (s *Service) active() (n uint64) {
	for i := range s.Dests {
		n += uint64(s.Dests[i].Active)
	}
	return n
}

// sort sorts a sample's services and their servers; those that count the same
// stay as they are.
func (s *Sample) sort(o Order) {
	slices.SortStableFunc(s.Services, func(a, b Service) int {
		return cmp.Compare(o.by(&b.Rates, b.active()), o.by(&a.Rates, a.active()))
	})
	for _, v := range s.Services {
		slices.SortStableFunc(v.Dests, func(a, b control.Dest) int {
			return cmp.Compare(o.by(&b.Rates, uint64(b.Active)), o.by(&a.Rates, uint64(a.Active)))
		})
	}
}
