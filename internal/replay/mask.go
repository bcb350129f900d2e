package replay

import (
	"bytes"
	"fmt"

	"goipvs/packet"
)

// firstDifference says where two frames first differ.
func firstDifference(want, got []byte) string {
	n := 0
	for n < min(len(want), len(got)) && want[n] == got[n] {
		n++
	}
	from := max(0, n-4)
	return fmt.Sprintf("first different octet %d: want …%x… got …%x… (lengths %d and %d)",
		n, upto(want, from, n+12), upto(got, from, n+12), len(want), len(got))
}

// octet is what stands for a checksum in a masked frame.
func (c check) octet() byte {
	if c == right {
		return 1
	}
	return 0
}

// quotedFragID is the identification in the IPv6 fragment header of what an ICMPv6
// error quotes.
const quotedFragID = "quoted frag.id"

// ownErrorID is the identification of what maskOwnError looks for.
const ownErrorID = "tunnelled ip.id"

// masked returns a frame with the fields zeroed that meta.json says the kernel
// fills unpredictably. A checksum that depends on one is replaced by whether it
// is right.
func masked(frame []byte, link LinkType, fields []string) []byte {
	if len(fields) == 0 {
		return frame
	}
	x := append([]byte(nil), frame...)
	b := datagram(x, link)
	d := dissect(b)
	for _, f := range fields {
		switch {
		case f == "ip.id" && d.v == 4:
			b[4], b[5] = 0, 0
			b[10], b[11] = 0, d.ip.octet()
			maskOwnError(&d)
		case f == "udp.sport" && d.kind == l4UDP:
			b[d.l4], b[d.l4+1] = 0, 0
			if d.sum != 0 {
				b[d.l4+6], b[d.l4+7] = 0, d.transport.octet()
			}
		case f == "frag.id" && d.fragment:
			clear(b[d.fragAt+4 : d.fragAt+8])
		case f == ownErrorID:
			maskOwnError(&d)
		case f == quotedFragID && d.kind == l4ICMP:
			if in := dissect(d.inner); in.fragment {
				clear(d.inner[in.fragAt+4 : in.fragAt+8])
				b[d.l4+2], b[d.l4+3] = 0, d.transport.octet()
			}
		}
	}
	return x
}

// maskOwnError zeroes the identification of an ICMP error that the director made
// and sent into one of its tunnels: it says so by its precedence, and by the time
// to live that it set out with.
func maskOwnError(d *dissection) {
	inner := d.inner
	if d.kind == l4UDP && len(d.data) > 4 && d.data[1] == packet.ProtoIPIP { // GUE
		inner = d.data[min(4+4*int(d.data[0]&0x1f), len(d.data)):]
	}
	if d.kind == l4ICMP || len(inner) < packet.SizeIPv4 {
		return
	}
	if in := dissect(inner); in.v == 4 && in.kind == l4ICMP && in.inner != nil && in.tos&0xe0 == 0xc0 && in.ttl == 63 {
		inner[4], inner[5] = 0, 0
		inner[10], inner[11] = 0, in.ip.octet()
	}
}

// Differ says where two frames first differ, but for fields that are filled
// unpredictably: "ip.id", "udp.sport", "frag.id". It returns "" if they don't.
func Differ(want, got []byte, link LinkType, fields []string) string {
	a, b := masked(want, link, fields), masked(got, link, fields)
	if bytes.Equal(a, b) {
		return ""
	}
	return firstDifference(a, b)
}
