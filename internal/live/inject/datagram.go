package inject

import "goipvs/packet"

// Datagram is what to send.
type Datagram struct {
	Family  packet.Family
	Data    []byte // from its IP header on
	To      packet.Addr
	OutIf   int         // interface to leave by, where To is a neighbour there; 0: as routed
	MTU     int         // more than that is cut into fragments, a super-packet into segments; 0: nothing is cut
	DF      bool        // fragments keep DF
	Ours    bool        // IPVS is done with it: no queue takes it again
	Mark    uint32      // the user's mark
	Link    int         // interface that the route leaves by, and
	Hop     packet.Addr // its next hop: for the packet socket
	Partial int         // where a transport header starts whose checksum is that of the pseudo header alone; 0: it is complete
	Check   int         // with Partial: where in that header the checksum stands
	Super   bool        // a super-packet of TCP, in a tunnel or not
}

// whole reports whether d goes as it is: it fits, or is a super-packet, whose
// segments do.
func (d *Datagram) whole() bool { return d.MTU == 0 || d.Super || len(d.Data) <= d.MTU }

// complete finishes d's checksum.
func (d *Datagram) complete() {
	if d.Partial == 0 {
		return
	}
	b := d.Data[d.Partial:]
	sum := packet.Fold(packet.Sum(b, 0))
	if sum == 0 {
		sum = 0xffff
	}
	put16(b[d.Check:], sum)
	d.Partial = 0
}
