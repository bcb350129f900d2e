package packet_test

import (
	"testing"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

// FuzzParseHeader: any octets give a header whose places make sense, or none.
func FuzzParseHeader(f *testing.F) {
	f.Add(ip4.TCP(1, 2, packettest.SYN, nil), 0)
	f.Add(ip4.ICMP(3, 3, 0, ip4.UDP(1, 2, nil)), 28)
	f.Add(with(packettest.Ext{Type: hopByHop}, packettest.FragmentHeader(0, true, 1)).UDP(1, 2, nil), 0)
	f.Add(with(packettest.FragmentHeader(8, false, 1)).UDP(1, 2, nil), 0)
	f.Add(with(packettest.Ext{Type: ah}, packettest.Ext{Type: routing}).SCTP(1, 2), 0)
	f.Add(ip6.ICMP(1, 4, 0, ip6.UDP(1, 2, nil)), 48)
	f.Fuzz(func(t *testing.T, b []byte, off int) {
		if off < 0 || off > len(b) {
			off = 0
		}
		for _, fam := range []packet.Family{packet.IPv4, packet.IPv6} {
			var h packet.Header
			ok := packet.ParseHeader(fam, b, off, &h)
			if h.Off != off || h.Family != fam {
				t.Fatalf("at %d of family %v: %+v", off, fam, h)
			}
			if !ok {
				continue
			}
			switch {
			case fam == packet.IPv4:
				if len(b) < off+packet.SizeIPv4 || h.Len < off || h.Len > off+60 || h.Fragment || h.FragOff != 0 {
					t.Fatalf("%d octets: %+v", len(b), h)
				}
			case h.FragOff != 0:
				if h.Len != off || !h.Fragment || h.FragOff%8 != 0 {
					t.Fatalf("%d octets: later fragment %+v", len(b), h)
				}
			default:
				if h.Len < off+packet.SizeIPv6 || h.Len > len(b) {
					t.Fatalf("%d octets: %+v", len(b), h)
				}
			}
			if _, _, ok := h.Ports(b); ok != (len(b) >= h.Len+4) {
				t.Fatalf("%d octets: ports %v of %+v", len(b), ok, h)
			}
		}
	})
}
