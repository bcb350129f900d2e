package packet_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

func TestAddrRoundTrip(t *testing.T) {
	for _, c := range []struct {
		text   string
		family packet.Family
	}{
		{"192.0.2.1", packet.IPv4},
		{"0.0.0.0", packet.IPv4},
		{"255.255.255.255", packet.IPv4},
		{"2001:db8::1", packet.IPv6},
		{"::", packet.IPv6},
		{"::ffff:192.0.2.1", packet.IPv6}, // stays IPv6, as on the wire
	} {
		t.Run(c.text, func(t *testing.T) {
			want := netip.MustParseAddr(c.text)
			a, f := packet.AddrFrom(want)
			if f != c.family {
				t.Errorf("family %v, want %v", f, c.family)
			}
			if got := a.Netip(f); got != want {
				t.Errorf("back as %v", got)
			}
		})
	}
}

func TestAddrValue(t *testing.T) {
	a := packet.Addr4(0xc0000201)
	if a != packettest.Addr("192.0.2.1") || a.V4() != 0xc0000201 || a.Fold() != 0xc0000201 {
		t.Errorf("192.0.2.1 is %v, %#x, %#x", a, a.V4(), a.Fold())
	}
	b := packettest.Addr("2001:db8:0:1::a:b")
	for i, want := range []uint32{0x20010db8, 0x1, 0, 0x000a000b} {
		if got := b.Word(i); got != want {
			t.Errorf("word %d of %v is %#x, want %#x", i, b, got, want)
		}
	}
	if got, want := b.Fold(), uint32(0x20010db8^1^0xa000b); got != want {
		t.Errorf("fold %#x, want %#x", got, want)
	}
}

func TestAddrKinds(t *testing.T) {
	type kinds struct{ zero, loopback, multicast, linkLocal bool }
	for _, c := range []struct {
		addr string
		want kinds
	}{
		{"0.0.0.0", kinds{zero: true}},
		{"127.0.0.1", kinds{loopback: true}},
		{"127.255.255.254", kinds{loopback: true}},
		{"126.255.255.255", kinds{}},
		{"223.255.255.255", kinds{}},
		{"224.0.0.81", kinds{multicast: true}},
		{"239.255.255.255", kinds{multicast: true}},
		{"240.0.0.1", kinds{}},
		{"::", kinds{zero: true}},
		{"::1", kinds{loopback: true}},
		{"::2", kinds{}},
		{"7f00::1", kinds{}},
		{"ff02::1", kinds{multicast: true}},
		{"fe80::1", kinds{linkLocal: true}},
		{"febf::1", kinds{linkLocal: true}},
		{"fec0::1", kinds{}},
	} {
		t.Run(c.addr, func(t *testing.T) {
			a, f := packettest.Addr(c.addr), packettest.Family(c.addr)
			got := kinds{a.IsZero(), a.IsLoopback(f), a.IsMulticast(f), f == packet.IPv6 && a.IsLinkLocal6()}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAddrMask(t *testing.T) {
	for _, c := range []struct {
		addr string
		mask uint32
		want string
	}{
		{"198.51.100.77", 0xffffffff, "198.51.100.77"},
		{"198.51.100.77", 0xffffff00, "198.51.100.0"},
		{"198.51.100.77", 0xfffffff8, "198.51.100.72"},
		{"198.51.100.77", 0, "0.0.0.0"},
		{"198.51.100.77", 0xff0000ff, "198.0.0.77"}, // any mask will do, as in the kernel
		{"2001:db8:c::abcd", 128, "2001:db8:c::abcd"},
		{"2001:db8:c::abcd", 64, "2001:db8:c::"},
		{"2001:db8:c::abcd", 121, "2001:db8:c::ab80"},
		{"2001:db8:c::abcd", 1, "::"},
		{"a001:db8:c::abcd", 1, "8000::"},
	} {
		if got, want := packettest.Addr(c.addr).Mask(packettest.Family(c.addr), c.mask), packettest.Addr(c.want); got != want {
			t.Errorf("%s by %#x: got %v, want %s", c.addr, c.mask, got.Netip(packettest.Family(c.addr)), c.want)
		}
	}
}

func TestAddrMaskIsPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a packet.Addr
		copy(a[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address"))
		n := rapid.IntRange(1, 128).Draw(t, "length")
		want := netip.PrefixFrom(a.Netip(packet.IPv6), n).Masked().Addr()
		if got := a.Mask(packet.IPv6, uint32(n)).Netip(packet.IPv6); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestNames(t *testing.T) {
	for proto, want := range map[uint8]string{
		0: "IP", 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP", 47: "IP_47", 50: "IP_50", 51: "IP_51",
	} {
		if got := packet.ProtoName(proto); got != want {
			t.Errorf("ProtoName(%d) = %q, want %q", proto, got, want)
		}
	}
	if packet.IPv4.String() != "IPv4" || packet.IPv6.String() != "IPv6" {
		t.Error("families have other names")
	}
}
