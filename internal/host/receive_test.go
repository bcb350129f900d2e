package host

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvs/packet"
)

func TestReceiveChecks(t *testing.T) {
	const src, vip = "198.51.100.1", "203.0.113.10"
	whole := udp4(src, vip, 20)
	resum := func(b []byte, f func([]byte)) []byte {
		b = slices.Clone(b)
		f(b)
		if n := int(b[0]&0xf) * 4; n >= packet.SizeIPv4 && n <= len(b) {
			packet.SetIPv4Checksum(b, 0)
		}
		return b
	}
	taken := []string{"local 198.51.100.1 > 203.0.113.10"}
	tests := []struct {
		name string
		in   []byte
		want []string
	}{
		{"good", whole, taken},
		{"padded", append(slices.Clone(whole), make([]byte, 6)...), taken},
		{"empty", nil, nil},
		{"a header cut short", whole[:19], nil},
		{"version 5", resum(whole, func(b []byte) { b[0] = 0x55 }), nil},
		{"header of four words", resum(whole, func(b []byte) { b[0] = 0x44 }), nil},
		{"header longer than the packet", resum(whole, func(b []byte) { b[0] = 0x4f }), nil},
		{"wrong checksum", func() []byte { b := slices.Clone(whole); b[10]++; return b }(), nil},
		{"total length beyond the frame", resum(whole, func(b []byte) { b[3]++ }), nil},
		{"total length below the header", resum(whole, func(b []byte) { binary.BigEndian.PutUint16(b[2:], 19) }), nil},
		{"total length of the header", resum(whole, func(b []byte) { binary.BigEndian.PutUint16(b[2:], 20) }), taken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, newWorld(t).in("eth0", tt.in)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReceiveFrames(t *testing.T) {
	b := udp4("198.51.100.1", "10.1.0.11", 8)
	forwarded := []string{"eth1 02000000010b 198.51.100.1 > 10.1.0.11"}
	w := newWorld(t)
	for name, tt := range map[string]struct {
		mac  [6]byte
		b    []byte
		want []string
	}{
		"to the host":               {mac0, b, forwarded},
		"to another":                {mac1, b, nil},
		"to everybody: no router's": {everyone, b, nil},
		"to a group: no router's":   {[6]byte{1, 0, 0x5e}, b, nil},
		"local, to everybody":       {everyone, udp4("198.51.100.1", "192.0.2.1", 8), []string{"local 198.51.100.1 > 192.0.2.1"}},
		"too long for the link":     {mac0, udp4("198.51.100.1", "192.0.2.1", 1485), nil},
		"as long as a tagged frame": {mac0, udp4("198.51.100.1", "192.0.2.1", 1484), []string{"local 198.51.100.1 > 192.0.2.1"}},
	} {
		if diff := cmp.Diff(tt.want, w.inTo("eth0", tt.mac, tt.b)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if err := w.h.Receive("eth9", nil, w.now); err != ErrNoDevice {
		t.Errorf("unknown interface: %v", err)
	}
	w.do(w.h.SetUp("eth0", false))
	if got := w.in("eth0", b); got != nil {
		t.Errorf("an interface that is down takes %q", got)
	}
}

func TestMartians(t *testing.T) {
	w := newWorld(t)
	local, out := "local %s > 203.0.113.10", "eth1 02000000010b %s > 10.1.0.11"
	for src, ok := range map[string]bool{
		"198.51.100.1": true, "192.0.2.255": true, "240.0.0.1": true, "0.1.2.3": true,
		"192.0.2.1": false, "203.0.113.10": false, "127.0.0.1": false, "0.0.0.0": false, "224.0.0.5": false, "255.255.255.255": false,
	} {
		for dst, form := range map[string]string{"203.0.113.10": local, "10.1.0.11": out} {
			var want []string
			if ok {
				want = []string{fmt.Sprintf(form, src)}
			}
			if diff := cmp.Diff(want, w.in("eth0", udp4(src, dst, 8))); diff != "" {
				t.Errorf("%s > %s (-want +got)\n%s", src, dst, diff)
			}
		}
	}
	for _, dst := range []string{"127.0.0.1", "0.0.0.0", "224.0.0.5"} {
		if got := w.in("eth0", udp4("198.51.100.1", dst, 8)); got != nil {
			t.Errorf("to %s: %q", dst, got)
		}
	}
}

func TestBroadcastAndMulticast(t *testing.T) {
	w := newWorld(t)
	for _, dst := range []string{"255.255.255.255", "192.0.2.255", "10.1.0.255", "224.0.0.1"} {
		want := []string{"local 198.51.100.1 > " + dst}
		if diff := cmp.Diff(want, w.inTo("eth0", everyone, udp4("198.51.100.1", dst, 8))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", dst, diff)
		}
	}
	want := []string{"local 0.0.0.0 > 255.255.255.255"}
	if diff := cmp.Diff(want, w.inTo("eth0", everyone, udp4("0.0.0.0", "255.255.255.255", 8))); diff != "" {
		t.Errorf("without an address (-want +got)\n%s", diff)
	}
}

func TestReceive6(t *testing.T) {
	w := newWorld(t)
	local := func(dst string) []string { return []string{"local 2001:db8:c::1 > " + dst} }
	for dst, want := range map[string][]string{
		"2001:db8:a::1":   local("2001:db8:a::1"),
		"2001:db8:1::":    local("2001:db8:1::"), // every router of that link
		"2001:db8:1::b":   {"eth1 02000000010b 2001:db8:c::1 > 2001:db8:1::b"},
		"ff02::1":         local("ff02::1"),
		"ff05::2":         local("ff05::2"),
		"ff02::1:ff00:1":  local("ff02::1:ff00:1"),
		"ff02::1:ff00:77": nil,
		"ff02::5":         nil,
		"ff01::1":         nil, // from elsewhere
		"ff00::1":         nil,
		"::1":             nil,
	} {
		if diff := cmp.Diff(want, w.in("eth0", udp6("2001:db8:c::1", dst, 8))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", dst, diff)
		}
	}
	for _, src := range []string{"::1", "ff02::1"} {
		if got := w.in("eth0", udp6(src, "2001:db8:a::1", 8)); got != nil {
			t.Errorf("from %s: %q", src, got)
		}
	}
	b := udp6("2001:db8:c::1", "2001:db8:a::1", 8)
	for name, tt := range map[string]struct {
		b    []byte
		want []string
	}{
		"padded":         {append(slices.Clone(b), 0), local("2001:db8:a::1")},
		"cut short":      {b[:len(b)-1], nil},
		"header cut":     {b[:39], nil},
		"no IPv6 at all": {append([]byte{0x50}, b[1:]...), nil},
	} {
		if diff := cmp.Diff(tt.want, w.in("eth0", tt.b)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestHopByHop(t *testing.T) {
	const src, dst = "2001:db8:c::1", "2001:db8:a::1"
	taken := []string{"local 2001:db8:c::1 > 2001:db8:a::1"}
	problem := func(at int) []string {
		return []string{fmt.Sprintf("eth0 0200000000fe 2001:db8:a::1 > 2001:db8:c::1 icmp 4/2 %#x", at)}
	}
	for name, tt := range map[string]struct {
		options []byte
		want    []string
	}{
		"padding":                 {[]byte{1, 4, 0, 0, 0, 0}, taken},
		"single octets":           {[]byte{0, 0, 0, 0, 0, 0}, taken},
		"padding not of zeroes":   {[]byte{1, 4, 0, 1, 0, 0}, nil},
		"too much padding":        {[]byte{1, 6, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0}, nil},
		"router alert":            {[]byte{5, 2, 0, 0, 0, 0}, taken},
		"router alert of 3":       {[]byte{5, 1, 0, 0, 0, 0}, nil},
		"unknown, to be skipped":  {[]byte{0x1e, 4, 0, 0, 0, 0}, taken},
		"unknown, to be dropped":  {[]byte{0x5e, 4, 0, 0, 0, 0}, nil},
		"unknown, to be answered": {[]byte{0x9e, 4, 0, 0, 0, 0}, problem(42)},
		"unknown, behind padding": {[]byte{1, 0, 0xde, 2, 0, 0}, problem(44)},
		"beyond the header":       {[]byte{0x1e, 5, 0, 0, 0, 0}, nil},
		"jumbo":                   {[]byte{0xc2, 4, 0, 1, 0, 0}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := udp6(src, dst, 8)
			x := append([]byte{packet.ProtoUDP, byte((len(tt.options)+2)/8 - 1)}, tt.options...)
			b = slices.Insert(b, packet.SizeIPv6, x...)
			b[6] = extHopByHop
			binary.BigEndian.PutUint16(b[4:], uint16(len(b)-packet.SizeIPv6))
			got := newWorld(t).in("eth0", b)
			if name == "jumbo" {
				// Answered about the length field, which isn't zero.
				if len(got) != 1 {
					t.Fatalf("got %q", got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
