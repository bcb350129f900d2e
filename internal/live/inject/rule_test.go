package inject_test

import (
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// markedToNowhere adds a routing rule that sends what has a mark, whatever else
// is in it, to a table without a way out.
func markedToNowhere(mark uint32) error {
	const table = 100
	r := netlink.NewRule()
	r.Family, r.Mark, r.Mask, r.Table = unix.AF_INET, mark, &mark, table
	if err := netlink.RuleAdd(r); err != nil {
		return err
	}
	dst, err := netlink.ParseIPNet("0.0.0.0/0")
	if err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{Dst: dst, Type: unix.RTN_BLACKHOLE, Table: table, Family: unix.AF_INET})
}
