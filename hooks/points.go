package hooks

// Point is a netfilter hook point.
type Point uint8

// The hook points that IPVS uses.
const (
	LocalIn Point = iota
	Forward
	LocalOut
)

// String returns the hook point as netfilter names it.
func (p Point) String() string { return [...]string{"LOCAL_IN", "FORWARD", "LOCAL_OUT"}[p] }

// Place is one of the six hook functions with its place among netfilter's.
type Place struct {
	Point    Point
	Priority int    // lower runs earlier
	Name     string // as here
	Kernel   string // the kernel's handler
	Purpose  string

	handler handler
}

// handler is one of the functions behind the hooks. It is a number and no
// function, so that a call through it leaves the packet's data on the stack.
type handler uint8

const (
	handleOut handler = iota
	handleIn
	handleForwardICMP
)

// Places are the hook functions in the order in which they run at each point,
// the same for both families. Everything that needs to know the hooks reads
// this table.
//
// Kernel: ip_vs_core.c, ip_vs_ops4, ip_vs_ops6 (6.1).
var Places = []Place{
	{LocalIn, 98, "Reply", "ip_vs_out_hook", "replies of remote servers to clients on this host", handleOut},
	{LocalIn, 99, "RemoteRequest", "ip_vs_in_hook", "requests of clients elsewhere, after packet filtering", handleIn},
	{LocalOut, -99, "LocalReply", "ip_vs_out_hook", "replies of servers on this host", handleOut},
	{LocalOut, -98, "LocalRequest", "ip_vs_in_hook", "requests of clients on this host", handleIn},
	{Forward, 99, "ForwardICMP", "ip_vs_forward_icmp", "ICMP errors to the servers' side of transparent services", handleForwardICMP},
	{Forward, 100, "Reply", "ip_vs_out_hook", "replies of remote servers to clients elsewhere", handleOut},
}

// placesAt are the Places of each point.
var placesAt = func() (at [LocalOut + 1][]Place) {
	for _, p := range Places {
		at[p.Point] = append(at[p.Point], p)
	}
	return at
}()
