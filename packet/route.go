package packet

// Route is where a packet goes next. Routes are shared; only who made one
// changes it, as when its path's MTU is learnt.
//
// Kernel: struct rtable, struct rt6_info.
type Route struct {
	Family  Family
	Local   bool   // to this host (RTCF_LOCAL)
	Input   bool   // found for a packet that arrived (rt_is_input_route)
	OutIf   int    // interface index
	MTU     int    // of the path, in octets (dst_mtu)
	NextHop Addr   // the neighbour to send to; zero: the packet's own destination
	Src     Addr   // source address that a packet of this host would get
	Gen     uint32 // the routing tables' generation that it was found in
}
