package packet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/internal/packettest"
	"goipvs/packet"
)

const (
	client4, vip4 = "198.51.100.1", "203.0.113.10"
	client6, vip6 = "2001:db8:c::1", "2001:db8:f::10"

	hopByHop, routing, destOpts, noNext, ah = 0, 43, 60, 59, 51
)

var (
	ip4 = packettest.IP{Src: client4, Dst: vip4}
	ip6 = packettest.IP{Src: client6, Dst: vip6}
)

func with(e ...packettest.Ext) packettest.IP {
	h := ip6
	h.Ext = e
	return h
}

func TestParseHeader(t *testing.T) {
	options := ip4
	options.Options = []byte{1, 1, 1, 0}
	tcp4 := ip4.TCP(1024, 80, packettest.SYN, nil)
	tcp6 := ip6.TCP(1024, 80, packettest.SYN, nil)
	for _, c := range []struct {
		name string
		b    []byte
		bad  bool
		want packet.Header // but for family, offset and addresses
	}{
		{name: "v4", b: tcp4, want: packet.Header{Protocol: 6, Len: 20}},
		{name: "v4 options", b: options.TCP(1024, 80, packettest.SYN, nil), want: packet.Header{Protocol: 6, Len: 24}},
		{name: "v4 header only", b: tcp4[:20], want: packet.Header{Protocol: 6, Len: 20}},
		{name: "v4 cut off", b: tcp4[:19], bad: true},
		{name: "v4 nothing", b: nil, bad: true},
		// Not checked here, as in the kernel: receipt did it.
		{name: "v4 header length of none", b: packettest.Change(tcp4, 0, 0x40), want: packet.Header{Protocol: 6, Len: 0}},
		{name: "v4 header longer than packet", b: packettest.Change(tcp4[:24], 0, 0x4f), want: packet.Header{Protocol: 6, Len: 60}},
		{name: "v4 later fragment", b: packettest.Change(tcp4, 6, 0, 3), want: packet.Header{Protocol: 6, Len: 20}},

		{name: "v6", b: tcp6, want: packet.Header{Protocol: 6, Len: 40}},
		{name: "v6 header only", b: tcp6[:40], want: packet.Header{Protocol: 6, Len: 40}},
		{name: "v6 cut off", b: tcp6[:39], bad: true},
		{name: "v6 no next header", b: ip6.Wrap(noNext, []byte{1, 2, 3}), want: packet.Header{Protocol: noNext, Len: 40}},
		{name: "v6 hop-by-hop", b: with(packettest.Ext{Type: hopByHop}).UDP(1, 2, nil), want: packet.Header{Protocol: 17, Len: 48}},
		{name: "v6 chain", b: with(packettest.Ext{Type: hopByHop, Body: make([]byte, 14)}, packettest.Ext{Type: routing, Body: make([]byte, 22)},
			packettest.Ext{Type: destOpts}).UDP(1, 2, nil), want: packet.Header{Protocol: 17, Len: 40 + 16 + 24 + 8}},
		{name: "v6 AH is stepped over", b: with(packettest.Ext{Type: ah, Body: make([]byte, 22)}).TCP(1, 2, 0, nil), want: packet.Header{Protocol: 6, Len: 40 + 24}},
		{name: "v6 ESP is not", b: ip6.Wrap(50, make([]byte, 16)), want: packet.Header{Protocol: 50, Len: 40}},
		{name: "v6 first fragment", b: with(packettest.FragmentHeader(0, true, 7)).UDP(1, 2, nil), want: packet.Header{Protocol: 17, Len: 48, Fragment: true}},
		{name: "v6 later fragment", b: with(packettest.FragmentHeader(1280, true, 7)).UDP(1, 2, nil), want: packet.Header{Protocol: 17, Len: 0, Fragment: true, FragOff: 1280}},
		{name: "v6 later fragment with no more", b: with(packettest.FragmentHeader(1280, true, 7)).Wrap(noNext, nil), want: packet.Header{Protocol: noNext, Len: 0, Fragment: true, FragOff: 1280}},
		{name: "v6 later fragment of options", b: with(packettest.FragmentHeader(8, true, 7), packettest.Ext{Type: destOpts}).UDP(1, 2, nil), bad: true},
		{name: "v6 options, then first fragment", b: with(packettest.Ext{Type: destOpts}, packettest.FragmentHeader(0, false, 7)).UDP(1, 2, nil), want: packet.Header{Protocol: 17, Len: 56, Fragment: true}},
		{name: "v6 chain cut off after its next header", b: with(packettest.Ext{Type: hopByHop}).UDP(1, 2, nil)[:41], bad: true},
		{name: "v6 routing header cut off", b: with(packettest.Ext{Type: routing}).UDP(1, 2, nil)[:43], bad: true},
		{name: "v6 fragment header cut off", b: with(packettest.FragmentHeader(0, true, 7)).UDP(1, 2, nil)[:43], bad: true},
		{name: "v6 fragment header of half its size", b: with(packettest.FragmentHeader(0, true, 7)).UDP(1, 2, nil)[:46], bad: true},
		{name: "v6 options longer than packet", b: packettest.Change(with(packettest.Ext{Type: destOpts}).UDP(1, 2, nil), 41, 200), bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h packet.Header
			f := packet.IPv4
			if len(c.name) > 1 && c.name[1] == '6' {
				f = packet.IPv6
			}
			if ok := packet.ParseHeader(f, c.b, 0, &h); ok == c.bad {
				t.Fatalf("ParseHeader = %v; %+v", ok, h)
			}
			if c.bad {
				return
			}
			c.want.Family, c.want.Src, c.want.Dst = f, packettest.Addr(client4), packettest.Addr(vip4)
			if f == packet.IPv6 {
				c.want.Src, c.want.Dst = packettest.Addr(client6), packettest.Addr(vip6)
			}
			if d := cmp.Diff(c.want, h); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// A header that an ICMP error quotes starts within the packet.
func TestParseHeaderQuoted(t *testing.T) {
	for _, c := range []struct {
		name  string
		b     []byte
		off   int
		proto uint8
		bad   bool
	}{
		{"v4", ip4.ICMP(3, 3, 0, ip4.UDP(1, 2, nil)), 28, 17, false},
		{"v4 cut off", ip4.ICMP(3, 3, 0, ip4.UDP(1, 2, nil)[:19]), 28, 0, true},
		{"v6", ip6.ICMP(1, 4, 0, with(packettest.Ext{Type: hopByHop}).UDP(1, 2, nil)), 48, 17, false},
		{"v6 of another version", ip6.ICMP(1, 4, 0, packettest.Change(ip6.UDP(1, 2, nil), 0, 0x45)), 48, 0, true},
		{"v6 cut off", ip6.ICMP(1, 4, 0, ip6.UDP(1, 2, nil)[:39]), 48, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h packet.Header
			ok := packet.ParseHeader(packet.Family(c.b[0]>>4), c.b, c.off, &h)
			if ok == c.bad || h.Protocol != c.proto && ok {
				t.Fatalf("ParseHeader = %v; %+v", ok, h)
			}
			if ok && (h.Off != c.off || h.Len <= h.Off) {
				t.Errorf("%+v", h)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	b := ip4.UDP(0x1234, 0x5678, nil)
	for _, c := range []struct {
		n  int
		ok bool
	}{{28, true}, {24, true}, {23, false}, {20, false}} {
		h := packet.Header{Len: 20}
		src, dst, ok := h.Ports(b[:c.n])
		if ok != c.ok || ok && (src != 0x1234 || dst != 0x5678) {
			t.Errorf("of %d octets: %#x, %#x, %v", c.n, src, dst, ok)
		}
	}
	for proto, want := range map[uint8]bool{6: true, 17: true, 132: true, 50: false, 51: false, 1: false} {
		h := packet.Header{Protocol: proto}
		if h.HasPorts() != want {
			t.Errorf("protocol %d: HasPorts = %v", proto, !want)
		}
	}
}
